// What a slice tells its copies on other nodes, and what a borrower makes of what they tell: it adopts. A holder merges,
// in slice_merge.cpp. See replica_message.hpp for what is told.
#include "routing/slice.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace shunt::routing {

namespace {

told_end told_of(const endpoint_key& key, const tombstone& end, time_point now) {
  told_end all{key.address, std::max(now - end.at, nanoseconds{0})};
  if (end.heard != tombstone::unknown)
    all.heard_before = std::max(end.at - end.heard, nanoseconds{0});
  return all;
}

/// Cursors of `tell_some` from here on are hashes of hosts of which there is nothing but tombstones.
constexpr std::uint64_t ends_from = std::uint64_t{1} << 62;
constexpr std::uint64_t cursor_of(std::uint64_t hash) { return ends_from | hash >> 2; }

nanoseconds since(time_point then, time_point now) {
  return std::max(now - then, nanoseconds{0});
}

told_path& path_of(told_host& host, const std::string& path) {
  const auto at = std::find_if(host.paths.begin(), host.paths.end(),
                               [&](const told_path& p) { return p.path == path; });
  if (at != host.paths.end())
    return *at;
  auto& fresh = host.paths.emplace_back();
  fresh.path = path;
  fresh.known = false;
  return fresh;
}

} // namespace

void slice::keep_history(history_rules rules) {
  history_ = std::make_unique<slice_history>(rules);
  hosts_.for_each([&](slice_host* h) {
    h->for_each_route([&](slice_route& r) {
      r.members.for_each([&](const slice_member& m) {
        history_->joined(h->text(), r.path(), *m.target);
        schedule(r, m);
      });
    });
  });
}

void slice::drop_history() {
  history_.reset();
  doubtful_.clear();
}

// -- Telling

told_member slice::tell(const slice_route& r, const slice_member& m, time_point now) {
  const auto spelling = r.derivation ? r.derivation->spelling(m.target->address()) : std::string_view{};
  return {m.target, std::string{spelling}, since(m.heard(), now), m.provisional()};
}

void slice::tell_empty(const slice_route& r, time_point now, told_path& path) {
  path.empty_for = since(r.members.vacancy().heard(), now);
  if (!r.derivation)
    return;
  path.last = r.derivation->last;
  path.last_app = r.derivation->last_app;
}

told_path slice::tell(const slice_route& r, time_point now) {
  told_path path{.path = std::string{r.path()}};
  path.members.reserve(r.members.size());
  r.members.for_each([&](const slice_member& m) { path.members.push_back(tell(r, m, now)); });
  if (path.members.empty())
    tell_empty(r, now, path);
  return path;
}

told_host slice::tell(slice_host& h, time_point now) {
  told_host told{.host = std::string{h.text()}};
  h.for_each_route([&](const slice_route& r) { told.paths.push_back(tell(r, now)); });
  return told;
}

told_host slice::tell_with_ends(slice_host& h, time_point now) const {
  auto told = tell(h, now);
  const auto hash = host_hash(h.text());
  history_->for_each_grave(hash, [&](std::uint64_t of, const endpoint_key& key, const tombstone& end) {
    if (of == hash && key.host == told.host)
      path_of(told, key.path).ended.push_back(told_of(key, end, now));
    return of == hash;
  });
  return told;
}

told_host slice::tell(std::string_view host, time_point now) const {
  slice_host* h = find_host(host, host_hash(host));
  return h == nullptr ? told_host{.host = std::string{host}} : tell(*h, now);
}

told_host slice::tell(const host_change& change, time_point now) const {
  told_host told{.host = change.host, .whole = false};
  slice_host* h = find_host(change.host, host_hash(change.host));
  for (const auto& each : change.paths) {
    auto& path = told.paths.emplace_back();
    path.path = each.path;
    path.whole = false;
    const slice_route* r = h == nullptr ? nullptr : h->find(each.path);
    path.known = r != nullptr;
    for (const auto& e : each.endpoints)
      if (e.what == endpoint_change::kind::remove)
        path.ended.push_back({std::string{e.target->address()}});
      else if (const auto* m = r == nullptr || e.what != endpoint_change::kind::put
                                 ? nullptr
                                 : r->members.find(e.target->address(), e.target->address_hash()))
        path.members.push_back(tell(*r, *m, now));
    if (r != nullptr && r->members.empty()) {
      path.whole = true;
      tell_empty(*r, now, path);
    }
  }
  return told;
}

