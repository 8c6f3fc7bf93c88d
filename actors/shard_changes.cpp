#include "actors/shard_changes.hpp"

#include <algorithm>

namespace shunt {

namespace {

constexpr auto within_max = std::chrono::hours{1}; ///< Whatever a peer says.

} // namespace

void shard_changes::ask(routing::peer_id from, routing::change_asked question,
                        routing::time_point now) {
  if (open_.size() >= open_max) {
    refused_.push_back({from, {question.change, false, false}});
    return;
  }
  const auto until = now + std::clamp<routing::nanoseconds>(question.within, {}, within_max);
  auto stats = routing::endpoint_stats::intern(question.which.address);
  open_.push_back({from, std::move(question), until, std::move(stats)});
}

void shard_changes::forget(routing::peer_id from) {
  std::erase_if(open_, [from](const waiting& each) { return each.from == from; });
}

} // namespace shunt
