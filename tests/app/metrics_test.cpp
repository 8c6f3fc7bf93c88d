// The text that Prometheus reads: every name with its labels and buckets, letter by letter.
#include "app/metrics.hpp"

#include "config/settings.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;
using prometheus::MetricFamily;
using prometheus::MetricType;

/// The buckets of the defaults, and something counted under every label.
metrics_snapshot full_snapshot() {
  const config::prometheus_meters_settings meters;
  metrics_snapshot s;
  s.bounds = {.latency = meters.routing_response_latency_histogram_buckets,
              .gorouter_time = meters.gorouter_time_histogram_buckets,
              .lookup_time = meters.route_lookup_time_histogram_buckets,
              .http_latency = meters.http_latency_histogram_buckets,
              .duration = {0.001, 0.1},
              .registration_latency = meters.route_registration_latency_histogram_buckets};
  auto& component = s.requests.components["route-emitter"];
  component.attempts = 3;
  component.responses = {1, 2, 3, 4, 5};
  component.latency = {{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 2001.5};
  s.requests.http_latency["app-1"] = {{1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 30.05};
  s.registry.components["route-emitter"] = {.registered = {1, 2, 3, 4}, .unregistered = 5};
  s.registry.pools["app.example.com/v2"] = 7;
  return s;
}

MetricFamily family_of(const std::vector<MetricFamily>& families, const std::string& name) {
  for (const auto& each : families)
    if (each.name == name)
      return each;
  ADD_FAILURE() << "no " << name;
  return {};
}

std::vector<double> bounds_of(const prometheus::ClientMetric& metric) {
  std::vector<double> bounds;
  for (const auto& each : metric.histogram.bucket)
    bounds.push_back(each.upper_bound);
  return bounds;
}

// -- Every metric of gorouter's.

struct metric_row {
  const char* name;
  MetricType type;
  std::vector<std::string> labels = {};
  std::vector<double> bounds = {};
};

const std::vector<double> for_milliseconds = {1, 2, 4, 6, 8, 10, 20, 40, 50, 100, 500, 1000};
const std::vector<metric_row> gorouters = {
  {"registry_message", MetricType::Counter, {"action", "component"}},
  {"unregistry_message", MetricType::Counter, {"component"}},
  {"routes_registered", MetricType::Counter},
  {"routes_unregistered", MetricType::Counter},
  {"endpoints_per_pool", MetricType::Gauge, {"lb_algorithm", "route"}},
  {"routes_pruned", MetricType::Counter},
  {"total_routes", MetricType::Gauge},
  {"ms_since_last_registry_update", MetricType::Gauge},
  {"route_lookup_time",
   MetricType::Histogram,
   {},
   {10000, 20000, 30000, 40000, 50000, 60000, 70000, 80000, 90000, 100000}},
  {"gorouter_time", MetricType::Histogram, {}, for_milliseconds},
  {"route_registration_latency", MetricType::Histogram, {}, {0.1, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4}},
  {"total_requests", MetricType::Counter, {"component"}},
  {"rejected_requests", MetricType::Counter},
  {"bad_gateways", MetricType::Counter},
  {"empty_content_length_header", MetricType::Counter},
  {"backend_invalid_id", MetricType::Counter},
  {"backend_invalid_tls_cert", MetricType::Counter},
  {"backend_tls_handshake_failed", MetricType::Counter},
  {"backend_exhausted_conns", MetricType::Counter},
  {"websocket_upgrades", MetricType::Counter},
  {"websocket_failures", MetricType::Counter},
  {"responses", MetricType::Counter, {"status_group"}},
  {"responses_route_services", MetricType::Counter, {"status_group"}},
  {"latency", MetricType::Histogram, {"component"}, for_milliseconds},
  {"http_latency_seconds",
   MetricType::Histogram,
   {"source_id"},
   {0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6}},
  {"file_descriptors", MetricType::Gauge},
  {"buffered_messages", MetricType::Gauge},
  {"total_dropped_messages", MetricType::Gauge},
  {"promhttp_metric_handler_errors_total", MetricType::Counter, {"cause"}},
};

class GorouterMetric : public testing::TestWithParam<metric_row> {};

TEST_P(GorouterMetric, HasItsNameTypeLabelsAndBuckets) {
  const auto& row = GetParam();
  const auto family = family_of(metric_families(full_snapshot()), row.name);
  EXPECT_EQ(family.type, row.type);
  EXPECT_FALSE(family.help.empty());
  ASSERT_FALSE(family.metric.empty());
  for (const auto& metric : family.metric) {
    std::vector<std::string> names;
    for (const auto& label : metric.label)
      names.push_back(label.name);
    EXPECT_EQ(names, row.labels);
    EXPECT_EQ(bounds_of(metric), row.bounds);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GorouterMetric, testing::ValuesIn(gorouters),
                         [](const auto& row) { return std::string{row.param.name}; });

TEST(Metrics, AreOthersThanGoroutersOnlyUnderANameOfOurs) {
  std::set<std::string> known;
  for (const auto& row : gorouters)
    known.insert(row.name);
  const auto families = metric_families(full_snapshot());
  EXPECT_TRUE(std::is_sorted(families.begin(), families.end(),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));
  std::set<std::string> seen;
  for (const auto& family : families) {
    EXPECT_TRUE(seen.insert(family.name).second) << family.name << " twice";
    EXPECT_TRUE(known.contains(family.name) || family.name.starts_with("shunt_")) << family.name;
  }
}

TEST(Metrics, NameTheRoutesThatAreBalancedByHash) {
  const auto pool = family_of(metric_families(full_snapshot()), "endpoints_per_pool").metric.at(0);
  EXPECT_EQ(pool.label.at(0).value, "hash");
  EXPECT_EQ(pool.label.at(1).value, "app.example.com/v2");
  EXPECT_EQ(pool.gauge.value, 7);
}

TEST(Metrics, NameTheValuesOfTheirLabels) {
  const auto families = metric_families(full_snapshot());
  const auto values = [&](const char* name) {
    std::map<std::string, double> found;
    for (const auto& metric : family_of(families, name).metric)
      found[metric.label.front().value] = metric.counter.value;
    return found;
  };
  using map = std::map<std::string, double>;
  EXPECT_EQ(values("responses"), (map{{"2xx", 1}, {"3xx", 2}, {"4xx", 3}, {"5xx", 4}, {"xxx", 5}}));
  EXPECT_EQ(values("registry_message"),
            (map{{"added", 1}, {"refreshed", 2}, {"updated", 3}, {"unmodified", 4}}));
  EXPECT_EQ(values("unregistry_message"), (map{{"route-emitter", 5}}));
  EXPECT_EQ(values("promhttp_metric_handler_errors_total"),
            (map{{"encoding", 0}, {"gathering", 0}}));
}

TEST(Metrics, AddTheResponsesOfAllComponents) {
  metrics_snapshot s;
  s.requests.components["a"].responses = {1, 0, 0, 0, 2};
  s.requests.components[""].responses = {10, 0, 0, 0, 20};
  const auto responses = family_of(metric_families(s), "responses");
  EXPECT_EQ(responses.metric.front().counter.value, 11);
  EXPECT_EQ(responses.metric.back().counter.value, 22);
}

// -- The text.

TEST(MetricsText, IsThisBeforeAnythingHappened) {
  metrics_snapshot s;
  s.bounds = {.latency = {1},
              .gorouter_time = {1},
              .lookup_time = {10000},
              .http_latency = {0.1},
              .duration = {0.0001, 60},
              .registration_latency = {0.5}};
  EXPECT_EQ(metrics_text(s),
            R"(# HELP backend_exhausted_conns Requests to routes at their connection limit
# TYPE backend_exhausted_conns counter
backend_exhausted_conns 0
# HELP backend_invalid_id Backends whose certificate names another
# TYPE backend_invalid_id counter
backend_invalid_id 0
# HELP backend_invalid_tls_cert Backends whose certificate is not trusted
# TYPE backend_invalid_tls_cert counter
backend_invalid_tls_cert 0
# HELP backend_tls_handshake_failed Backends that do not speak TLS as the router does
# TYPE backend_tls_handshake_failed counter
backend_tls_handshake_failed 0
# HELP bad_gateways Requests that no endpoint could handle
# TYPE bad_gateways counter
bad_gateways 0
# HELP buffered_messages NATS messages that wait to be read
# TYPE buffered_messages gauge
buffered_messages 0
# HELP empty_content_length_header Requests with an empty Content-Length
# TYPE empty_content_length_header counter
empty_content_length_header 0
# HELP file_descriptors Open file descriptors
# TYPE file_descriptors gauge
file_descriptors 0
# HELP gorouter_time Seconds that the router itself spent on a request
# TYPE gorouter_time histogram
gorouter_time_count 0
gorouter_time_sum 0
gorouter_time_bucket{le="1"} 0
gorouter_time_bucket{le="+Inf"} 0
# HELP ms_since_last_registry_update Milliseconds since the latest registration; -1: none
# TYPE ms_since_last_registry_update gauge
ms_since_last_registry_update -1
# HELP promhttp_metric_handler_errors_total Errors while metrics were gathered or written
# TYPE promhttp_metric_handler_errors_total counter
promhttp_metric_handler_errors_total{cause="encoding"} 0
promhttp_metric_handler_errors_total{cause="gathering"} 0
# HELP rejected_requests Requests that could not be routed
# TYPE rejected_requests counter
rejected_requests 0
# HELP responses Responses to requests for which an endpoint was chosen
# TYPE responses counter
responses{status_group="2xx"} 0
responses{status_group="3xx"} 0
responses{status_group="4xx"} 0
responses{status_group="5xx"} 0
responses{status_group="xxx"} 0
# HELP responses_route_services Responses of route services
# TYPE responses_route_services counter
responses_route_services{status_group="2xx"} 0
responses_route_services{status_group="3xx"} 0
responses_route_services{status_group="4xx"} 0
responses_route_services{status_group="5xx"} 0
responses_route_services{status_group="xxx"} 0
# HELP route_lookup_time Nanoseconds that looking up a route took
# TYPE route_lookup_time histogram
route_lookup_time_count 0
route_lookup_time_sum 0
route_lookup_time_bucket{le="10000"} 0
route_lookup_time_bucket{le="+Inf"} 0
# HELP route_registration_latency Milliseconds from an endpoint's change to its registration
# TYPE route_registration_latency histogram
route_registration_latency_count 0
route_registration_latency_sum 0
route_registration_latency_bucket{le="0.5"} 0
route_registration_latency_bucket{le="+Inf"} 0
# HELP routes_pruned Endpoints that were not heard of for too long
# TYPE routes_pruned counter
routes_pruned 0
# HELP routes_registered Routes that got a first endpoint
# TYPE routes_registered counter
routes_registered 0
# HELP routes_unregistered Routes whose last endpoint was unregistered
# TYPE routes_unregistered counter
routes_unregistered 0
# HELP shunt_connections Open client connections
# TYPE shunt_connections gauge
shunt_connections 0
# HELP shunt_endpoint_ejections_total Endpoints that were avoided as outliers
# TYPE shunt_endpoint_ejections_total counter
shunt_endpoint_ejections_total 0
# HELP shunt_endpoints Endpoints in the table, once for each of their routes
# TYPE shunt_endpoints gauge
shunt_endpoints 0
# HELP shunt_failed_handshakes_total TLS handshakes of clients that failed
# TYPE shunt_failed_handshakes_total counter
shunt_failed_handshakes_total 0
# HELP shunt_health_checks_total Health checks of endpoints, by their result
# TYPE shunt_health_checks_total counter
shunt_health_checks_total{result="success"} 0
shunt_health_checks_total{result="bad_status"} 0
shunt_health_checks_total{result="timeout"} 0
shunt_health_checks_total{result="error"} 0
shunt_health_checks_total{result="not_asked"} 0
# HELP shunt_held_requests_total Requests that were to wait for the first backend of their route
# TYPE shunt_held_requests_total counter
shunt_held_requests_total 0
# HELP shunt_hold_refusals_total Those of them for which there was no room to wait in
# TYPE shunt_hold_refusals_total counter
shunt_hold_refusals_total 0
# HELP shunt_hold_timeouts_total Those of them for which no backend came in time
# TYPE shunt_hold_timeouts_total counter
shunt_hold_timeouts_total 0
# HELP shunt_holding_requests Requests that wait for a backend now
# TYPE shunt_holding_requests gauge
shunt_holding_requests 0
# HELP shunt_http2_streams_total Streams that clients opened
# TYPE shunt_http2_streams_total counter
shunt_http2_streams_total 0
# HELP shunt_idle_connections Open client connections that wait for a request
# TYPE shunt_idle_connections gauge
shunt_idle_connections 0
# HELP shunt_invalid_registry_messages_total NATS messages that could not be understood
# TYPE shunt_invalid_registry_messages_total counter
shunt_invalid_registry_messages_total 0
# HELP shunt_lost_envelopes_total Messages to Loggregator that found nobody
# TYPE shunt_lost_envelopes_total counter
shunt_lost_envelopes_total 0
# HELP shunt_malformed_requests_total Requests that could not be parsed
# TYPE shunt_malformed_requests_total counter
shunt_malformed_requests_total 0
# HELP shunt_refused_reservations_total Reservations that were malformed, or more than allowed
# TYPE shunt_refused_reservations_total counter
shunt_refused_reservations_total 0
# HELP shunt_request_duration_seconds Seconds that a request took, from its receipt on
# TYPE shunt_request_duration_seconds histogram
shunt_request_duration_seconds_count 0
shunt_request_duration_seconds_sum 0
shunt_request_duration_seconds_bucket{le="0.0001"} 0
shunt_request_duration_seconds_bucket{le="60"} 0
shunt_request_duration_seconds_bucket{le="+Inf"} 0
# HELP shunt_requests_total Requests that were read
# TYPE shunt_requests_total counter
shunt_requests_total 0
# HELP shunt_reservation_write_failures_total Attempts to store reservations that failed
# TYPE shunt_reservation_write_failures_total counter
shunt_reservation_write_failures_total 0
# HELP shunt_reservations Routes that are reserved
# TYPE shunt_reservations gauge
shunt_reservations 0
# HELP shunt_route_service_app_duration_seconds Seconds of a request that its route service sent back until it was answered
# TYPE shunt_route_service_app_duration_seconds histogram
shunt_route_service_app_duration_seconds_count 0
shunt_route_service_app_duration_seconds_sum 0
shunt_route_service_app_duration_seconds_bucket{le="0.0001"} 0
shunt_route_service_app_duration_seconds_bucket{le="60"} 0
shunt_route_service_app_duration_seconds_bucket{le="+Inf"} 0
# HELP shunt_route_service_bypassed_total Requests that went to the app because the route service was down
# TYPE shunt_route_service_bypassed_total counter
shunt_route_service_bypassed_total 0
# HELP shunt_route_service_duration_seconds Seconds of a request that were its route service's
# TYPE shunt_route_service_duration_seconds histogram
shunt_route_service_duration_seconds_count 0
shunt_route_service_duration_seconds_sum 0
shunt_route_service_duration_seconds_bucket{le="0.0001"} 0
shunt_route_service_duration_seconds_bucket{le="60"} 0
shunt_route_service_duration_seconds_bucket{le="+Inf"} 0
# HELP shunt_router_duration_seconds Seconds of a proxied request that were the router's own
# TYPE shunt_router_duration_seconds histogram
shunt_router_duration_seconds_count 0
shunt_router_duration_seconds_sum 0
shunt_router_duration_seconds_bucket{le="0.0001"} 0
shunt_router_duration_seconds_bucket{le="60"} 0
shunt_router_duration_seconds_bucket{le="+Inf"} 0
# HELP shunt_shed_requests_total Requests and connections turned away by an overload
# TYPE shunt_shed_requests_total counter
shunt_shed_requests_total 0
# HELP shunt_subscribe_events_errors_total Streams of the Routing API's events that failed or broke
# TYPE shunt_subscribe_events_errors_total counter
shunt_subscribe_events_errors_total 0
# HELP shunt_token_fetch_errors_total Tokens for the Routing API that were not to be had
# TYPE shunt_token_fetch_errors_total counter
shunt_token_fetch_errors_total 0
# HELP shunt_unhealthy_endpoints Endpoints that their health checks have as unhealthy
# TYPE shunt_unhealthy_endpoints gauge
shunt_unhealthy_endpoints 0
# HELP total_dropped_messages NATS messages lost because too many waited
# TYPE total_dropped_messages gauge
total_dropped_messages 0
# HELP total_routes Routes in the table
# TYPE total_routes gauge
total_routes 0
# HELP websocket_failures WebSocket requests that failed
# TYPE websocket_failures counter
websocket_failures 0
# HELP websocket_upgrades Requests to become a WebSocket that were answered
# TYPE websocket_upgrades counter
websocket_upgrades 0
)");
}

TEST(MetricsText, ShowsHistogramsCumulatively) {
  const auto text = metrics_text(full_snapshot());
  EXPECT_NE(text.find(R"(# TYPE http_latency_seconds histogram
http_latency_seconds_count{source_id="app-1"} 2
http_latency_seconds_sum{source_id="app-1"} 30.05
http_latency_seconds_bucket{source_id="app-1",le="0.1"} 1
http_latency_seconds_bucket{source_id="app-1",le="0.2"} 1
http_latency_seconds_bucket{source_id="app-1",le="0.4"} 1
http_latency_seconds_bucket{source_id="app-1",le="0.8"} 1
http_latency_seconds_bucket{source_id="app-1",le="1.6"} 1
http_latency_seconds_bucket{source_id="app-1",le="3.2"} 1
http_latency_seconds_bucket{source_id="app-1",le="6.4"} 1
http_latency_seconds_bucket{source_id="app-1",le="12.8"} 1
http_latency_seconds_bucket{source_id="app-1",le="25.6"} 1
http_latency_seconds_bucket{source_id="app-1",le="+Inf"} 2
)"),
            std::string::npos)
    << text;
}

TEST(MetricsText, ShowsLabelsInAlphabeticalOrder) {
  const auto text = metrics_text(full_snapshot());
  EXPECT_NE(text.find(R"(registry_message{action="added",component="route-emitter"} 1)"),
            std::string::npos);
}

TEST(MetricsText, EscapesWhatAnAppCallsItself) {
  metrics_snapshot s;
  s.requests.components["a\"b\\c\nd"].attempts = 1;
  EXPECT_NE(metrics_text(s).find("total_requests{component=\"a\\\"b\\\\c\\nd\"} 1\n"),
            std::string::npos);
}

TEST(MetricsText, CountsBeyondABillionToTheLastOne) {
  metrics_snapshot s;
  s.bad_gateways = 123'456'789'012'345;
  EXPECT_NE(metrics_text(s).find("\nbad_gateways 123456789012345\n"), std::string::npos);
}

TEST(MetricsText, SaysHowOldTheTableIs) {
  metrics_snapshot s;
  EXPECT_NE(metrics_text(s).find("\nms_since_last_registry_update -1\n"), std::string::npos);
  s.since_registry_update = 1500ms;
  EXPECT_NE(metrics_text(s).find("\nms_since_last_registry_update 1500\n"), std::string::npos);
}

TEST(MetricsText, TellsOfTheClusterOnlyWhenThereIsOne) {
  metrics_snapshot s;
  EXPECT_EQ(metrics_text(s).find("shunt_cluster_"), std::string::npos);
  s.cluster.emplace();
  s.cluster->lease_age = 1500ms;
  s.cluster->push_lag = 250ms;
  s.cluster->repairs = 1;
  s.cluster->repaired_hosts = 2;
  s.cluster->repair_bytes = 3;
  s.cluster->transferred_hosts = 4;
  s.cluster->transfer_bytes = 5;
  s.cluster->granted_hosts = 6;
  s.cluster->shards_held = 7;
  const auto text = metrics_text(s);
  for (const auto* line :
       {"lease_age_seconds 1.5", "push_lag_seconds 0.25", "repair_rounds_total 1", "repaired_hosts_total 2",
        "repair_bytes_total 3", "transferred_hosts_total 4", "transfer_bytes_total 5", "granted_hosts_total 6",
        "shards_held 7"})
    EXPECT_NE(text.find("\nshunt_cluster_" + std::string{line} + "\n"), std::string::npos) << line << '\n' << text;
}

TEST(MetricsText, LeavesOutWhatHasNoValueYet) {
  const auto text = metrics_text({});
  for (const auto* name : {"registry_message", "unregistry_message", "total_requests", "latency",
                           "http_latency_seconds"})
    EXPECT_EQ(text.find("# TYPE " + std::string{name} + " "), std::string::npos) << name;
}

} // namespace
} // namespace shunt::app