std::uint64_t slice::tell_some(std::uint64_t cursor, std::size_t budget, time_point now,
                               std::vector<told_host>& into) const {
  if (cursor < ends_from) {
    const auto next = hosts_.walk(cursor, budget, [&](slice_host* h) {
      if (!h->is_without_routes())
        into.push_back(tell_with_ends(*h, now));
    });
    return next >= walk_end ? ends_from : next;
  }
  std::uint64_t next = tell_end;
  const auto from = (cursor - ends_from) << 2;
  std::size_t told = 0;
  history_->for_each_grave(from, [&](std::uint64_t hash, const endpoint_key& key, const tombstone& end) {
    const bool is_next_host = into.empty() || into.back().host != key.host;
    if (is_next_host && told >= budget && cursor_of(hash) > cursor) {
      next = cursor_of(hash);
      return false;
    }
    if (has_routes(key.host))
      return true; // Told with its routes, or made since.
    if (is_next_host) {
      ++told;
      into.push_back({.host = key.host, .whole = false});
    }
    path_of(into.back(), key.path).ended.push_back(told_of(key, end, now));
    return true;
  });
  return next;
}

std::uint64_t slice::tell_piece(std::uint64_t cursor, std::size_t hosts, time_point now,
                                std::vector<told_host>& into) const {
  into.reserve(hosts + hosts / 2); // A step of the walk may have more than it was asked for.
  while (cursor != tell_end && into.size() < hosts)
    cursor = tell_some(cursor, hosts, now, into);
  return cursor;
}

std::vector<told_host> slice::tell_wildcards(time_point now) const {
  std::vector<told_host> all;
  for (auto* h : wildcards_)
    if (!h->is_without_routes())
      all.push_back(tell(*h, now));
  return all;
}

std::vector<told_host> slice::tell_hosts(std::span<const std::uint64_t> hashes,
                                         time_point now) const {
  const std::unordered_set<std::uint64_t> wanted{hashes.begin(), hashes.end()};
  std::unordered_set<std::size_t> buckets;
  for (const auto each : wanted)
    buckets.insert(slice_history::bucket_of(each));
  std::vector<told_host> told;
  for (const auto bucket : buckets)
    hosts_.for_each_of_segment(bucket, [&](slice_host* h) {
      if (wanted.contains(host_hash(h->text())))
        told.push_back(tell_with_ends(*h, now));
    });
  std::unordered_set<std::string> there;
  for (const auto& each : told)
    there.insert(each.host);
  for (const auto hash : wanted)
    history_->for_each_grave(hash, [&](std::uint64_t of, const endpoint_key& key, const tombstone& end) {
      if (of != hash)
        return false;
      if (there.contains(key.host))
        return true;
      if (told.empty() || told.back().host != key.host)
        told.push_back({.host = key.host, .whole = false});
      path_of(told.back(), key.path).ended.push_back(told_of(key, end, now));
      return true;
    });
  return told;
}

std::vector<host_digest> slice::host_digests(std::size_t bucket) const {
  std::map<std::uint64_t, std::uint64_t> sums;
  hosts_.for_each_of_segment(bucket, [&](slice_host* h) {
    std::uint64_t sum = 0;
    h->for_each_route([&](const slice_route& r) {
      r.members.for_each([&](const slice_member& m) {
        sum += slice_history::digest_of(h->text(), r.path(), *m.target);
      });
    });
    if (sum != 0)
      sums[host_hash(h->text())] += sum;
  });
  history_->for_each_grave(0, [&](std::uint64_t hash, const endpoint_key& key, const tombstone&) {
    if (slice_history::bucket_of(hash) == bucket)
      sums[hash] += slice_history::digest_of_grave(key);
    return true;
  });
  std::vector<host_digest> all;
  for (const auto& [host, sum] : sums)
    all.push_back({host, sum});
  return all;
}

