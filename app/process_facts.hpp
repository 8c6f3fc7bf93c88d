// What the system knows of this process: for metrics and /varz.
#pragma once

#include <chrono>
#include <cstdint>

namespace shunt::app {

/// Open now; 0 if the system does not say.
std::uint64_t open_file_descriptors();
/// The most memory it has ever had in use.
std::uint64_t resident_kib_max();
/// Spent by all threads since the start.
std::chrono::nanoseconds cpu_time();

/// Of one CPU, how much the process used: over the latest whole second or more. One thread asks.
class cpu_share {
public:
  /// Says the same for a second.
  double at(std::chrono::steady_clock::time_point now, std::chrono::nanoseconds used);

private:
  std::chrono::steady_clock::time_point since_{};
  std::chrono::nanoseconds used_{0};
  double share_ = 0;
};

} // namespace shunt::app
