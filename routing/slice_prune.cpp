// How the routes of a slice age. A cycle takes the routes that are due out of the order of ages,
// removes what is stale and puts the rest off to their next date; then it forgets the oldest empty
// routes.
#include "routing/slice.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

constexpr auto ask_again_after = std::chrono::seconds{10}; ///< About an endpoint whose age is over.

} // namespace

prune_result slice::prune(time_point now) {
  prune_result result;
  while (!prune_step(now, 4096, result)) {
  }
  return result;
}

bool slice::prune_step(time_point now, std::size_t budget, prune_result& result) {
  if (!ages_.is_cycle_open())
    ages_.open_cycle(now);
  for (std::size_t spent = 0; spent < budget;) {
    slice_route* due = ages_.take_due();
    if (due == nullptr) {
      const bool done = end_reservations(now, budget - spent, result)
                        && prune_empty(now, budget - spent, result);
      if (done)
        ages_.close_cycle();
      return done;
    }
    spent += prune_route(*due, now, result);
  }
  return false;
}

/// Returns how much there was to look at.
std::size_t slice::prune_route(slice_route& r, time_point now, prune_result& result) {
  std::vector<endpoint_ptr> stale;
  const slice_member* next = nullptr;
  const auto looked_at = r.members.slot_count();
  r.members.for_each([&](const slice_member& m) {
    if (is_spared(m))
      return; // These leave by unregistering or by failing, never by age.
    if (stale_after(m) < now)
      stale.push_back(m.target);
    else if (next == nullptr || stale_after(m) < stale_after(*next))
      next = &m;
  });
  if (next != nullptr)
    schedule(r, *next);
  if (!stale.empty())
    remove_stale(r, stale, now, result);
  return looked_at + 8 * stale.size() + 1;
}

void slice::remove_stale(slice_route& r, const std::vector<endpoint_ptr>& stale, time_point now,
                         prune_result& result, bool others_were_asked) {
  if (history_ && !others_were_asked) { // Another copy may have heard them.
    for (const auto& e : stale)
      doubtful_.push_back({std::string{r.host().text()}, std::string{r.path()}, std::string{e->address()}});
    ages_.schedule(r, now + ask_again_after);
    return;
  }
  pruned_route report;
  report.uri = r.host().text();
  if (!r.path().empty())
    report.uri.append("/").append(r.path());
  report.isolation_segment = stale.front()->isolation_segment();
  for (const auto& e : stale) {
    auto* member = r.members.find(e->address(), e->address_hash());
    // Its message may be heard at this very moment by somebody who still sees it held: from here on
    // it is seen not to be, and if it was heard before that, it stays.
    e->displace();
    const bool stays = stale_after(*member) >= now;
    e->place();
    if (stays) {
      schedule(r, *member);
      continue;
    }
    report.addresses.emplace_back(e->address());
    const auto heard = member->heard();
    remove_member(r, member);
    if (history_)
      history_->prune(r.host().text(), r.path(), e->address(), heard);
  }
  if (report.addresses.empty())
    return;
  result.endpoints += report.addresses.size();
  result.routes.push_back(std::move(report));
  if (r.members.empty())
    result.routes_gone += settle_empty(r, now, false);
}

bool slice::prune_empty(time_point now, std::size_t budget, prune_result& result) {
  for (std::size_t spent = 0; spent < budget; spent += 8) {
    slice_route* first = ages_.oldest_empty();
    if (first == nullptr || !is_over(*first, now))
      return true;
    forget(*first);
    ++result.routes_gone;
  }
  return false;
}

void slice::schedule(slice_route& r, const slice_member& m) {
  if (!is_spared(m))
    ages_.schedule(r, stale_after(m));
}

time_point slice::stale_after(const slice_member& m) const {
  return std::max(m.heard(), refreshed_floor_) + stale_threshold(*m.target);
}

nanoseconds slice::stale_threshold(const endpoint& e) const {
  const nanoseconds own = std::chrono::seconds{e.stale_threshold_seconds()};
  return own == nanoseconds{0} || own > rules_.stale_threshold ? rules_.stale_threshold : own;
}

// -- Ageing together

nanoseconds slice::age_of(const endpoint_key& which, time_point now) const {
  const auto* m = find(which.host, which.path, which.address).member;
  if (m == nullptr)
    return ages_told::never;
  return is_spared(*m) ? nanoseconds{0} : std::max(now - m->heard(), nanoseconds{0});
}

nanoseconds slice::age_to_tell(const endpoint_key& which, time_point now) const {
  const auto* m = find(which.host, which.path, which.address).member;
  return m != nullptr && stale_after(*m) >= now ? nanoseconds{0} : age_of(which, now);
}

void slice::hear(const endpoint_key& which, time_point at) {
  const auto [r, m] = find(which.host, which.path, which.address);
  if (m == nullptr || at <= m->heard())
    return;
  m->touch(at, m->stamp_ns() != 0, m->provisional());
  schedule(*r, *m);
}

void slice::spare_no_more(const endpoint_key& which) {
  const auto [r, m] = find(which.host, which.path, which.address);
  if (m == nullptr || !m->target->tls() || m->failed())
    return;
  m->set_failed();
  schedule(*r, *m);
}

bool slice::has_failed(const endpoint_key& which) const {
  const auto* m = find(which.host, which.path, which.address).member;
  return m != nullptr && m->failed();
}

void slice::prune_endpoint(const endpoint_key& which, time_point now, prune_result& result) {
  const auto [r, m] = find(which.host, which.path, which.address);
  if (m != nullptr && !is_spared(*m) && stale_after(*m) < now)
    remove_stale(*r, {m->target}, now, result, true);
}

} // namespace shunt::routing
