// What a borrower leases, and from whom. Whatever becomes of the holder: what was leased serves on, and is
// replaced only by somebody who knows better.
#include "routing/shard_replica.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

constexpr std::size_t started_with = 500; ///< Hosts in the first message; the others follow one by one.
constexpr std::size_t offered_together = 64;
constexpr std::size_t grant_parts_max = 1'024; ///< Each about a quarter of a megabyte at most.

} // namespace

void shard_replica::choose_upstream(time_point now) {
  const auto* next = holder_in_sync();
  if (const auto* current = upstream_ ? holder(*upstream_) : nullptr;
      current != nullptr && (next == nullptr || (current->in_sync && (current->placed || !next->placed))))
    return;
  if (next == nullptr && !view_.others.empty())
    next = &view_.others.front();
  if (upstream_)
    send(*upstream_, lease_end{});
  lose_upstream(now);
  if (next == nullptr)
    return;
  lease_from(next->peer);
  if (!next->in_sync)
    offer(*upstream_, now);
}

void shard_replica::lease_from(peer_id holder) {
  upstream_ = holder;
  auto hosts = borrowed_;
  hosts.insert(asked_.begin(), asked_.end());
  lease_start start{.lease = ++lease_};
  std::vector<std::string> rest;
  for (const auto& host : hosts)
    (start.hosts.size() < started_with ? start.hosts : rest).push_back(host);
  send(*upstream_, std::move(start));
  for (auto& host : rest) {
    doubted_hosts_.insert(host);
    send(*upstream_, lease_more{std::move(host)});
  }
}

/// What a holder in doubt did not name was kept. Now that it is in sync all is leased anew.
void shard_replica::make_sure(time_point now) {
  if (holds_ || !kept_in_doubt_ || !upstream_complete_ || !upstream_in_sync_)
    return;
  const auto holder = *upstream_;
  lose_upstream(now);
  lease_from(holder);
}

void shard_replica::lose_upstream(time_point now) {
  upstream_.reset();
  upstream_complete_ = upstream_in_sync_ = false;
  word_awaited_.reset(); // Whoever comes next says all anew.
  upstream_sequence_ = 0;
  granted_wildcards_.clear();
  granted_parts_.clear();
  granted_parts_count_ = 0;
  kept_in_doubt_ = false;
  filter_.reset(); // Hosts that appear meanwhile are not heard of.
  if (holds_) // Otherwise whoever is asked next is asked for all hosts.
    answer_what_nobody_will(now);
}

void shard_replica::lease(const std::string& host) {
  asked_.insert(host);
  if (upstream_)
    send(*upstream_, lease_more{host});
}

/// Loops were told that it is not there: nothing is denied until it is known whether that still holds.
void shard_replica::lease_after_all(const std::string& host) {
  doubted_hosts_.insert(host);
  lease(host);
}

/// A holder that does not know much yet hears what is served here.
void shard_replica::offer(peer_id to, time_point now) {
  slice_told some{.hosts = slice_.tell_wildcards(now), .last = false};
  for (const auto& host : borrowed_) {
    if (!slice_.has_routes(host))
      continue;
    some.hosts.push_back(slice_.tell(host, now));
    if (some.hosts.size() >= offered_together)
      send(to, std::exchange(some, slice_told{.last = false}));
  }
  if (!some.hosts.empty())
    send(to, std::move(some));
}

bool shard_replica::is_of_lease(peer_id from, std::uint64_t lease) const {
  return upstream_ == from && (lease == lease_ || lease == 0);
}

/// Whether it is the next word of the holder that this node leases from; one that had to be said in parts has the
/// number before its own in all but the last.
template <class Push>
bool shard_replica::follows(peer_id from, const Push& m) {
  if (!is_of_lease(from, m.lease)
      || (m.sequence != upstream_sequence_ && m.sequence != upstream_sequence_ + 1))
    return false;
  upstream_sequence_ = m.sequence;
  upstream_in_sync_ = m.in_sync;
  return true;
}

void shard_replica::take(const lease_granted& m, peer_id from, time_point now) {
  const bool is_part = m.sequence == upstream_sequence_;
  if (!follows(from, m))
    return;
  granted_parts_.insert(granted_parts_.end(), m.hosts.begin(), m.hosts.end());
  if (is_part) { // Half a host would be taken for all of it.
    if (++granted_parts_count_ > grant_parts_max) { // It never ends.
      send(from, lease_end{});
      lose_upstream(now);
    }
    return;
  }
  granted_parts_count_ = 0;
  for (const auto& host : std::exchange(granted_parts_, {})) {
    if (is_wildcard(host.host))
      granted_wildcards_.insert(host.host);
    learn(host, m.in_sync, now);
    answer(host.host);
  }
  if (m.complete) {
    upstream_complete_ = true;
    if (!m.in_sync)
      kept_in_doubt_ = true; // Wildcards, at least.
    else if (!holds_)
      forget_other_wildcards(now);
  }
  make_sure(now);
}

void shard_replica::take(const lease_changed& m, peer_id from, time_point now) {
  if (!follows(from, m))
    return;
  for (const auto& host : m.hosts)
    if (is_wildcard(host.host) || borrowed_.contains(host.host))
      learn(host, true, now);
  for (const auto hash : m.appeared) {
    if (filter_)
      filter_->add(hash);
    const auto [first, last] = denied_.equal_range(hash);
    for (auto at = first; at != last; ++at)
      lease_after_all(at->second);
    denied_.erase(hash);
  }
  send(from, lease_applied{m.sequence});
  make_sure(now);
}

void shard_replica::take(const known_hosts& m, peer_id from) {
  if (!is_of_lease(from, m.lease))
    return;
  filter_ = existence_filter::read(m.filter);
  if (!filter_)
    return;
  std::vector<std::string> exist;
  for (const auto& [hash, host] : denied_)
    if (filter_->may_contain(hash))
      exist.push_back(host);
  for (const auto& host : exist) {
    denied_.erase(host_hash(host));
    lease_after_all(host);
  }
}

void shard_replica::learn(const told_host& told, bool for_certain, time_point now) {
  const bool says_something = std::any_of(told.paths.begin(), told.paths.end(),
                                          [](const told_path& path) { return path.known; });
  const bool keeps = !for_certain && slice_.has_routes(told.host);
  if (!is_wildcard(told.host) && !holds_) {
    if (!wanted_.contains(told.host))
      return; // Nobody wants it any more, and the holder has been told.
    borrowed_.insert(told.host);
  }
  kept_in_doubt_ = kept_in_doubt_ || keeps;
  if (keeps && !says_something)
    return;
  const auto then = now - late_;
  if (holds_) {
    slice_.merge(told, then);
  } else if (for_certain) {
    slice_.adopt(told, then);
  } else { // What it does not name may be there all the same.
    auto some = told;
    some.whole = false;
    for (auto& path : some.paths)
      path.whole = path.members.empty();
    std::erase_if(some.paths, [](const told_path& path) { return !path.known; });
    slice_.adopt(some, then);
  }
}

void shard_replica::forget_other_wildcards(time_point now) {
  for (const auto& each : slice_.tell_wildcards(now))
    if (!granted_wildcards_.contains(each.host))
      slice_.abandon(each.host, now);
}

} // namespace shunt::routing
