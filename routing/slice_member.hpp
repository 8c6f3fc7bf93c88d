// One endpoint in one route of a slice, and when it was last heard. Sixteen bytes: there are
// millions.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/time.hpp"

#include <cstdint>

namespace shunt::routing {

class slice_member {
public:
  slice_member() = default;
  slice_member(endpoint_ptr heard, time_point now, bool stamp_counts) : target{std::move(heard)} {
    touch(now, stamp_counts);
  }

  const endpoint* about() const { return target.get(); }
  time_point heard() const { return time_point{nanoseconds{packed_ >> 1}}; }
  /// When the endpoint was heard, whether its stamp was too far in the future to be believed: it
  /// must not come to count later, just because time passes.
  std::int64_t stamp_ns() const { return (packed_ & 1) != 0 ? target->updated_at_ns() : 0; }
  void touch(time_point now, bool stamp_counts) {
    const std::int64_t ns = nanoseconds{now.time_since_epoch()}.count();
    packed_ =
      static_cast<std::int64_t>(static_cast<std::uint64_t>(ns) << 1) | (stamp_counts ? 1 : 0);
  }

  endpoint_ptr target;

private:
  std::int64_t packed_ = 0; ///< Nanoseconds, and in the lowest bit whether the stamp counts.
};

} // namespace shunt::routing
