// What one loop counts about requests, for Prometheus and /varz: written by the loop's thread with
// plain stores, read by whoever is asked for metrics, without either waiting for the other. Names
// and meanings are gorouter's; the router's room `app` sums the loops and gives them their form.
#pragma once

#include "config/settings.hpp"
#include "net/label_table.hpp"
#include "net/latency_histogram.hpp"
#include "routing/endpoint.hpp"
#include "routing/metric_labels.hpp"
#include "routing/route_service_session.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace shunt::net {

/// Values that the label `component` may take, besides `_other`.
inline constexpr std::size_t component_labels_max = 64;
/// Apps that are told apart, in the label `source_id`, in /varz and in `router.active_apps`. In memory an app costs about
/// 250 bytes a loop, and in the text of a scrape a kilobyte.
inline constexpr std::size_t app_labels_max = 10'000;

/// What is to be counted, in which buckets, and the label values met so far. One a process;
/// outlives the loops.
struct request_metrics {
  explicit request_metrics(const config::settings& settings);

  const bool per_request; ///< `per_request_metrics_reporting`
  const bool per_app;     ///< `per_app_prometheus_http_metrics_reporting`
  const bool varz;        ///< Percentiles, which only /varz shows.
  const bool by_app;      ///< Requests of each app: /varz shows the busiest, `router.active_apps` tells the used.

  const histogram_bounds latency;       ///< Milliseconds.
  const histogram_bounds gorouter_time; ///< Seconds, though the buckets are for milliseconds.
  const histogram_bounds lookup_time;   ///< Nanoseconds.
  const histogram_bounds http_latency;  ///< Seconds.
  const histogram_bounds duration;      ///< Seconds, from 100 us on, in steps of about two.

  label_table components{component_labels_max};
  label_table sources;
  label_table apps;

  /// What requests to an endpoint are counted under. Looking it up once a lease is enough: tags do
  /// not change. Any thread.
  routing::metric_labels labels_of(const routing::endpoint& endpoint);
  /// The label `source_id` of requests that reached no app.
  std::uint32_t own_source() const noexcept { return own_source_; }

private:
  std::uint32_t own_source_;
};

/// What became of a request. Negative durations: there was no such thing.
struct request_outcome {
  const routing::metric_labels* endpoint = nullptr; ///< The last that was chosen; null: none was.
  int status = 0;                                   ///< That the client was sent; 0: none.
  std::chrono::nanoseconds total{0};                ///< Receipt to end.
  std::chrono::nanoseconds proxied{-1};             ///< Receipt to the end of proxying.
  std::chrono::nanoseconds own{-1};                 ///< What of `total` was the router's own.
};

enum class status_group : std::uint8_t { s2xx, s3xx, s4xx, s5xx, other };
inline constexpr std::size_t status_group_count = 5;
status_group group_of(int status) noexcept;

/// What happens too rarely to be a part of every outcome.
enum class request_event : std::uint8_t {
  empty_content_length_header,
  backend_invalid_id,
  backend_invalid_tls_cert,
  backend_tls_handshake_failed,
  route_service_bypassed,
};
inline constexpr std::size_t request_event_count = 5;

// -- What all loops have counted.

struct component_totals {
  std::uint64_t attempts = 0;
  std::array<std::uint64_t, status_group_count> responses{};
  histogram_values latency{};
  fine_histogram::counts fine{}; ///< Only for /varz.
};

struct request_totals {
  std::map<std::string, component_totals, std::less<>> components;   ///< By the endpoint's tag.
  std::map<std::string, histogram_values, std::less<>> http_latency; ///< By source.
  std::map<std::string, std::uint64_t, std::less<>> app_requests;    ///< By app id.
  histogram_values lookup_time;
  histogram_values gorouter_time;
  histogram_values duration;     ///< Of all requests.
  histogram_values own_duration; ///< The router's own part of those that were proxied.
  std::array<std::uint64_t, status_group_count> service_responses{}; ///< By way of route services.
  histogram_values service_duration;     ///< The route service's part of such requests.
  histogram_values service_app_duration; ///< And the app's.
  std::array<std::uint64_t, request_event_count> events{};

  std::uint64_t event(request_event which) const { return events[static_cast<std::size_t>(which)]; }
};

class loop_metrics {
public:
  /// `what` outlives this.
  explicit loop_metrics(request_metrics& what);

  // Of the loop's thread. None waits, and memory is asked for only when the loop meets a label
  // value for the first time. Labels are those that `request_metrics` told.

  /// A request is about to be sent to an endpoint, the first time or again.
  void attempt_began(const routing::metric_labels& to);
  /// The route was looked up, which took so long.
  void route_found(std::chrono::nanoseconds lookup) noexcept {
    if (what_.per_request)
      lookup_time_.record(lookup);
  }
  /// Whether anybody wants to know how long looking up takes: telling the time costs more.
  bool times_lookups() const noexcept { return what_.per_request; }
  /// The last thing that happens to a request.
  void request_ended(const request_outcome& request);
  /// The client is told, by `status`, that the endpoint failed; some of these have a counter.
  void endpoint_failure(int status) noexcept;
  /// A request that was sent to its route service has been answered by `status`.
  void route_service_response(int status) noexcept {
    add_alone(service_responses_[static_cast<std::size_t>(group_of(status))]);
  }
  /// Whose the time was that it took; nobody's where negative.
  void route_service_left(const routing::session_times& times) noexcept;
  void count(request_event what) noexcept {
    add_alone(events_[static_cast<std::size_t>(what)], std::uint64_t{1});
  }

  /// Any thread, at any time.
  void add_to(request_totals& sum) const;

private:
  struct alignas(64) component_cell {
    explicit component_cell(const histogram_bounds& bounds) : latency{bounds} {}
    std::atomic<std::uint64_t> attempts{0};
    std::array<std::atomic<std::uint64_t>, status_group_count> responses{};
    latency_histogram latency;
    fine_histogram fine;
  };
  struct alignas(64) app_cell {
    std::atomic<std::uint64_t> requests{0};
  };

  void record_app(const request_outcome& request);

  request_metrics& what_;
  labelled<component_cell> components_;
  labelled<latency_histogram> sources_;
  labelled<app_cell> apps_;
  latency_histogram lookup_time_;
  latency_histogram gorouter_time_;
  latency_histogram duration_;
  latency_histogram own_duration_;
  latency_histogram service_duration_;
  latency_histogram service_app_duration_;
  alignas(64) std::array<std::atomic<std::uint64_t>, status_group_count> service_responses_{};
  alignas(64) std::array<std::atomic<std::uint64_t>, request_event_count> events_{};
};

} // namespace shunt::net
