#include "actors/shard_leases.hpp"

#include "net/request_id.hpp"

#include <algorithm>
#include <utility>

namespace shunt {

shard_leases::shard_leases()
  : leased_{0, routing::keyed_hash{net::request_ids{}.random()}}, unanswered_{0, leased_.hash_function()} {
}

std::uint16_t shard_leases::position_of(const lease_cache_actor& holder) const {
  return static_cast<std::uint16_t>(std::find(holders_.begin(), holders_.end(), holder) - holders_.begin());
}

std::uint16_t shard_leases::know(const lease_cache_actor& holder, std::uint64_t sequence) {
  const auto position = position_of(holder);
  if (position == holders_.size()) {
    holders_.push_back(holder);
    applied_.push_back(sequence);
  }
  return position;
}

void shard_leases::add(const std::string& host, std::uint16_t holder) {
  auto& of_host = leased_[host];
  if (std::find(of_host.begin(), of_host.end(), holder) == of_host.end())
    of_host.push_back(holder);
}

bool shard_leases::drop(const std::string& host, const lease_cache_actor& holder) {
  const auto found = leased_.find(host);
  if (found == leased_.end() || std::erase(found->second, position_of(holder)) == 0 || !found->second.empty())
    return false;
  leased_.erase(found);
  return true;
}

std::vector<std::uint16_t> shard_leases::take_awaiting(const std::string& host) {
  const auto found = unanswered_.find(host);
  if (found == unanswered_.end())
    return {};
  auto awaiting = std::move(found->second);
  unanswered_.erase(found);
  return awaiting;
}

void shard_leases::note_applied(const lease_cache_actor& holder, std::uint64_t sequence) {
  if (const auto position = position_of(holder); position < applied_.size())
    applied_[position] = sequence;
}

void shard_leases::note_pushed(std::uint64_t sequence) {
  if (wants_renewal())
    renewal_ = sequence;
}

std::optional<std::uint64_t> shard_leases::applied_by_all(std::uint64_t sequence) const {
  const auto applied = applied_.empty() ? sequence : *std::min_element(applied_.begin(), applied_.end());
  if (to_renew_ > 0 && (!renewal_ || applied < *renewal_))
    return std::nullopt;
  return applied;
}

} // namespace shunt
