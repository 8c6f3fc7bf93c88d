// The router's metrics as Loggregator hears them: gorouter's names and units, counters as what was counted since it was
// told last. What gorouter sends for every request, the mean of five seconds says here. Pure: snapshots in, envelopes out.
#pragma once

#include "app/metrics.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace shunt::app {

class metric_envelopes {
public:
  /// How often gorouter's library sends counters.
  static constexpr std::chrono::seconds every{5};

  /// Takes an envelope, which is a datagram.
  using outlet = std::function<void(std::string_view envelope)>;

  explicit metric_envelopes(outlet out) : out_{std::move(out)} {}

  /// Tells everything but the uptime. `muzzled`: not how long registrations took (`route_latency_metric_muzzle_duration`),
  /// neither now nor later. `now_ns`: since the Unix epoch.
  void tell(const metrics_snapshot& counted, bool muzzled, std::int64_t now_ns);
  /// In the units of the name.
  void tell_uptime(std::chrono::seconds uptime, std::int64_t now_ns);
  /// What was counted until now is not told any more.
  void skip(const metrics_snapshot& counted);

private:
  /// Of a histogram: how much of it is told.
  struct told {
    std::uint64_t count = 0;
    double sum = 0;
  };

  void tell_requests(const metrics_snapshot& counted);
  void tell_registry(const metrics_snapshot& counted);
  void tell_means(const metrics_snapshot& counted, bool muzzled);
  void tell_state(const metrics_snapshot& counted);
  /// `always`: even if it is 0.
  void counter(std::string_view name, std::uint64_t total, bool always = false);
  void value(std::string_view name, double value, std::string_view unit);
  /// Of what was counted since, in `unit`, of which the histogram's is a multiple.
  void mean(std::string_view name, const net::histogram_values& all, double units, std::string_view unit);

  const outlet out_;
  bool silent_ = false; ///< What is told is taken note of alone.
  std::int64_t now_ns_ = 0;
  std::string envelope_;
  std::map<std::string, std::uint64_t, std::less<>> counters_; ///< As told.
  std::map<std::string, told, std::less<>> means_;
};

} // namespace shunt::app