bool slice::has_routes(std::string_view host) const {
  const slice_host* h = find_host(host, host_hash(host));
  return h != nullptr && !h->is_without_routes();
}

// -- Adopting

void slice::adopt(const told_host& told, time_point now) {
  if (!is_acceptable(told.host, {}))
    return;
  slice_host& h = make_host(told.host, host_hash(told.host));
  const pin stays{*this, h};
  if (told.whole) {
    std::unordered_set<std::string_view> named;
    for (const auto& path : told.paths)
      if (path.known)
        named.insert(path.path);
    std::vector<slice_route*> gone;
    h.for_each_route([&](slice_route& r) {
      if (!named.contains(r.path()))
        gone.push_back(&r);
    });
    for (auto* r : gone)
      abandon(*r, now);
  }
  for (const auto& path : told.paths)
    if (is_acceptable(told.host, path.path))
      adopt(h, path, now);
}

void slice::adopt(slice_host& h, const told_path& told, time_point now) {
  slice_route* known = h.find(told.path);
  if (!told.known) {
    if (known != nullptr)
      abandon(*known, now);
    return;
  }
  slice_route& r = make_route(h, told.path);
  std::vector<endpoint_ptr> leaving;
  if (told.whole) {
    std::unordered_set<std::string_view> named;
    for (const auto& each : told.members)
      named.insert(each.target->address());
    r.members.for_each([&](const slice_member& m) {
      if (!named.contains(m.target->address()))
        leaving.push_back(m.target);
    });
  }
  for (const auto& each : told.ended)
    if (const auto* m = r.members.find(each.address, endpoint::hash_address(each.address)))
      leaving.push_back(m->target);
  for (const auto& each : told.members) {
    const auto at = now - each.age;
    auto* m = r.members.find(each.target->address(), each.target->address_hash());
    std::erase_if(leaving, [&](const endpoint_ptr& e) { return e->address() == each.target->address(); });
    if (m == nullptr) {
      add(r, slice_member{each.target, at, false, true}, each.spelling);
      continue;
    }
    m->touch(at, false, true);
    if (*m->target == *each.target)
      respell(r, *m, each.spelling);
    else
      replace(r, *m, each.target, each.spelling);
  }
  for (const auto& each : leaving)
    if (auto* m = r.members.find(each->address(), each->address_hash()))
      remove_member(r, m);
  if (r.members.empty())
    adopt_empty(r, told, now);
}

void slice::adopt_empty(slice_route& r, const told_path& told, time_point now) {
  ages_.remove(r);
  auto& d = r.deriving();
  d.emptied();
  d.last = told.last;
  d.last_app = told.last_app;
  if (!d.is_needed())
    r.derivation.reset();
  r.members.vacancy().touch(now - told.empty_for, false);
  if (!r.derivation || !r.derivation->reserved)
    ages_.add_empty(r);
  if (auto* dirt = dirt_of(r))
    dirt->traits = true;
}

/// True if the route is gone; one that is reserved stays, without endpoints.
bool slice::abandon(slice_route& r, time_point now) {
  std::vector<endpoint_ptr> all;
  r.members.for_each([&](const slice_member& m) { all.push_back(m.target); });
  for (const auto& each : all)
    remove_member(r, r.members.find(each->address(), each->address_hash()));
  if (r.derivation && r.derivation->reserved) {
    adopt_empty(r, {}, now);
    return false;
  }
  forget(r);
  return true;
}

void slice::abandon(slice_host& h, time_point now) {
  std::vector<slice_route*> all;
  h.for_each_route([&](slice_route& r) { all.push_back(&r); });
  const pin stays{*this, h};
  for (auto* r : all)
    abandon(*r, now);
}

void slice::abandon(std::string_view host, time_point now) {
  if (slice_host* h = find_host(host, host_hash(host)))
    abandon(*h, now);
}

void slice::abandon_unwatched(time_point now) {
  std::vector<slice_host*> gone;
  hosts_.for_each([&](slice_host* h) {
    if (!h->watched())
      gone.push_back(h);
  });
  for (auto* h : gone)
    abandon(*h, now);
}

} // namespace shunt::routing
