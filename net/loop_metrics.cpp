#include "net/loop_metrics.hpp"

#include <algorithm>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

/// Requests that reached no app are the router's own.
constexpr std::string_view own_source_text = "gorouter";

/// Requests of a router last from a fraction of a millisecond to minutes.
const std::vector<double> duration_bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                             0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                             1,      2.5,     5,      10,    30,     60};

} // namespace

request_metrics::request_metrics(const config::settings& settings)
  : per_request{settings.per_request_metrics_reporting},
    per_app{settings.per_app_prometheus_http_metrics_reporting},
    varz{settings.status.enable_deprecated_varz_healthz_endpoints},
    by_app{varz || settings.publish_active_apps_interval > 0ns},
    latency{settings.prometheus.meters.routing_response_latency_histogram_buckets, 1ms},
    gorouter_time{settings.prometheus.meters.gorouter_time_histogram_buckets, 1s},
    lookup_time{settings.prometheus.meters.route_lookup_time_histogram_buckets, 1ns},
    http_latency{settings.prometheus.meters.http_latency_histogram_buckets, 1s},
    duration{duration_bounds, 1s}, sources{per_app ? app_labels_max + 1 : 0},
    apps{by_app ? app_labels_max : 0}, own_source_{sources.place_of(own_source_text)} {}

routing::metric_labels request_metrics::labels_of(const routing::endpoint& endpoint) {
  const auto source = endpoint.tag("source_id");
  return {.component = components.place_of(endpoint.tag("component")),
          .source = source.empty() ? own_source_ : sources.place_of(source),
          .app = endpoint.app().empty() ? routing::metric_labels::not_looked_up
                                        : apps.place_of(endpoint.app())};
}

status_group group_of(int status) noexcept {
  const int hundreds = status / 100;
  return hundreds >= 2 && hundreds <= 5 ? static_cast<status_group>(hundreds - 2)
                                        : status_group::other;
}

loop_metrics::loop_metrics(request_metrics& what)
  : what_{what}, components_{what.components}, sources_{what.sources}, apps_{what.apps},
    lookup_time_{what.lookup_time}, gorouter_time_{what.gorouter_time}, duration_{what.duration},
    own_duration_{what.duration}, service_duration_{what.duration},
    service_app_duration_{what.duration} {}

void loop_metrics::attempt_began(const routing::metric_labels& to) {
  add_alone(components_.at(to.component, what_.latency).attempts);
}

void loop_metrics::request_ended(const request_outcome& request) {
  if (what_.per_request) {
    duration_.record(request.total);
    if (request.own >= 0ns) {
      gorouter_time_.record(request.own);
      own_duration_.record(request.own);
    }
  }
  if (request.endpoint != nullptr) {
    auto& component = components_.at(request.endpoint->component, what_.latency);
    add_alone(component.responses[static_cast<std::size_t>(group_of(request.status))]);
    if (request.proxied >= 0ns) {
      if (what_.per_request)
        component.latency.record(request.proxied);
      if (what_.varz)
        component.fine.record(request.proxied);
    }
  }
  if (what_.per_app || what_.by_app)
    record_app(request);
}

void loop_metrics::record_app(const request_outcome& request) {
  const auto* endpoint = request.endpoint;
  if (what_.per_app)
    sources_.at(endpoint == nullptr ? what_.own_source() : endpoint->source, what_.http_latency)
      .record(request.total);
  if (what_.by_app && endpoint != nullptr && endpoint->app != routing::metric_labels::not_looked_up)
    add_alone(apps_.at(endpoint->app).requests);
}

void loop_metrics::route_service_left(const routing::session_times& times) noexcept {
  if (!what_.per_request)
    return;
  if (times.service >= 0ns)
    service_duration_.record(times.service);
  if (times.app >= 0ns)
    service_app_duration_.record(times.app);
}

void loop_metrics::endpoint_failure(int status) noexcept {
  switch (status) {
    case 503: count(request_event::backend_invalid_id); break;
    case 525: count(request_event::backend_tls_handshake_failed); break;
    case 526: count(request_event::backend_invalid_tls_cert); break;
    default: break; // 502 is a bad gateway, and others have no counter.
  }
}

void loop_metrics::add_to(request_totals& sum) const {
  components_.for_each([&](std::string_view name, const component_cell& cell) {
    auto& component = sum.components[std::string{name}];
    component.attempts += cell.attempts.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < status_group_count; ++i)
      component.responses[i] += cell.responses[i].load(std::memory_order_relaxed);
    component.latency += cell.latency.read();
    if (what_.varz)
      cell.fine.add_to(component.fine);
  });
  sources_.for_each([&](std::string_view source, const latency_histogram& histogram) {
    sum.http_latency[std::string{source}] += histogram.read();
  });
  apps_.for_each([&](std::string_view app, const app_cell& cell) {
    sum.app_requests[std::string{app}] += cell.requests.load(std::memory_order_relaxed);
  });
  sum.lookup_time += lookup_time_.read();
  sum.gorouter_time += gorouter_time_.read();
  sum.duration += duration_.read();
  sum.own_duration += own_duration_.read();
  sum.service_duration += service_duration_.read();
  sum.service_app_duration += service_app_duration_.read();
  for (std::size_t i = 0; i < status_group_count; ++i)
    sum.service_responses[i] += service_responses_[i].load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < request_event_count; ++i)
    sum.events[i] += events_[i].load(std::memory_order_relaxed);
}

} // namespace shunt::net
