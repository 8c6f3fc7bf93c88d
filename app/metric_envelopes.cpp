#include "app/metric_envelopes.hpp"

#include "routing/envelope.hpp"

#include <array>
#include <utility>

namespace shunt::app {

namespace {

constexpr std::array<std::string_view, net::status_group_count> groups{"2xx", "3xx", "4xx", "5xx", "xxx"};

std::string joined(std::string_view name, std::string_view component) {
  std::string text{name};
  return component.empty() ? text : text.append(".").append(component);
}

} // namespace

void metric_envelopes::tell(const metrics_snapshot& counted, bool muzzled, std::int64_t now_ns) {
  now_ns_ = now_ns;
  tell_requests(counted);
  tell_registry(counted);
  tell_means(counted, muzzled);
  tell_state(counted);
}

void metric_envelopes::tell_uptime(std::chrono::seconds uptime, std::int64_t now_ns) {
  now_ns_ = now_ns;
  value("uptime", static_cast<double>(uptime.count()), "seconds");
}

void metric_envelopes::skip(const metrics_snapshot& counted) {
  silent_ = true;
  tell(counted, true, 0);
  silent_ = false;
}

void metric_envelopes::tell_requests(const metrics_snapshot& s) {
  std::uint64_t attempts = 0, app_attempts = 0, all = 0, services = 0;
  std::array<std::uint64_t, net::status_group_count> responses{};
  for (const auto& [component, totals] : s.requests.components) {
    attempts += totals.attempts;
    if (component.starts_with("dea-")) // As the apps' runtime once was called.
      app_attempts += totals.attempts;
    if (!component.empty())
      counter(joined("requests", component), totals.attempts);
    for (std::size_t i = 0; i < groups.size(); ++i)
      responses[i] += totals.responses[i];
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    counter(joined("responses", groups[i]), responses[i], true);
    counter(joined("responses.route_services", groups[i]), s.requests.service_responses[i]);
    all += responses[i];
    services += s.requests.service_responses[i];
  }
  counter("responses", all, true);
  counter("responses.route_services", services);
  counter("total_requests", attempts, true);
  counter("routed_app_requests", app_attempts, true);
  counter("rejected_requests", s.rejected_requests, true);
  counter("bad_gateways", s.bad_gateways, true);
  counter("backend_exhausted_conns", s.backend_exhausted_conns, true);
  counter("websocket_upgrades", s.websocket_upgrades, true);
  counter("websocket_failures", s.websocket_failures, true);
  using enum net::request_event;
  counter("backend_invalid_id", s.requests.event(backend_invalid_id), true);
  counter("backend_invalid_tls_cert", s.requests.event(backend_invalid_tls_cert), true);
  counter("backend_tls_handshake_failed", s.requests.event(backend_tls_handshake_failed), true);
  counter("empty_content_length_header", s.requests.event(empty_content_length_header));
}

void metric_envelopes::tell_registry(const metrics_snapshot& s) {
  for (const auto& [component, totals] : s.registry.components) {
    std::uint64_t registered = 0;
    for (const auto each : totals.registered)
      registered += each;
    counter(joined("registry_message", component), registered);
    counter(joined("unregistry_message", component), totals.unregistered);
  }
  counter("routes_pruned", s.registry.pruned, true);
  counter("token_fetch_errors", s.token_fetch_errors);
  counter("subscribe_events_errors", s.subscribe_events_errors);
}

void metric_envelopes::tell_means(const metrics_snapshot& s, bool muzzled) {
  net::histogram_values latency;
  for (const auto& [component, totals] : s.requests.components) {
    latency += totals.latency;
    if (!component.empty())
      mean(joined("latency", component), totals.latency, 1, "ms");
  }
  constexpr double ms_per_second = 1000;
  mean("latency", latency, 1, "ms");
  mean("gorouter_time", s.requests.gorouter_time, ms_per_second, "ms");
  mean("route_lookup_time", s.requests.lookup_time, 1, "ns");
  const bool was_silent = std::exchange(silent_, silent_ || muzzled);
  mean("route_registration_latency", s.registry.latency, 1, "ms");
  silent_ = was_silent;
}

void metric_envelopes::tell_state(const metrics_snapshot& s) {
  value("total_routes", static_cast<double>(s.registry.routes), "");
  if (s.since_registry_update)
    value("ms_since_last_registry_update", static_cast<double>(s.since_registry_update->count()), "ms");
  value("file_descriptors", static_cast<double>(s.file_descriptors), "file");
  value("buffered_messages", static_cast<double>(s.buffered_messages), "message");
  value("total_dropped_messages", static_cast<double>(s.dropped_messages), "message");
}

void metric_envelopes::counter(std::string_view name, std::uint64_t total, bool always) {
  auto known = counters_.find(name);
  if (known == counters_.end())
    known = counters_.emplace(name, 0).first;
  const auto delta = total - std::exchange(known->second, total);
  if (silent_ || (delta == 0 && !always))
    return;
  routing::write_counter(envelope_, name, delta, now_ns_);
  out_(envelope_);
}

void metric_envelopes::value(std::string_view name, double value, std::string_view unit) {
  if (silent_)
    return;
  routing::write_value(envelope_, name, value, unit, now_ns_);
  out_(envelope_);
}

void metric_envelopes::mean(std::string_view name, const net::histogram_values& all, double units,
                            std::string_view unit) {
  auto known = means_.find(name);
  if (known == means_.end())
    known = means_.emplace(name, told{}).first;
  const auto before = std::exchange(known->second, {all.count(), all.sum});
  if (all.count() > before.count)
    value(name, (all.sum - before.sum) * units / static_cast<double>(all.count() - before.count), unit);
}

} // namespace shunt::app
