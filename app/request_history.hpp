// What /varz says that counters alone cannot: rates, percentiles of recent latencies, the busiest
// apps. Looks at the totals every five seconds and remembers how they grew. Pure: time is an
// argument. One thread.
#pragma once

#include "net/loop_metrics.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace shunt::app {

/// Requests a second, as averages that forget within 1, 5 and 15 minutes.
struct request_rates {
  double one = 0;
  double five = 0;
  double fifteen = 0;
};

struct busy_app {
  std::string id;
  std::uint64_t requests = 0; ///< Within the last minute.
  bool operator==(const busy_app&) const = default;
};

class request_history {
public:
  using clock = std::chrono::steady_clock;
  static constexpr auto look_every = std::chrono::seconds{5};
  /// Recent latencies count for more: half as much after 46 seconds (gorouter's factor).
  static constexpr double forget_per_second = 0.015;

  /// To be called every `look_every`; the times between are what they are.
  void look(const net::request_totals& totals, clock::time_point now);

  request_rates rates() const { return all_.rates; }
  request_rates rates_of(const std::string& component) const;

  /// Seconds within which this share of the recent requests was done; 0 without requests. `totals`
  /// tell what happened since the latest look.
  double percentile(const net::request_totals& totals, double share) const;
  double percentile_of(const std::string& component, const net::component_totals& totals,
                       double share) const;

  /// The busiest first; those of equal business by id.
  std::vector<busy_app> busiest(std::size_t count) const;

private:
  using weights = std::array<double, net::fine_histogram::bucket_count>;
  static constexpr std::size_t looks_a_minute = 12;

  /// The past of all requests, or of one component's.
  struct past {
    std::uint64_t attempts = 0;
    request_rates rates;
    bool known = false;
    net::fine_histogram::counts seen{};
    weights recent{};
  };
  /// An app's last minute, a look at a time.
  struct minute {
    std::uint64_t seen = 0;
    std::array<std::uint32_t, looks_a_minute> grown{};
  };

  static void update(past& of, std::uint64_t attempts, const net::fine_histogram::counts& fine,
                     double seconds);
  static double percentile(const past* of, const net::fine_histogram::counts& fine, double share);

  std::optional<clock::time_point> looked_;
  past all_;
  std::map<std::string, past, std::less<>> components_;
  std::map<std::string, minute, std::less<>> apps_;
  std::size_t slot_ = 0;
};

} // namespace shunt::app
