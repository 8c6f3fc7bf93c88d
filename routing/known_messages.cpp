#include "routing/known_messages.hpp"

#include <algorithm>

namespace shunt::routing {

namespace {

std::uint32_t index_hash_of(const message_hash& hash) {
  return static_cast<std::uint32_t>(hash.low >> 32);
}

} // namespace

std::uint32_t known_messages::position_of(const message_hash& hash) const {
  return index_.find(
    index_hash_of(hash), [&](std::uint32_t at) { return entries_[at].hash == hash; }, nowhere);
}

std::optional<repeated_message> known_messages::hear_again(const message_hash& hash,
                                                           time_point at) {
  const auto position = position_of(hash);
  if (position == nowhere)
    return std::nullopt;
  const auto& known = entries_[position];
  if (doubted_[slot_of(*known.target)])
    return std::nullopt;
  known.target->hear(std::max(at, known.target->heard()));
  if (known.target->placed() != known.routes) // Asked last: a shard may just be letting go of it.
    return std::nullopt;
  return repeated_message{known.target.get(), known.routes};
}

void known_messages::remember(const message_hash& hash, endpoint_ptr target, std::uint32_t routes) {
  if (const auto at = position_of(hash); at != nowhere) {
    entries_[at].target = std::move(target);
    entries_[at].routes = routes;
    return;
  }
  std::uint32_t at = 0;
  if (free_.empty()) {
    at = static_cast<std::uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    at = free_.back();
    free_.pop_back();
  }
  entries_[at] = {hash, std::move(target), routes};
  index_.insert(index_hash_of(hash), at);
}

void known_messages::sweep(std::size_t budget) {
  for (budget = std::min(budget, entries_.size()); budget > 0; --budget) {
    swept_ = swept_ + 1 < entries_.size() ? swept_ + 1 : 0;
    auto& each = entries_[swept_];
    if (!each.target || each.target->placed() > 0 || doubted_[slot_of(*each.target)])
      continue;
    index_.erase(index_hash_of(each.hash),
                 [&](std::uint32_t at) { return at == static_cast<std::uint32_t>(swept_); });
    each = {};
    free_.push_back(static_cast<std::uint32_t>(swept_));
  }
}

} // namespace shunt::routing
