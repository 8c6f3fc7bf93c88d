// What a holder lends to nodes that borrow: hosts, all wildcards, and a filter of what exists.
#include "routing/shard_replica.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

constexpr std::size_t granted_together = 64; ///< Hosts in one message.
constexpr std::size_t absent_lent_to_one_max = 200'000; ///< Hosts. More is not asked for by loops that keep their bounds.

} // namespace

void shard_replica::lend(peer_id to, const lease_start& asked, time_point now) {
  stop_lending(to);
  if (!holds_) {
    send(to, lease_end{});
    return;
  }
  auto& b = borrowers_.try_emplace(to, how_.hash_key).first->second;
  b.lease = asked.lease;
  auto hosts = slice_.tell_wildcards(now);
  for (const auto& host : asked.hosts) {
    if (!may_lend(b, host) || !b.hosts.insert(host).second)
      continue; // Named twice.
    watch(host);
    hosts.push_back(slice_.tell(host, now));
    if (hosts.size() >= granted_together)
      grant(to, std::exchange(hosts, {}), false);
  }
  grant(to, std::move(hosts), true);
  if (!lent_filter_)
    make_filter();
  send(to, known_hosts{lent_filter_->bytes(), b.lease});
}

/// Whatever is there may be leased: that is bounded by the table itself. Of the rest anybody could name any number.
bool shard_replica::may_lend(const borrower& b, const std::string& host) const {
  return b.hosts.size() < slice_.route_count() + absent_lent_to_one_max || slice_.has_routes(host) || b.hosts.contains(host);
}

void shard_replica::lend_more(peer_id to, const std::string& host, time_point now) {
  const auto at = borrowers_.find(to);
  if (at == borrowers_.end() || !may_lend(at->second, host))
    return;
  if (at->second.hosts.insert(host).second)
    watch(host);
  std::vector<told_host> hosts;
  hosts.push_back(slice_.tell(host, now));
  grant(to, std::move(hosts), false);
}

void shard_replica::lend_less(peer_id to, const std::string& host) {
  const auto at = borrowers_.find(to);
  if (at != borrowers_.end() && at->second.hosts.erase(host) > 0)
    unwatch(host);
}

void shard_replica::grant(peer_id to, std::vector<told_host> hosts, bool complete) {
  counters_.granted_hosts += hosts.size();
  auto& b = borrowers_.try_emplace(to, how_.hash_key).first->second;
  granted_otherwise_ = granted_otherwise_ || in_sync() != sync_told_;
  send(to, lease_granted{++b.sequence, in_sync(), complete, std::move(hosts), b.lease});
}

void shard_replica::stop_lending(peer_id to) {
  const auto at = borrowers_.find(to);
  if (at == borrowers_.end())
    return;
  const auto hosts = std::move(at->second.hosts);
  borrowers_.erase(at);
  for (const auto& host : hosts)
    unwatch(host);
  if (borrowers_.empty())
    lent_filter_.reset(); // What appears from now on nobody notes.
}

void shard_replica::borrower::push_sent(time_point now) {
  pushed = sequence;
  pushed_at = now;
  if (!is_awaited()) {
    watched = pushed;
    watched_since = now;
  }
}

void shard_replica::borrower::push_applied(std::uint64_t up_to) {
  applied = std::max(applied, up_to);
  if (!is_awaited() && pushed > applied) {
    watched = pushed;
    watched_since = pushed_at;
  }
}

std::optional<time_point> shard_replica::push_awaited_since() const {
  std::optional<time_point> since;
  for (const auto& [peer, b] : borrowers_)
    if (b.is_awaited())
      since = std::min(since.value_or(b.watched_since), b.watched_since);
  return since;
}

bool shard_replica::has_news_for_borrowers() const {
  return !borrowers_.empty()
         && (granted_otherwise_ || (slice_.history() != nullptr && slice_.history()->has_appeared()));
}

void shard_replica::tell_borrowers(const std::vector<host_change>& changes, time_point now) {
  if (!holds_)
    return;
  const auto appeared = slice_.history()->take_appeared();
  const bool knows_sync = !std::exchange(granted_otherwise_, false) && sync_told_ == in_sync();
  if (borrowers_.empty())
    return;
  note_appeared(appeared);
  std::vector<told_host> told;
  for (const auto& each : changes)
    told.push_back(slice_.tell(each, now));
  for (auto& [peer, b] : borrowers_) {
    lease_changed news{.in_sync = in_sync(), .appeared = appeared, .lease = b.lease};
    for (const auto& each : told)
      if (is_wildcard(each.host) || b.hosts.contains(each.host))
        news.hosts.push_back(each);
    if (news.hosts.empty() && appeared.empty() && knows_sync)
      continue;
    news.sequence = ++b.sequence;
    b.push_sent(now);
    send(peer, std::move(news));
  }
}

void shard_replica::note_appeared(const std::vector<std::uint64_t>& hosts) {
  if (!lent_filter_)
    return;
  for (const auto each : hosts)
    lent_filter_->add(each);
  in_lent_filter_ += hosts.size();
  const auto gone = slice_.history()->vanished_count() - vanished_before_;
  if (in_lent_filter_ <= lent_filter_->capacity() && gone <= in_lent_filter_ / 2)
    return;
  if (lent_filter_->bytes().size() >= existence_filter::bytes_max && gone <= in_lent_filter_ / 2)
    return; // As good as it gets.
  make_filter();
  for (const auto& [peer, b] : borrowers_)
    send(peer, known_hosts{lent_filter_->bytes(), b.lease});
}

void shard_replica::make_filter() {
  lent_filter_.emplace(2 * slice_.host_count());
  vanished_before_ = slice_.history()->vanished_count();
  in_lent_filter_ = 0;
  slice_.for_each_host([this](std::string_view host) {
    lent_filter_->add(host_hash(host));
    ++in_lent_filter_;
  });
}

} // namespace shunt::routing
