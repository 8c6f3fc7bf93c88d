// Keeps one place in the code from flooding the component log: at most so many lines a second, and
// the next line that passes says how many did not. Lock-free, from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace shunt::net {

class log_limiter {
public:
  using clock = std::chrono::steady_clock;

  explicit log_limiter(std::uint32_t lines_per_second) noexcept : limit_(lines_per_second) {}

  /// Whether a line may be logged now; if so, how many have been suppressed since the last one.
  std::optional<std::uint64_t> admit(clock::time_point now = clock::now()) noexcept {
    const auto second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
    // The second and its count share a word, so that a new second starts at zero in one step.
    const auto tag = static_cast<std::uint64_t>(second) << 32;
    auto seen = window_.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint64_t count = (seen & ~count_mask) == tag ? seen & count_mask : 0;
      if (count >= limit_) {
        suppressed_.fetch_add(1, std::memory_order_relaxed);
        return std::nullopt;
      }
      if (window_.compare_exchange_weak(seen, tag | (count + 1), std::memory_order_relaxed))
        return suppressed_.exchange(0, std::memory_order_relaxed);
    }
  }

private:
  static constexpr std::uint64_t count_mask = 0xffff'ffff;

  const std::uint32_t limit_;
  std::atomic<std::uint64_t> window_{~count_mask};
  std::atomic<std::uint64_t> suppressed_{0};
};

} // namespace shunt::net
