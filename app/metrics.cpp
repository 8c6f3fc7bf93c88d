#include "app/metrics.hpp"

#include "app/metrics.families.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <utility>

namespace shunt::app {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

/// As in label values, in the order of the enums.
constexpr std::array<const char*, net::status_group_count> status_groups = {"2xx", "3xx", "4xx",
                                                                            "5xx", "xxx"};
constexpr std::array<const char*, net::registry_action_count> registry_actions = {
  "added", "refreshed", "updated", "unmodified"};

constexpr std::array<const char*, net::probe_outcome_count> probe_outcomes = {
  "success", "bad_status", "timeout", "error", "not_asked"};

void add_status_groups(MetricFamily& to,
                       const std::array<std::uint64_t, net::status_group_count>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    family_list::count(to, {{"status_group", status_groups[i]}}, values[i]);
}

void add_registry(family_list& to, const metrics_snapshot& s) {
  auto& registered = to.add("registry_message", "Routes in registrations, by what became of them",
                            MetricType::Counter);
  for (const auto& [component, counted] : s.registry.components)
    for (std::size_t i = 0; i < registry_actions.size(); ++i)
      if (counted.registered[i] > 0)
        family_list::count(registered, {{"action", registry_actions[i]}, {"component", component}},
                           counted.registered[i]);
  auto& unregistered =
    to.add("unregistry_message", "Routes in unregistrations", MetricType::Counter);
  for (const auto& [component, counted] : s.registry.components)
    if (counted.unregistered > 0)
      family_list::count(unregistered, {{"component", component}}, counted.unregistered);
  to.counter("routes_registered", "Routes that got a first endpoint", s.registry.routes_registered);
  to.counter("routes_unregistered", "Routes whose last endpoint was unregistered",
             s.registry.routes_unregistered);
  auto& pools = to.add("endpoints_per_pool", "Endpoints of the routes that are balanced by hash", MetricType::Gauge);
  for (const auto& [uri, endpoints] : s.registry.pools)
    family_list::set(pools, {{"lb_algorithm", "hash"}, {"route", uri}}, static_cast<double>(endpoints));
  to.counter("routes_pruned", "Endpoints that were not heard of for too long", s.registry.pruned);
  to.gauge("total_routes", "Routes in the table", static_cast<double>(s.registry.routes));
  to.gauge("shunt_endpoints", "Endpoints in the table, once for each of their routes",
           static_cast<double>(s.registry.endpoints));
  to.gauge("ms_since_last_registry_update", "Milliseconds since the latest registration; -1: none",
           s.since_registry_update ? static_cast<double>(s.since_registry_update->count()) : -1);
  to.histogram("route_registration_latency",
               "Milliseconds from an endpoint's change to its registration",
               s.bounds.registration_latency, s.registry.latency);
  to.gauge("buffered_messages", "NATS messages that wait to be read",
           static_cast<double>(s.buffered_messages));
  to.gauge("total_dropped_messages", "NATS messages lost because too many waited",
           static_cast<double>(s.dropped_messages));
  to.counter("shunt_invalid_registry_messages_total", "NATS messages that could not be understood",
             s.invalid_registry_messages);
  auto& restarts = to.add("shunt_actor_restarts_total", "Actors that died of a defect and got a successor",
                          MetricType::Counter);
  for (const auto& [actor, count] : s.restarts)
    family_list::count(restarts, {{"actor", std::string{actor}}}, count);
  to.gauge("shunt_reservations", "Routes that are reserved", static_cast<double>(s.reservations));
  to.counter("shunt_refused_reservations_total",
             "Reservations that were malformed, or more than allowed", s.refused_reservations);
  to.counter("shunt_reservation_write_failures_total",
             "Attempts to store reservations that failed", s.reservation_write_failures);
  to.counter("shunt_token_fetch_errors_total", "Tokens for the Routing API that were not to be had",
             s.token_fetch_errors);
  to.counter("shunt_subscribe_events_errors_total",
             "Streams of the Routing API's events that failed or broke", s.subscribe_events_errors);
}

void add_requests(family_list& to, const metrics_snapshot& s) {
  std::array<std::uint64_t, net::status_group_count> responses{};
  auto& attempts =
    to.add("total_requests", "Attempts to have an endpoint answer a request", MetricType::Counter);
  for (const auto& [component, counted] : s.requests.components) {
    family_list::count(attempts, {{"component", component}}, counted.attempts);
    for (std::size_t i = 0; i < responses.size(); ++i)
      responses[i] += counted.responses[i];
  }
  add_status_groups(to.add("responses", "Responses to requests for which an endpoint was chosen",
                           MetricType::Counter),
                    responses);
  add_status_groups(
    to.add("responses_route_services", "Responses of route services", MetricType::Counter),
    s.requests.service_responses);
  to.counter("rejected_requests", "Requests that could not be routed", s.rejected_requests);
  to.counter("bad_gateways", "Requests that no endpoint could handle", s.bad_gateways);
  to.counter("backend_exhausted_conns", "Requests to routes at their connection limit",
             s.backend_exhausted_conns);
  to.counter("websocket_upgrades", "Requests to become a WebSocket that were answered", s.websocket_upgrades);
  to.counter("websocket_failures", "WebSocket requests that failed", s.websocket_failures);
  using enum net::request_event;
  to.counter("empty_content_length_header", "Requests with an empty Content-Length",
             s.requests.event(empty_content_length_header));
  to.counter("backend_invalid_id", "Backends whose certificate names another",
             s.requests.event(backend_invalid_id));
  to.counter("backend_invalid_tls_cert", "Backends whose certificate is not trusted",
             s.requests.event(backend_invalid_tls_cert));
  to.counter("backend_tls_handshake_failed", "Backends that do not speak TLS as the router does",
             s.requests.event(backend_tls_handshake_failed));
  to.counter("shunt_route_service_bypassed_total",
             "Requests that went to the app because the route service was down",
             s.requests.event(route_service_bypassed));
}

void add_times(family_list& to, const metrics_snapshot& s) {
  to.histogram("route_lookup_time", "Nanoseconds that looking up a route took",
               s.bounds.lookup_time, s.requests.lookup_time);
  to.histogram("gorouter_time", "Seconds that the router itself spent on a request",
               s.bounds.gorouter_time, s.requests.gorouter_time);
  auto& latency = to.add("latency", "Milliseconds from a request's receipt to its response",
                         MetricType::Histogram);
  for (const auto& [component, counted] : s.requests.components)
    if (counted.latency.count() > 0)
      family_list::observe(latency, {{"component", component}}, s.bounds.latency, counted.latency);
  auto& by_app =
    to.add("http_latency_seconds", "Seconds that a request took, by app", MetricType::Histogram);
  for (const auto& [source, values] : s.requests.http_latency)
    family_list::observe(by_app, {{"source_id", source}}, s.bounds.http_latency, values);
  to.histogram("shunt_request_duration_seconds", "Seconds that a request took, from its receipt on",
               s.bounds.duration, s.requests.duration);
  to.histogram("shunt_router_duration_seconds",
               "Seconds of a proxied request that were the router's own", s.bounds.duration,
               s.requests.own_duration);
  to.histogram("shunt_route_service_duration_seconds",
               "Seconds of a request that were its route service's", s.bounds.duration,
               s.requests.service_duration);
  to.histogram("shunt_route_service_app_duration_seconds",
               "Seconds of a request that its route service sent back until it was answered",
               s.bounds.duration, s.requests.service_app_duration);
}

void add_process(family_list& to, const metrics_snapshot& s) {
  to.gauge("file_descriptors", "Open file descriptors", static_cast<double>(s.file_descriptors));
  to.gauge("shunt_connections", "Open client connections", static_cast<double>(s.connections));
  to.gauge("shunt_idle_connections", "Open client connections that wait for a request",
           static_cast<double>(s.idle_connections));
  to.counter("shunt_requests_total", "Requests that were read", s.all_requests);
  to.counter("shunt_malformed_requests_total", "Requests that could not be parsed",
             s.malformed_requests);
  to.counter("shunt_http2_streams_total", "Streams that clients opened", s.http2_streams);
  to.counter("shunt_endpoint_ejections_total", "Endpoints that were avoided as outliers",
             s.ejections);
  to.counter("shunt_held_requests_total", "Requests that were to wait for the first backend of their route",
             s.held_requests);
  to.counter("shunt_hold_refusals_total", "Those of them for which there was no room to wait in",
             s.hold_refusals);
  to.counter("shunt_hold_timeouts_total", "Those of them for which no backend came in time",
             s.hold_timeouts);
  to.gauge("shunt_holding_requests", "Requests that wait for a backend now",
           static_cast<double>(s.holding));
  auto& checks = to.add("shunt_health_checks_total", "Health checks of endpoints, by their result",
                        MetricType::Counter);
  for (std::size_t i = 0; i < probe_outcomes.size(); ++i)
    family_list::count(checks, {{"result", probe_outcomes[i]}}, s.health_checks[i]);
  to.gauge("shunt_unhealthy_endpoints", "Endpoints that their health checks have as unhealthy",
           static_cast<double>(s.unhealthy_endpoints));
  to.counter("shunt_lost_envelopes_total", "Messages to Loggregator that found nobody", s.lost_envelopes);
  to.counter("shunt_failed_handshakes_total", "TLS handshakes of clients that failed",
             s.failed_handshakes);
  to.counter("shunt_shed_requests_total", "Requests and connections turned away by an overload",
             s.shed_requests);
  // Of the library that gorouter serves metrics with. Here nothing can go wrong in these ways.
  auto& errors = to.add("promhttp_metric_handler_errors_total",
                        "Errors while metrics were gathered or written", MetricType::Counter);
  for (const auto* cause : {"encoding", "gathering"})
    family_list::count(errors, {{"cause", cause}}, 0);
}

} // namespace

std::vector<MetricFamily> metric_families(const metrics_snapshot& snapshot) {
  family_list all;
  add_registry(all, snapshot);
  add_requests(all, snapshot);
  add_times(all, snapshot);
  add_process(all, snapshot);
  if (snapshot.cluster)
    add_cluster(all, *snapshot.cluster);
  return all.take();
}

std::string metrics_text(const metrics_snapshot& snapshot) {
  return prometheus::TextSerializer{}.Serialize(metric_families(snapshot));
}

} // namespace shunt::app
