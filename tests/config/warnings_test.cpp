// Warnings: mistyped keys and keys that do nothing yet.
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shunt::config::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Warnings, AnUnknownKeyComesWithTheNearestKnownOne) {
  const std::vector<refusal> table{
    {"\nprot: 80", "f.yml:2: prot: unknown key, ignored; did you mean port?"},
    {"nats:\n  host: a", "f.yml:2: nats.host: unknown key, ignored; did you mean nats.hosts?"},
    {"access_logs: {file: a}", "access_logs: unknown key, ignored; did you mean access_log?"},
    {"max_conns: 5", "max_conns: unknown key, ignored; did you mean backends.max_conns?"},
    {"endpoint-timeout: 5s", "did you mean endpoint_timeout?"},
    {"status: {route: {port: 1}}", "did you mean status.routes?"},
    {"nats: {hosts: [{hostname: a, port: 1, prot: 2}]}",
     "f.yml:1: nats.hosts[0].prot: unknown key, ignored; did you mean nats.hosts[0].port?"},
    {"nats.user: a", "nats.user: unknown key, ignored"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(warnings_of(yaml), HasSubstr(message)) << yaml;
}

TEST(Warnings, AKeyLikeNoOtherGetsNoSuggestion) {
  EXPECT_EQ(warnings_of("completely_different: {a: 1}"),
            "f.yml:1: completely_different: unknown key, ignored\n");
  EXPECT_EQ(warnings_of("\"\\e[2J\": 1"), "f.yml:1: \\x1b[2J: unknown key, ignored\n");
}

TEST(Warnings, ADottedKeyDoesNotReachIntoASection) {
  EXPECT_EQ(loaded("nats.user: a").nats.user, "");
}

TEST(Warnings, KeysOfOlderJobsAreToleratedInSilence) {
  EXPECT_THAT(warnings_of("ip_local_port_range: 1024 65535\nmax_header_bytes: 1024\n"
                          "logging: {enable_attempts_details: true}\n"),
              IsEmpty());
}

TEST(Warnings, VeryManyUnknownKeysAreCountedAndNotListed) {
  std::string yaml;
  for (int i = 0; i < 50'000; ++i)
    yaml += std::string{"unknown_"} + std::to_string(i) + ": 1\n";
  const auto result = load(yaml, "f.yml");
  ASSERT_EQ(result.warnings.size(), 101u);
  EXPECT_EQ(result.warnings.back(), "f.yml: and 49900 more");
}

TEST(Warnings, AnInertKeyAtItsDefaultIsNoNews) {
  for (const std::string_view yaml :
       {"enable_proxy: false", "enable_http2: true", "route_services_timeout: 60s",
        "sticky_session_cookie_names: [JSESSIONID]", "forwarded_client_cert: always_forward",
        "prometheus: {enabled: false, port: 0}", "hop_by_hop_headers_to_filter: []", "zone: \"\"",
        "debug_addr: null", "publish_active_apps_interval: 0s", "client_cert_validation: request"})
    EXPECT_THAT(warnings_of(yaml), IsEmpty()) << yaml;
}

TEST(Warnings, KeysThatWorkAreSilent) {
  EXPECT_THAT(warnings_of("port: 80\nendpoint_timeout: 9s\nbackends: {max_conns: 5}\n"
                          "balancing_algorithm: least-connection\npid_file: /tmp/p\n"
                          "empty_pool: {status: 502}\nlogging: {level: info, loggregator_enabled: true, metron_address: a:1}\n"
                          "enable_envelope_v1_metrics: false\nsend_http_start_stop_server_event: false\n"
                          "send_http_start_stop_client_event: false\nroute_latency_metric_muzzle_duration: 1s\n"
                          "disable_keep_alives: false\nmax_idle_conns: 5\n"
                          "enable_proxy: true\nenable_http2: false\nforwarded_client_cert: forward\n"
                          "isolation_segments: [a]\nlimits: {connections: 5}\n"
                          "prometheus: {port: 9100, meters: {gorouter_time_histogram_buckets: [1]}}\n"
                          "per_request_metrics_reporting: false\n"
                          "route_services_hairpinning: true\nroute_services_hairpinning_allowlist: [a.b]\n"
                          "route_services_internal_server_port: 0\n"
                          "publish_active_apps_interval: 30s\n"
                          "oauth: {client_name: x}\ntoken_fetcher_max_retries: 7\n"
                          "per_app_prometheus_http_metrics_reporting: true\n"),
              IsEmpty());
}

} // namespace
} // namespace shunt::config::test
