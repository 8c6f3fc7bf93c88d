#include "net/latency_histogram.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace shunt::net {

namespace {

/// The longest whole number of nanoseconds within the bound. What a person writes as 0.3 is not
/// quite that in binary, and must not become one nanosecond less.
std::int64_t limit_of(double bound, double unit_ns) {
  constexpr double longest = 9e18;
  const double exact = std::clamp(bound * unit_ns, -longest, longest);
  const double nearest = std::round(exact);
  const bool meant = std::abs(exact - nearest) <= std::abs(exact) * 1e-12;
  return static_cast<std::int64_t>(meant ? nearest : std::floor(exact));
}

} // namespace

histogram_bounds::histogram_bounds(std::vector<double> bounds, std::chrono::nanoseconds unit)
  : labels_{std::move(bounds)}, unit_ns_{static_cast<double>(unit.count())} {
  for (const double each : labels_)
    limits_ns_.push_back(limit_of(each, unit_ns_));
}

std::uint64_t histogram_values::count() const noexcept {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

histogram_values& histogram_values::operator+=(const histogram_values& other) {
  if (counts.size() < other.counts.size())
    counts.resize(other.counts.size());
  for (std::size_t i = 0; i < other.counts.size(); ++i)
    counts[i] += other.counts[i];
  sum += other.sum;
  return *this;
}

latency_histogram::latency_histogram(const histogram_bounds& bounds)
  : bounds_{&bounds}, lines_{std::make_unique<line[]>((bounds.bucket_count() + 7) / 8)} {}

histogram_values latency_histogram::read() const {
  histogram_values read;
  read.counts.resize(bounds_->bucket_count());
  for (std::size_t i = 0; i < read.counts.size(); ++i)
    read.counts[i] = bucket(i).load(std::memory_order_acquire);
  read.sum = sum_ns_.load(std::memory_order_relaxed) / bounds_->unit_ns();
  return read;
}

void fine_histogram::add_to(counts& sum) const noexcept {
  for (std::size_t i = 0; i < bucket_count; ++i)
    sum[i] += counts_[i].load(std::memory_order_relaxed);
}

std::chrono::nanoseconds fine_histogram::value_of(std::size_t bucket) noexcept {
  if (bucket < 2 * per_octave)
    return std::chrono::nanoseconds{static_cast<std::int64_t>(bucket)};
  const auto shift = bucket / per_octave - 1;
  const auto lowest = (bucket - shift * per_octave) << shift;
  return std::chrono::nanoseconds{
    static_cast<std::int64_t>(lowest + (std::size_t{1} << shift) / 2)};
}

} // namespace shunt::net
