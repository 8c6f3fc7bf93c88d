// Notices that this process stood still, stopped or starved, and when it has caught up with NATS since. Until then a
// route that it does not know may be there all the same. Loops beat; they, the shards and the NATS bus ask, and
// whoever comes first after a pause notices it. Any thread; time is an argument.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace shunt::net {

class standstill {
public:
  using clock = std::chrono::steady_clock;
  static constexpr clock::duration beat_every = std::chrono::milliseconds{50};
  static constexpr clock::duration longest_beat = std::chrono::milliseconds{250}; ///< Of a process that runs.

  /// Before the first beat nothing is noticed.
  void beat(clock::time_point now) noexcept {
    notice(now);
    move_to(now);
  }

  /// How often it has stood still so far.
  std::uint64_t count(clock::time_point now) noexcept {
    if (notice(now))
      move_to(now);
    return count_.load();
  }

  /// All that NATS said before the end of that pause has been applied.
  void caught_up(std::uint64_t with) noexcept {
    auto before = caught_up_.load();
    while (before < with && !caught_up_.compare_exchange_weak(before, with)) {
    }
  }
  bool has_caught_up(std::uint64_t with) const noexcept { return caught_up_.load() >= with; }

private:
  /// Counts before the beat moves, so that nobody sees the second without the first. Twice at worst, which does no harm.
  bool notice(clock::time_point now) noexcept {
    const auto latest = latest_.load();
    if (latest == 0 || now.time_since_epoch().count() - latest <= longest_beat.count())
      return false;
    ++count_;
    return true;
  }
  void move_to(clock::time_point now) noexcept {
    if (const auto at = now.time_since_epoch().count(); latest_.load() < at)
      latest_.store(at);
  }

  std::atomic<clock::rep> latest_{0}; ///< Beat. 0: none yet.
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> caught_up_{0};
};

} // namespace shunt::net
