// How durations are distributed: written by one thread, without locks or locked instructions, read
// by any while it is written. Two kinds. `latency_histogram` counts into the buckets that an
// operator configured. `fine_histogram` has buckets of its own, eight for each power of two, from
// which any percentile can be told within 7 percent.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace shunt::net {

/// Cheaper than an atomic increment. Only for what a single thread writes.
template <class Number>
void add_alone(std::atomic<Number>& to, Number by = 1,
               std::memory_order order = std::memory_order_relaxed) noexcept {
  to.store(to.load(std::memory_order_relaxed) + by, order);
}

/// The upper bounds of a histogram's buckets, as people write them and as durations are compared
/// with them. A bound belongs to its bucket, as Prometheus' `le` has it.
class histogram_bounds {
public:
  /// `bounds` rise and are in units of `unit`.
  histogram_bounds(std::vector<double> bounds, std::chrono::nanoseconds unit);

  std::span<const double> labels() const noexcept { return labels_; }
  /// What divides nanoseconds into the unit.
  double unit_ns() const noexcept { return unit_ns_; }
  std::size_t bucket_count() const noexcept { return limits_ns_.size() + 1; }

  /// The bucket of a duration: how many bounds are below it. Without branches that depend on it.
  std::size_t bucket_of(std::int64_t ns) const noexcept {
    const std::int64_t* at = limits_ns_.data();
    std::size_t left = limits_ns_.size();
    for (; left > 1; left -= left / 2)
      at += at[left / 2 - 1] < ns ? left / 2 : 0;
    return static_cast<std::size_t>(at - limits_ns_.data()) + (left == 1 && *at < ns ? 1 : 0);
  }

private:
  std::vector<double> labels_;
  std::vector<std::int64_t> limits_ns_;
  double unit_ns_;
};

/// What histograms of the same bounds have counted, summed.
struct histogram_values {
  std::vector<std::uint64_t> counts; ///< Of each bucket alone; the last is beyond all bounds.
  double sum = 0;                    ///< In the unit of the bounds.

  std::uint64_t count() const noexcept;
  histogram_values& operator+=(const histogram_values& other);
  bool operator==(const histogram_values&) const = default;
};

class latency_histogram {
public:
  /// `bounds` outlive the histogram.
  explicit latency_histogram(const histogram_bounds& bounds);

  /// Negative durations count as none. Writing thread.
  void record(std::chrono::nanoseconds duration) noexcept {
    const auto ns = duration.count() < 0 ? 0 : duration.count();
    // In this order: who sees the count sees the sum that goes with it, or a later one.
    add_alone(sum_ns_, static_cast<double>(ns));
    add_alone(bucket(bounds_->bucket_of(ns)), std::uint64_t{1}, std::memory_order_release);
  }

  /// Any thread. The sum may be ahead of the counts by what is recorded meanwhile.
  histogram_values read() const;

private:
  struct alignas(64) line {
    std::array<std::atomic<std::uint64_t>, 8> counts{};
  };

  std::atomic<std::uint64_t>& bucket(std::size_t index) const noexcept {
    return lines_[index / 8].counts[index % 8];
  }

  const histogram_bounds* bounds_;
  std::unique_ptr<line[]> lines_; ///< No other thread's numbers share them.
  std::atomic<double> sum_ns_{0}; ///< An integer would run over: a tunnel can last for days.
};

class fine_histogram {
public:
  static constexpr std::size_t per_octave = 8;
  static constexpr int octaves = 41; ///< Up to 2^40 ns, 18 minutes; what is longer counts as that.
  static constexpr std::size_t bucket_count = per_octave * (octaves - 2);
  using counts = std::array<std::uint64_t, bucket_count>;

  void record(std::chrono::nanoseconds duration) noexcept {
    add_alone(counts_[bucket_of(duration.count())]);
  }
  /// Adds what was counted so far. Any thread.
  void add_to(counts& sum) const noexcept;

  static std::size_t bucket_of(std::int64_t ns) noexcept {
    constexpr std::int64_t longest = (std::int64_t{1} << (octaves - 1)) - 1;
    const auto value = static_cast<std::uint64_t>(ns < 0 ? 0 : ns > longest ? longest : ns);
    if (value < per_octave)
      return static_cast<std::size_t>(value);
    const int shift = std::bit_width(value) - 4; // Leaves the leading one and three bits more.
    return static_cast<std::size_t>(shift) * per_octave + (value >> shift);
  }
  /// The middle of a bucket.
  static std::chrono::nanoseconds value_of(std::size_t bucket) noexcept;

private:
  alignas(64) std::array<std::atomic<std::uint64_t>, bucket_count> counts_{};
};

} // namespace shunt::net
