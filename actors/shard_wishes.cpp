#include "actors/shard_wishes.hpp"

#include <utility>

namespace shunt {

void shard_wishes::keep(confirm_change wished, routing::time_point now) {
  if (kept_.size() >= kept_max)
    kept_.pop_front();
  kept_.push_back({std::move(wished), now});
}

void shard_wishes::forget_old(routing::time_point now) {
  while (!kept_.empty() && now - kept_.front().since >= patience_)
    kept_.pop_front();
}

std::vector<confirm_change> shard_wishes::take(routing::time_point now) {
  forget_old(now);
  std::vector<confirm_change> all;
  all.reserve(kept_.size());
  for (auto& each : std::exchange(kept_, {}))
    all.emplace_back(std::move(each.wished)).waited = now - each.since;
  return all;
}

} // namespace shunt
