// When the messages of one peer were composed: how long they waited, there, on their way or here, because a process stood
// still or a queue was long. Their ages are of when they were composed, and what seemed to be younger than it is would undo
// what ended meanwhile. Belongs to one actor.
#pragma once

#include "routing/time.hpp"

#include <algorithm>
#include <cstdint>

namespace shunt::routing {

/// Messages carry a stamp of the peer's clock, which says nothing by itself. But the quickest of them hardly waited.
class message_transit {
public:
  /// Clocks run apart, by half a thousandth at most while they are set right: 30 ms in this time.
  static constexpr nanoseconds window = std::chrono::minutes{1};
  static constexpr nanoseconds longest = std::chrono::hours{1};
  static constexpr std::uint64_t stamp_max_ms = std::uint64_t{1} << 42; ///< So that nothing overflows: 139 years.

  /// By the local clock. Not after `now`, nor before `longest` ago, whatever the stamps say.
  time_point composed_at(std::uint64_t stamp_ms, time_point now) {
    const auto gap = now.time_since_epoch() - std::chrono::milliseconds{std::min(stamp_ms, stamp_max_ms)};
    if (!any_ || now - begun_ > window) {
      // Whatever was heard last counts for another window: after a standstill all that comes may have waited.
      before_ = any_ ? least_ : gap;
      least_ = gap;
      begun_ = now;
      any_ = true;
    }
    least_ = std::min(least_, gap);
    return now - std::clamp<nanoseconds>(gap - std::min(before_, least_), nanoseconds{0}, longest);
  }

private:
  bool any_ = false;
  time_point begun_{};                 ///< The window.
  nanoseconds before_{0}, least_{0}; ///< Between the clocks, in the window before and in this one.
};

} // namespace shunt::routing
