// Follows the count of lost messages and makes one warning of a whole episode of losses, however
// often the queue overflows within it. Time is an argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace shunt::net {

class nats_drops {
public:
  using clock = std::chrono::steady_clock;

  struct change {
    std::uint64_t lost_more = 0;               ///< Since the last look.
    bool begun = false;                        ///< An episode has begun with these.
    std::optional<std::uint64_t> ended_with{}; ///< An episode has ended; it cost so many.
  };

  /// An episode ends after so long without a loss.
  explicit nats_drops(clock::duration over_after) noexcept : over_after_(over_after) {}

  change look(std::uint64_t total, clock::time_point now) noexcept {
    change seen;
    if (total > total_) {
      seen.lost_more = total - total_;
      seen.begun = !latest_;
      if (seen.begun)
        before_ = total_;
      total_ = total;
      latest_ = now;
    } else if (latest_ && now - *latest_ >= over_after_) {
      seen.ended_with = total_ - before_;
      latest_.reset();
    }
    return seen;
  }

private:
  const clock::duration over_after_;
  std::uint64_t total_ = 0;
  std::uint64_t before_ = 0;                ///< The total when the episode began.
  std::optional<clock::time_point> latest_; ///< Set during an episode.
};

} // namespace shunt::net
