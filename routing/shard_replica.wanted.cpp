// What the loops of this node ask for, and when they may be told that there is no such host.
#include "routing/shard_replica.hpp"

#include <algorithm>

namespace shunt::routing {

bool shard_replica::want(std::string_view host, time_point) {
  const std::string key{host};
  if (!how_.clustered) {
    slice_.watch(host);
    return true;
  }
  if (wanted_.insert(key).second)
    watch(host);
  if (asked_.contains(key))
    return false;
  if (holds_) {
    return in_sync() || slice_.has_routes(host) || !ask_for(key, std::nullopt);
  }
  if (borrowed_.contains(key))
    return true;
  if (in_sync() && filter_ && !filter_->may_contain(host_hash(host))) {
    deny(key);
    return true;
  }
  lease(key); // Loops bound how many they wait for.
  return false;
}

/// Once, however many loops ask: it is released once, by the last of them.
void shard_replica::deny(const std::string& host) {
  const auto [from, to] = denied_.equal_range(host_hash(host));
  if (std::none_of(from, to, [&](const auto& each) { return each.second == host; }))
    denied_.emplace(host_hash(host), host);
}

/// A holder to ask about what is not known here: one in sync; if there is none, each in turn, in the order of placement.
std::optional<peer_id> shard_replica::knows_better(std::optional<peer_id> before) const {
  if (const auto* sure = holder_in_sync()) // It may have come to that since the one before was asked.
    return before == sure->peer ? std::nullopt : std::optional{sure->peer};
  const auto& others = view_.others;
  auto next = others.begin();
  if (before) {
    next = std::find_if(next, others.end(), [before](const auto& each) { return each.peer == *before; });
    next += next != others.end();
  }
  return next == others.end() ? std::nullopt : std::optional{next->peer};
}

/// False: there is nobody who may know better.
bool shard_replica::ask_for(const std::string& host, std::optional<peer_id> before) {
  const auto whom = knows_better(before);
  if (!whom || asked_.size() >= asked_max)
    return false;
  asked_.insert(host);
  pulling_.push_back({*whom, host});
  send(*whom, slice_pull{{host_hash(host)}});
  return true;
}

void shard_replica::release(std::string_view host, time_point now) {
  const std::string key{host};
  if (!how_.clustered) {
    slice_.unwatch(host);
    return;
  }
  if (wanted_.erase(key) == 0)
    return;
  unwatch(host);
  const auto [from, to] = denied_.equal_range(host_hash(host));
  for (auto at = from; at != to; ++at)
    if (at->second == host) {
      denied_.erase(at);
      break;
    }
  doubted_hosts_.erase(key);
  if (holds_ || borrowed_.erase(key) + asked_.erase(key) == 0)
    return;
  if (upstream_)
    send(*upstream_, lease_less{key});
  slice_.abandon(host, now);
}

bool shard_replica::is_as(const change_asked& asked) const {
  const auto& host = asked.which.host;
  if (!holds_ && (asked_.contains(host) || !in_sync()))
    return false;
  if (!holds_ && !borrowed_.contains(host) && !is_wildcard(host)) // Whoever asks from now on hears of it.
    return !asked.present || !filter_ || filter_->may_contain(host_hash(host));
  const auto there = slice_.endpoint_at(host, asked.which.path, asked.which.address);
  if (!asked.present) // What a copy in doubt does not know may be somewhere all the same.
    return there == nullptr
           && (in_sync()
               || (slice_.history() != nullptr
                   && slice_.history()->ended(host, asked.which.path, asked.which.address)));
  return there != nullptr && there->content_hash() == asked.content;
}

void shard_replica::watch(std::string_view host) {
  if (watchers_[std::string{host}]++ == 0)
    slice_.watch(host);
}

void shard_replica::unwatch(std::string_view host) {
  const auto at = watchers_.find(std::string{host});
  if (at == watchers_.end() || --at->second > 0)
    return;
  watchers_.erase(at);
  slice_.unwatch(host);
}

void shard_replica::answer(const std::string& host) {
  doubted_hosts_.erase(host);
  if (asked_.erase(host) > 0)
    answered_.push_back(host);
}

/// Whoever was asked will not answer. If nobody else can, loops get what is known.
void shard_replica::ask_another(const std::string& host, time_point now) {
  if (asked_.erase(host) > 0 && wanted_.contains(host) && !want(host, now))
    return;
  doubted_hosts_.erase(host);
  answered_.push_back(host);
}

/// A holder that lost, or never had, whom it asked as a borrower.
void shard_replica::answer_what_nobody_will(time_point now) {
  for (const auto& host : std::vector<std::string>(asked_.begin(), asked_.end()))
    if (std::none_of(pulling_.begin(), pulling_.end(), [&](const auto& each) { return each.host == host; }))
      ask_another(host, now);
}

std::vector<host_change> shard_replica::take_changes(time_point now) {
  auto changes = slice_.take_changes();
  if (how_.clustered)
    tell_borrowers(changes, now);
  sync_told_ = in_sync();
  slice_.keep_ours(changes);
  return changes;
}

} // namespace shunt::routing
