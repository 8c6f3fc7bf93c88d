// See lease_table.hpp. Wildcards are kept by themselves: a request only looks for those whose
// number of labels occurs, and the path never takes part in it.
#include "routing/lease_table.hpp"

#include "routing/text_hash.hpp"

#include <algorithm>
#include <unordered_set>

namespace shunt::routing {

namespace {

constexpr std::size_t depths_max = 63;
constexpr std::size_t destroyed_at_once_max = 64; ///< Paths; hosts with more are buried.

std::size_t dots_in(std::string_view host) {
  return static_cast<std::size_t>(std::count(host.begin(), host.end(), '.'));
}

/// A key is compared without its "*": what a request offers is the end of its host.
std::string_view without_star(std::string_view host) {
  return is_wildcard(host) ? host.substr(1) : host;
}

} // namespace

lease_table::lease_table(lease_rules rules, std::uint64_t seed) : rules_{rules}, seed_{seed} {
}

lease_table::~lease_table() {
  hosts_.for_each(&leased_host::destroy);
  wildcards_.for_each(&leased_host::destroy);
}

// -- Leases come and go

leased_host& lease_table::grant(const host_grant& granted, time_point now) {
  now_ = std::max(now_, now);
  leased_host& h = make_host(granted.host);
  std::unordered_set<std::string_view> stay;
  for (const auto& path : granted.paths)
    stay.insert(path.path);
  std::vector<std::string> leave;
  h.for_each([&](const leased_pool& p) {
    if (!stay.contains(p.path()))
      leave.push_back(p.path());
  });
  for (const auto& path : leave)
    h.erase(path);
  for (const auto& path : granted.paths)
    if (is_acceptable(granted.host, path.path))
      h.make_pool(path.path).reset(path);
  return settle(h);
}

leased_host_ptr lease_table::stage(std::string_view host) const {
  return leased_host::make(host, text_hash(without_star(host), seed_));
}

bool lease_table::has_paths(std::string_view host) {
  const auto* known = look_up(host);
  return known != nullptr && !known->is_miss();
}

leased_host& lease_table::grant(leased_host_ptr staged, time_point now) {
  now_ = std::max(now_, now);
  if (auto* known = look_up(staged->host()))
    destroy(known);
  auto* h = staged.release();
  enter(*h);
  return settle(*h);
}

void lease_table::apply(const host_change& change) {
  leased_host* h = look_up(change.host);
  if (h == nullptr && !is_wildcard(change.host))
    return;
  if (h == nullptr)
    h = &make_host(change.host);
  for (const auto& path : change.paths)
    apply_path(*h, path);
  settle(*h);
}

void lease_table::apply_path(leased_host& h, const path_change& change) {
  if (change.now == path_change::state::gone)
    h.erase(change.path);
  else if (is_acceptable(h.host(), change.path))
    h.make_pool(change.path).apply(change);
}

bool lease_table::drop(std::string_view host) {
  leased_host* h = look_up(host);
  if (h != nullptr)
    destroy(h);
  return h != nullptr;
}

leased_host* lease_table::look_up(std::string_view host) {
  const auto key = without_star(host);
  return index_of(host).find(index_hash(text_hash(key, seed_)), [key](const leased_host* h) {
    return without_star(h->host()) == key;
  });
}

leased_host& lease_table::make_host(std::string_view host) {
  if (auto* known = look_up(host))
    return *known;
  const auto hash = text_hash(without_star(host), seed_);
  auto* made = leased_host::make(host, hash).release();
  enter(*made);
  return *made;
}

void lease_table::enter(leased_host& h) {
  h.used_ = h.checked_ = now_;
  h.in_misses_ = true;
  index_of(h.host()).insert(index_hash(h.hash_), &h);
  if (is_wildcard(h.host()))
    count_wildcard(h.host(), +1);
  else
    misses_.push(h);
}

void lease_table::destroy(leased_host* h) {
  if (is_wildcard(h->host()))
    count_wildcard(h->host(), -1);
  else
    queue_of(*h).remove(*h);
  index_of(h->host()).erase(index_hash(h->hash_), [h](leased_host* other) { return other == h; });
  leased_host_ptr gone{h};
  if (h->path_count() > destroyed_at_once_max)
    ended_.push_back(std::move(gone));
}

bool lease_table::bury(std::size_t most) {
  if (!ended_.empty() && ended_.back()->dismantle(most))
    ended_.pop_back();
  return ended_.empty();
}

/// After a change: a wildcard without paths goes, a host moves between misses and the others.
leased_host& lease_table::settle(leased_host& h) {
  h.settle();
  if (is_wildcard(h.host())) {
    if (!h.is_miss())
      return h;
    destroy(&h);
    return *no_wildcard_;
  }
  if (h.in_misses_ != h.is_miss()) {
    queue_of(h).remove(h);
    h.in_misses_ = h.is_miss();
    queue_of(h).push(h);
  }
  // The one just settled must survive, whatever the bounds: somebody is about to use it.
  h.referenced_ = true;
  make_room(h.in_misses_ ? misses_ : used_, h.in_misses_ ? rules_.misses_max : rules_.hosts_max);
  return h;
}

// -- Room and idleness

void lease_table::queue::push(leased_host& h) {
  h.older_ = newest;
  h.newer_ = nullptr;
  (newest == nullptr ? oldest : newest->newer_) = &h;
  newest = &h;
  ++count;
}

void lease_table::queue::remove(leased_host& h) {
  (h.older_ == nullptr ? oldest : h.older_->newer_) = h.newer_;
  (h.newer_ == nullptr ? newest : h.newer_->older_) = h.older_;
  --count;
}

/// Second chance: whatever was used since it was last looked at goes to the end once more. Using a
/// lease then only sets a flag in its own cache line, where a list in exact order would write to
/// three.
void lease_table::make_room(queue& q, std::size_t most) {
  int chances = 32; // Bounds the work of one grant.
  while (q.count > std::max<std::size_t>(most, 1)) {
    leased_host* h = q.oldest;
    if (h == q.newest || (h->referenced_ && chances-- > 0)) {
      h->referenced_ = false;
      q.remove(*h);
      q.push(*h);
    } else {
      dropped_.emplace_back(h->host());
      destroy(h);
    }
  }
}

bool lease_table::expire_idle(time_point now, nanoseconds idle,
                              const std::function<void(const std::string&)>& dropped,
                              std::size_t most) {
  now_ = std::max(now_, now);
  return expire(used_, now, idle, dropped, most) && expire(misses_, now, idle, dropped, most);
}

bool lease_table::expire(queue& q, time_point now, nanoseconds idle,
                         const std::function<void(const std::string&)>& dropped,
                         std::size_t& most) {
  while (q.oldest != nullptr && q.oldest->checked_ + idle <= now) {
    if (most-- == 0)
      return false;
    leased_host* h = q.oldest;
    if (h->used_ + idle <= now) {
      const std::string host{h->host()};
      destroy(h);
      dropped(host);
    } else {
      h->checked_ = now;
      q.remove(*h);
      q.push(*h);
    }
  }
  return true;
}

std::vector<std::string> lease_table::take_dropped() {
  return std::exchange(dropped_, {});
}

// -- Looking up

leased_host* lease_table::find(std::string_view host) {
  leased_host* h = look_up(host);
  if (h == nullptr)
    return is_wildcard(host) ? no_wildcard_.get()
                             : nullptr; // All wildcards are here: that is an answer.
  h->used_ = now_;
  h->referenced_ = true;
  return h;
}

match_result lease_table::match(std::string_view host, leased_host* leased, std::string_view path) {
  using enum match_result::kind;
  leased_pool* met_empty = nullptr;
  match_result result;
  if (leased != nullptr)
    result = judge(*leased, path, met_empty);
  if (result.what == none && result.pool == nullptr && wildcard_depths_ != 0)
    result = match_wildcards(host, path, met_empty);
  if (result.what == none && result.pool == nullptr && met_empty != nullptr)
    return {empty, met_empty};
  return {result.what, result.what == none ? nullptr : result.pool};
}

/// What one host says. With gorouter's rules an empty pool ends the search, even where the answer
/// is 404: then `none` comes with the pool.
match_result lease_table::judge(leased_host& h, std::string_view path,
                                leased_pool*& met_empty) const {
  using enum match_result::kind;
  const auto [live, without, vacant] = h.meet(path);
  if (live != nullptr && !vacant)
    return {found, live};
  if (live != nullptr) { // What is known of longer paths, or of the host itself, says more of the request.
    auto* nearer = met_empty != nullptr ? met_empty : without;
    return {empty, nearer != nullptr ? nearer : live};
  }
  if (without == nullptr)
    return {};
  const bool reserved = without->traits().reserved != route_traits::reservation_kind::none;
  if (!rules_.legacy || reserved) {
    met_empty = met_empty == nullptr ? without : met_empty;
    return {};
  }
  if (h.reaches_below(path, without->path()))
    return {};
  return {rules_.response_503 ? empty : none, without};
}

match_result lease_table::match_wildcards(std::string_view host, std::string_view path,
                                          leased_pool*& met_empty) {
  std::size_t dots = dots_in(host);
  for (auto dot = host.find('.'); dot != host.npos; dot = host.find('.', dot + 1), --dots) {
    if ((wildcard_depths_ >> std::min(dots, depths_max) & 1) == 0)
      continue;
    const auto end = host.substr(dot);
    auto* h = wildcards_.find(index_hash(text_hash(end, seed_)), [end](const leased_host* w) {
      return without_star(w->host()) == end;
    });
    if (h == nullptr)
      continue;
    const auto result = judge(*h, path, met_empty);
    if (result.what != match_result::kind::none || result.pool != nullptr)
      return result;
  }
  return {};
}

void lease_table::count_wildcard(std::string_view host, int change) {
  const auto depth = std::min(dots_in(host), depths_max);
  wildcard_counts_[depth] += static_cast<std::uint32_t>(change);
  const auto bit = std::uint64_t{1} << depth;
  wildcard_depths_ =
    wildcard_counts_[depth] != 0 ? wildcard_depths_ | bit : wildcard_depths_ & ~bit;
}

} // namespace shunt::routing
