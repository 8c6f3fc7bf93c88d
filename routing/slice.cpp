// What a slice does with what it hears: registrations, unregistrations and failures. Ageing is in
// slice_prune.cpp, leases and changes in slice_changes.cpp.
#include "routing/slice.hpp"

#include "routing/text_hash.hpp"

#include <algorithm>
#include <utility>

namespace shunt::routing {

namespace {

/// A stamp further ahead of our clock than this is no stamp: its sender's clock is wrong.
constexpr std::int64_t stamp_ahead_max_ns = 60'000'000'000;

bool stamp_counts(const endpoint& e, std::int64_t now_ns) {
  const auto stamp = e.updated_at_ns();
  return stamp > 0 && (stamp <= now_ns || stamp - now_ns <= stamp_ahead_max_ns);
}

/// Modification tags: whether `b` may follow `a`. Those of NATS are empty and always may.
bool succeeds(const endpoint& b, const endpoint& a) {
  return a.modification_guid().empty() || a.modification_guid() != b.modification_guid()
         || a.modification_index() < b.modification_index();
}

bool same_tag(const endpoint& a, const endpoint& b) {
  return a.modification_guid() == b.modification_guid()
         && a.modification_index() == b.modification_index();
}

} // namespace

slice::slice(table_rules rules) : rules_{std::move(rules)} {
}

slice::~slice() {
  hosts_.for_each(&slice_host::destroy);
}

// -- Hosts

slice_host* slice::find_host(std::string_view host, std::uint64_t hash) const {
  return hosts_.find(index_hash(hash), [host](const slice_host* h) { return h->text() == host; });
}

slice_host& slice::make_host(std::string_view host, std::uint64_t hash) {
  if (auto* known = find_host(host, hash))
    return *known;
  auto* made = slice_host::make(host, hash);
  hosts_.insert(made->hash, made);
  if (is_wildcard(host)) {
    made->more_of().watched = true;
    wildcards_.push_back(made);
  }
  return *made;
}

void slice::release_host(slice_host* host) {
  if (host == pinned_ || !host->is_idle())
    return;
  if (is_wildcard(host->text()))
    std::erase(wildcards_, host);
  hosts_.erase(host->hash, [host](const slice_host* other) { return other == host; });
  slice_host::destroy(host);
}

bool slice::stores_segment(std::string_view segment) const {
  return rules_.filter_when_leasing || accepts_segment(segment);
}

bool slice::accepts_segment(std::string_view segment) const {
  if (rules_.sharding == segment_mode::all)
    return true;
  if (segment.empty() && rules_.sharding == segment_mode::shared_and_segments)
    return true;
  const auto& ours = rules_.isolation_segments;
  return std::find(ours.begin(), ours.end(), segment) != ours.end();
}

// -- Registering

register_result slice::register_endpoint(const registration& r, time_point now, std::int64_t now_ns,
                                         std::optional<time_point> waited_since) {
  if (!stores_segment(r.target->isolation_segment()) || !is_acceptable(r.host(), r.path()))
    return {};
  slice_host& h = make_host(r.host(), r.hash());
  slice_route& route = make_route(h, r.path());
  const auto at = waited_since ? heard_since(*waited_since) : now;
  if (auto* m = route.members.find(r.target->address(), r.target->address_hash()))
    return {is_told_since(*m, waited_since) ? register_outcome::older : renew(route, *m, r, at, now_ns), false};
  const bool was_empty = route.members.empty();
  add(route, slice_member{r.target, at, stamp_counts(*r.target, now_ns)}, r.spelling());
  return {register_outcome::added, was_empty};
}

slice_route& slice::make_route(slice_host& h, std::string_view path) {
  const bool appears = history_ && h.is_without_routes();
  bool made = false;
  slice_route& route = h.make_route(path, made);
  routes_ += made;
  if (made && appears)
    history_->appeared(host_hash(h.text()));
  return route;
}

void slice::add(slice_route& r, slice_member joining, std::string_view spelling) {
  if (r.members.empty())
    ages_.remove(r); // It may have been waiting to be forgotten.
  if (r.derivation && r.derivation->reserved)
    r.derivation->reserved->had_endpoints = true;
  const auto& m = r.members.append(std::move(joining));
  r.joined(*m.target, spelling);
  note_check(r, *m.target);
  note_pool(r, *m.target);
  ++endpoints_;
  schedule(r, m);
  if (history_)
    history_->joined(r.host().text(), r.path(), *m.target);
  if (auto* dirt = dirt_of(r)) {
    dirt->of(m.target).put = true;
    dirt->traits = true;
  }
}

register_outcome slice::renew(slice_route& r, slice_member& m, const registration& heard,
                              time_point now, std::int64_t now_ns) {
  const endpoint& fresh = *heard.target;
  const bool counts = stamp_counts(fresh, now_ns);
  if (m.target.get() == &fresh || *m.target == fresh) {
    m.touch(std::max(now, m.heard()), counts);
    if (m.target.get() != &fresh) // So that whoever hears this message again knows it is held.
      m.target = placed_endpoint{heard.target};
    respell(r, m, heard.spelling());
    return register_outcome::refreshed;
  }
  if (counts && fresh.updated_at_ns() < m.stamp_ns())
    return register_outcome::older;
  if (!succeeds(fresh, *m.target))
    return register_outcome::unmodified;
  m.touch(std::max(now, m.heard()), counts);
  replace(r, m, heard.target, heard.spelling());
  return register_outcome::updated;
}

/// The same endpoint, perhaps under another spelling of the uri.
void slice::respell(slice_route& r, const slice_member& m, std::string_view spelling) {
  const bool had = r.derivation && r.derivation->has_spellings();
  if (spelling.empty() && !had)
    return; // As nearly always: nothing was spelt in its own way, and nothing is.
  if (had && r.derivation->spelling(m.target->address()) == spelling)
    return;
  r.left(*m.target);
  r.joined(*m.target, spelling);
  if (auto* dirt = dirt_of(r))
    dirt->traits = true;
}

void slice::replace(slice_route& r, slice_member& m, const endpoint_ptr& by,
                    std::string_view spelling) {
  note_check(r, *m.target);
  note_check(r, *by);
  note_pool(r, *m.target);
  note_pool(r, *by);
  r.left(*m.target);
  if (history_)
    history_->left(r.host().text(), r.path(), *m.target);
  m.target = placed_endpoint{by};
  if (history_)
    history_->joined(r.host().text(), r.path(), *m.target);
  r.joined(*m.target, spelling);
  schedule(r, m);
  if (auto* dirt = dirt_of(r)) {
    dirt->of(m.target).put = true;
    dirt->traits = true;
  }
}

void slice::warm(std::span<const registration> soon) const {
  const auto peek = [this](const registration& r) {
    return hosts_.find(index_hash(r.hash()), [](const slice_host*) { return true; });
  };
  for (const auto& r : soon)
    hosts_.prefetch(index_hash(r.hash()));
  for (const auto& r : soon)
    if (const slice_host* h = peek(r)) {
      __builtin_prefetch(h);
      __builtin_prefetch(reinterpret_cast<const char*>(h) + 64);
    }
  for (const auto& r : soon)
    if (const slice_host* h = peek(r); h != nullptr && h->members.size() == 1)
      if (const slice_member* m = h->members.at(0))
        m->target->prefetch();
}

// -- Unregistering

unregister_result slice::unregister_endpoint(const registration& r, time_point now,
                                             std::optional<time_point> waited_since) {
  if (!stores_segment(r.target->isolation_segment()))
    return {};
  tombstone end{waited_since ? heard_since(*waited_since) : now};
  const auto result = take_out(r, now, waited_since, end);
  if (history_ && result.outcome != unregister_outcome::not_accepted)
    history_->bury(r.host(), r.path(), r.target->address(), end);
  return result.outcome == unregister_outcome::not_accepted
           ? unregister_result{.outcome = unregister_outcome::not_found}
           : result;
}

/// "Not accepted": what is there is newer than the message.
unregister_result slice::take_out(const registration& r, time_point now, std::optional<time_point> waited_since,
                                  tombstone& end) {
  unregister_result result{.outcome = unregister_outcome::not_found};
  slice_host* h = find_host(r.host(), r.hash());
  slice_route* route = h == nullptr ? nullptr : h->find(r.path());
  if (route == nullptr)
    return result;
  if (route->members.empty()) {
    result.route_gone = rules_.legacy && is_over(*route, now);
    if (result.route_gone)
      forget(*route);
    return result;
  }
  auto* m = route->members.find(r.target->address(), r.target->address_hash());
  if (m == nullptr)
    return result;
  if (!same_tag(*m->target, *r.target) && !succeeds(*r.target, *m->target))
    return {.outcome = unregister_outcome::not_accepted};
  if (is_told_since(*m, waited_since)) {
    m->set_provisional();
    schedule(*route, *m);
    return {.outcome = unregister_outcome::not_accepted};
  }
  if (waited_since) // NATS keeps the order: it ended what this process had heard.
    end.at = std::max(end.at, std::min(m->heard(), *waited_since));
  result.outcome = unregister_outcome::removed;
  end.heard = m->heard();
  remove_member(*route, m);
  result.route_emptied = route->members.empty();
  result.route_gone = result.route_emptied && settle_empty(*route, now, false);
  return result;
}

void slice::remove_member(slice_route& r, slice_member* m) {
  const endpoint_ptr target = m->target;
  note_check(r, *target);
  note_pool(r, *target);
  const bool guarded =
    !target->route_service_url().empty() || target->has_policy() || target->has_route_options();
  if (r.members.size() == 1 && (guarded || r.derivation))
    r.deriving().remember(r.members);
  if (history_)
    history_->left(r.host().text(), r.path(), *target);
  r.left(*target);
  if (r.derivation)
    r.derivation->marks.erase(std::string{target->address()});
  if (r.derivation && r.derivation->health)
    r.derivation->health->unhealthy.erase(std::string{target->address()});
  std::size_t follow = 0;
  r.members.remove(m, follow);
  --endpoints_;
  if (auto* dirt = dirt_of(r)) {
    dirt->of(target) = {.first = dirt->of(target).first, .removed = true};
    dirt->traits = true;
  }
}

// -- Routes without endpoints

nanoseconds slice::empty_time() const {
  if (!rules_.legacy)
    return rules_.keep;
  return rules_.response_503 ? rules_.empty_timeout : nanoseconds{0};
}

bool slice::is_over(const slice_route& empty, time_point now) const {
  if (empty.derivation && empty.derivation->reserved)
    return false;
  // With gorouter's rules and no timeout the next prune cycle ends it, whenever that is.
  return empty_time() <= nanoseconds{0} || now - empty.members.vacancy().heard() > empty_time();
}

bool slice::settle_empty(slice_route& r, time_point now, bool by_failure) {
  ages_.remove(r);
  if (r.derivation) {
    r.derivation->emptied();
    if (!r.derivation->is_needed())
      r.derivation.reset();
  }
  r.members.vacancy().touch(now, false);
  if (r.derivation && r.derivation->reserved)
    return false;
  if (empty_time() <= nanoseconds{0} && !(rules_.legacy && by_failure)) {
    forget(r);
    return true;
  }
  ages_.add_empty(r);
  return trim_empty_routes(&r);
}

/// True if `newest` itself had to go. gorouter bounds nothing here, so its rules are not bounded.
bool slice::trim_empty_routes(const slice_route* newest) {
  bool newest_gone = false;
  while (!rules_.legacy && ages_.empty_count() > rules_.keep_routes_max) {
    newest_gone |= ages_.oldest_empty() == newest;
    forget(*ages_.oldest_empty());
  }
  return newest_gone;
}

void slice::forget(slice_route& r) {
  ages_.remove(r);
  dirt_of(r); // Whoever leases it is told that it is gone: its path is looked up when they are.
  slice_host& h = r.host();
  h.erase(r);
  --routes_;
  if (history_ && h.is_without_routes())
    history_->vanished();
  release_host(&h);
}

// -- Failures

slice::place slice::find(std::string_view host, std::string_view path,
                         std::string_view address) const {
  slice_host* h = find_host(host, host_hash(host));
  slice_route* r = h == nullptr ? nullptr : h->find(path);
  if (r == nullptr)
    return {};
  return {r, r->members.find(address, endpoint::hash_address(address))};
}

endpoint_ptr slice::endpoint_at(std::string_view host, std::string_view path,
                                std::string_view address) const {
  const auto* member = find(host, path, address).member;
  return member == nullptr ? endpoint_ptr{} : endpoint_ptr{member->target};
}

failure_report slice::report_failure(std::string_view host, std::string_view path,
                                     std::string_view address, bool prune_tls, time_point now) {
  const auto [r, m] = find(host, path, address);
  if (m == nullptr)
    return failure_report::unknown;
  if (prune_tls && m->target->tls()) {
    remove_member(*r, m);
    if (r->members.empty())
      settle_empty(*r, now, true);
    return failure_report::pruned;
  }
  r->deriving().marks[std::string{address}] = now + rules_.stale_threshold / 4;
  if (auto* dirt = dirt_of(*r))
    dirt->of(m->target).marked = true;
  return failure_report::marked;
}

} // namespace shunt::routing
