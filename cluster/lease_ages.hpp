// How long ago whoever lends a shard to this node was last heard, for the worst of all that are borrowed: a lease
// that nobody keeps fresh serves on, but may be out of date.
#pragma once

#include "routing/time.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

namespace shunt::cluster {

class lease_ages {
public:
  /// All shards are held at first.
  explicit lease_ages(std::size_t shards) : heard_(shards) {}

  void held(std::size_t shard) { heard_[shard].reset(); }
  /// `lender_heard`: when its lender said something last; nothing: there is none now, and what was known last counts.
  void borrowed(std::size_t shard, std::optional<routing::time_point> lender_heard, routing::time_point now) {
    auto& at = heard_[shard];
    if (lender_heard)
      at = std::max(at.value_or(*lender_heard), *lender_heard);
    else if (!at)
      at = now;
  }

  /// The longest silence's beginning; nothing if no shard is borrowed.
  std::optional<routing::time_point> oldest() const {
    std::optional<routing::time_point> found;
    for (const auto& each : heard_)
      if (each)
        found = std::min(found.value_or(*each), *each);
    return found;
  }

private:
  std::vector<std::optional<routing::time_point>> heard_; ///< Of shards that are borrowed.
};

} // namespace shunt::cluster
