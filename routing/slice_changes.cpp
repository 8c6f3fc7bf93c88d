// What a slice tells those who lease its hosts: whole hosts on request, and afterwards only what
// has changed. Changes are noted by address while they happen and read off the state when they are
// asked for, so that any number of changes of one endpoint costs its leases one.
#include "routing/slice.hpp"

#include <algorithm>
#include <utility>

namespace shunt::routing {

namespace {

using kind = endpoint_change::kind;

/// Those that left first; then those that joined, in the order in which they stand in the pool.
void collect_endpoints(const slice_route& r, const path_dirt& dirt, path_change& change) {
  std::vector<std::pair<std::size_t, endpoint_ptr>> put, marked;
  for (const auto& [address, e] : dirt.endpoints) {
    if (e.removed)
      change.endpoints.push_back({kind::remove, e.first, {}});
    const auto* m = r.members.find(address, e.first->address_hash());
    if (m == nullptr)
      continue;
    if (e.put)
      put.emplace_back(r.members.slot_of(m), m->target);
    if (e.marked)
      marked.emplace_back(r.members.slot_of(m), m->target);
  }
  std::sort(put.begin(), put.end(), [](auto& a, auto& b) { return a.first < b.first; });
  for (auto& [slot, target] : put)
    change.endpoints.push_back({kind::put, std::move(target), {}});
  for (auto& [slot, target] : marked) {
    const auto until = r.failed_until(*target);
    change.endpoints.push_back({kind::mark, std::move(target), until});
  }
}

} // namespace

bool slice::is_for_us(const slice_route& r) const {
  if (!rules_.filter_when_leasing || r.members.empty())
    return true;
  bool some = false;
  r.members.for_each(
    [&](const slice_member& m) { some = some || accepts_segment(m.target->isolation_segment()); });
  return some;
}

host_grant slice::grant_of(slice_host& h) const {
  host_grant granted{std::string{h.text()}, {}};
  h.for_each_route([&](const slice_route& r) {
    if (!is_for_us(r))
      return;
    path_grant path{std::string{r.path()}, r.traits(), {}};
    path.endpoints.reserve(r.members.size());
    r.members.for_each([&](const slice_member& m) {
      if (accepts_segment(m.target->isolation_segment()))
        path.endpoints.push_back({m.target, r.failed_until(*m.target)});
    });
    granted.paths.push_back(std::move(path));
  });
  return granted;
}

void slice::watch(std::string_view host) {
  if (is_acceptable(host, {}))
    make_host(host, host_hash(host)).more_of().watched = true;
}

void slice::unwatch(std::string_view host) {
  slice_host* h = find_host(host, host_hash(host));
  if (h == nullptr || is_wildcard(host) || !h->watched())
    return;
  h->more->watched = false;
  h->more->dirt.reset();
  release_host(h);
}

host_grant slice::grant(std::string_view host) const {
  slice_host* h = find_host(host, host_hash(host));
  return h == nullptr ? host_grant{std::string{host}, {}} : grant_of(*h);
}

std::vector<host_grant> slice::grant_wildcards() const {
  std::vector<host_grant> all;
  for (auto* h : wildcards_)
    all.push_back(grant_of(*h));
  return all;
}

path_dirt* slice::dirt_of(slice_route& r) {
  slice_host& h = r.host();
  if (!h.watched())
    return nullptr;
  auto& more = *h.more;
  if (!more.dirt)
    more.dirt = std::make_unique<host_dirt>();
  if (!std::exchange(more.queued, true))
    dirty_.push_back(&h);
  return &(*more.dirt)[std::string{r.path()}];
}

std::vector<host_change> slice::take_changes() {
  std::vector<host_change> changes;
  for (slice_host* h : std::exchange(dirty_, {})) {
    h->more->queued = false;
    if (const auto dirt = std::move(h->more->dirt))
      changes.push_back(collect(*h, *dirt));
    release_host(h);
  }
  return changes;
}

host_change slice::collect(slice_host& h, const host_dirt& dirt) {
  using enum path_change::state;
  host_change change{std::string{h.text()}, {}};
  for (const auto& [path, noted] : dirt) {
    const slice_route* r = h.find(path);
    path_change out{path, r == nullptr ? gone : r->members.empty() ? empty : live, {}, {}};
    if (out.now != gone && noted.traits)
      out.traits = r->traits();
    if (out.now == live)
      collect_endpoints(*r, noted, out);
    change.paths.push_back(std::move(out));
  }
  return change;
}

void slice::keep_ours(std::vector<host_change>& changes) const {
  if (!rules_.filter_when_leasing || rules_.sharding == segment_mode::all)
    return;
  for (auto& change : changes) {
    slice_host* h = find_host(change.host, host_hash(change.host));
    for (auto& path : change.paths) {
      const slice_route* r = h == nullptr ? nullptr : h->find(path.path);
      if (r == nullptr || !is_for_us(*r)) {
        path = {.path = std::move(path.path), .now = path_change::state::gone};
        continue;
      }
      for (auto& e : path.endpoints)
        if (e.what == kind::put && !accepts_segment(e.target->isolation_segment()))
          e.what = kind::remove; // Loops may have the one that it took the place of.
      std::erase_if(path.endpoints, [&](const endpoint_change& e) {
        return e.what == kind::mark && !accepts_segment(e.target->isolation_segment());
      });
    }
  }
}

void slice::set_rules(table_rules rules) {
  const bool other_checks = rules.health_checks != rules_.health_checks;
  rules_ = std::move(rules);
  if (other_checks)
    note_all_checks();
  trim_empty_routes(nullptr);
}

} // namespace shunt::routing
