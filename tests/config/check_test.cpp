// Rules between keys, other than those of TLS.
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shunt::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(Check, RefusesWhatCannotWorkTogether) {
  const std::vector<refusal> table{
    {"\ndisable_http: true",
     "f.yml:2: disable_http: neither http nor https listener is enabled: router.enable_ssl: false, "
     "router.disable_http: true"},
    {"status:\n  enable_nontls_health_checks: false",
     "f.yml:2: status.enable_nontls_health_checks: Neither TLS nor non-TLS health endpoints are "
     "enabled. Refusing to start gorouter."},
    {"routing_table_sharding_mode: segments",
     "f.yml:1: routing_table_sharding_mode: Expected isolation segments; routing table sharding "
     "mode set to segments and none provided."},
    {"load_balancer_healthy_threshold: -5s",
     "f.yml:1: load_balancer_healthy_threshold: Invalid load balancer healthy threshold: -5s"},
    {"load_balancer_healthy_threshold: -90s", "Invalid load balancer healthy threshold: -1m30s"},
    {"logging: {syslog_network: unix}",
     "f.yml:1: logging.syslog_network: found \"unix\", allowed are tcp, tcp4, tcp6, udp, udp4, "
     "udp6"},
    {"logging: {syslog_network: tcpx}", "found \"tcpx\", allowed are tcp"},
    {"logging: {syslog_network: udp5}", "found \"udp5\", allowed are tcp"},
    {"logging: {syslog_network: \"\"}", "found \"\", allowed are tcp"},
    {"logging: {syslog_addr: localhost}",
     "f.yml:1: logging.syslog_addr: found \"localhost\", expected host:port"},
    {"logging: {syslog_addr: \":514\"}", "expected host:port"},
    {"logging: {syslog_addr: \"a:0\"}", "expected host:port"},
    {"logging: {syslog_addr: \"a:99999\"}", "expected host:port"},
    {"nats: {hosts: []}", "f.yml:1: nats.hosts: found no server, expected at least one"},
    {"nats: {hosts: [{port: 4222}]}", "f.yml:1: nats.hosts[0].hostname: must be given"},
    {"nats: {hosts: [{hostname: a}]}", "nats.hosts[0].port: must be given"},
    {"nats: {hosts: [null]}", "nats.hosts[0].hostname: must be given"},
    {"\nport: 8080", "f.yml:2: status.port: found 8080, which is already used by port"},
    {"\nport: 8082", "f.yml:2: status.routes.port: found 8082, which is already used by port"},
    {"status:\n  user: u\nport: 8080", "f.yml:3: status.port: found 8080"},
    {"status:\n  port: 8081", "f.yml:2: status.port: found 8081, which is already used by port"},
    {"status: {port: 9, routes: {port: 9}}",
     "f.yml:1: status.routes.port: found 9, which is already used by status.port"},
    {"route_services_hairpinning: true\nport: 7070",
     "f.yml:2: route_services_internal_server_port: found 7070, which is already used by port"},
    {"http_rewrite: {responses: {add_headers_if_not_present: [{name: \"a b\", value: c}]}}",
     "\"a b\" is no valid header name"},
    {"http_rewrite: {responses: {add_headers_if_not_present: [{name: a, value: \"b\\r\\nc\"}]}}",
     "or its value is none"},
    {"http_rewrite: {responses: {remove_headers: [{}]}}", "\"\" is no valid header name"},
    {"tracing:\n  enable_w3c: true\n  w3c_tenant_id: a b",
     "f.yml:3: tracing.w3c_tenant_id: found \"a b\", allowed are up to 241 visible characters of ASCII other than comma "
     "and =; W3C Trace Context has a-z, 0-9, _, -, * and / for what stands before @gorouter in tracestate"},
    {"tracing: {enable_w3c: true, w3c_tenant_id: \"a,b\"}", "tracing.w3c_tenant_id: found"},
    {"tracing: {enable_w3c: true, w3c_tenant_id: \"a=b\"}", "tracing.w3c_tenant_id: found"},
    {"tracing: {enable_w3c: true, w3c_tenant_id: \"a\\r\\nb: c\"}", "tracing.w3c_tenant_id: found"},
    {"tracing: {enable_w3c: true, w3c_tenant_id: " + std::string(242, 'a') + "}", "tracing.w3c_tenant_id: found"},
    {"empty_pool: {content_type: \"a\\nb: c\"}", "empty_pool.content_type: found control"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(errors_of(yaml), HasSubstr(message)) << yaml;
}

TEST(Check, SyslogNetworksMayNameAnAddressFamily) {
  for (const std::string network : {"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6"})
    EXPECT_EQ(loaded("logging: {syslog_network: " + network + "}").logging.syslog_network, network);
}

TEST(Check, ATenantMayBeMoreThanW3cHas) {
  const std::string yaml = "tracing: {enable_w3c: true, w3c_tenant_id: 6F1C0C0E.Acme}";
  EXPECT_EQ(loaded(yaml).tracing.w3c_tenant_id, "6F1C0C0E.Acme");
  EXPECT_EQ(errors_of("tracing: {w3c_tenant_id: a b}"), "") << "nobody writes it";
}

TEST(Check, EphemeralPortsDoNotCollide) {
  EXPECT_EQ(errors_of("port: 0\nstatus: {port: 0, routes: {port: 0}}\n"), "");
}

TEST(Check, SegmentsAreEnoughForSharding) {
  const auto s = loaded("routing_table_sharding_mode: segments\nisolation_segments: [a]\n");
  EXPECT_EQ(s.routing_table_sharding_mode, routing_table_sharding_mode::segments);
  EXPECT_EQ(loaded("routing_table_sharding_mode: shared-and-segments").isolation_segments.size(),
            0u);
}

TEST(Check, TimeoutsFollowOthersUnlessGiven) {
  EXPECT_EQ(loaded("endpoint_timeout: 900s").drain_timeout, 900s);
  EXPECT_EQ(loaded("endpoint_timeout: 900s\ndrain_timeout: 5s").drain_timeout, 5s);
  EXPECT_EQ(loaded("endpoint_timeout: 900s\ndrain_timeout: 60s").drain_timeout, 60s);
  EXPECT_EQ(loaded("endpoint_dial_timeout: 9s").websocket_dial_timeout, 9s);
  EXPECT_EQ(loaded("endpoint_dial_timeout: 9s\nwebsocket_dial_timeout: 1s").websocket_dial_timeout,
            1s);
}

TEST(Check, TheStaleThresholdIsAtLeastTheStartDelay) {
  EXPECT_EQ(loaded("start_response_delay_interval: 200s").droplet_stale_threshold, 200s);
  EXPECT_THAT(warnings_of("start_response_delay_interval: 200s"), IsEmpty());
  EXPECT_THAT(warnings_of("start_response_delay_interval: 20s\ndroplet_stale_threshold: 10s"),
              HasSubstr("f.yml:2: droplet_stale_threshold: raised to "
                        "start_response_delay_interval, 20s"));
  EXPECT_EQ(loaded("start_response_delay_interval: 5s\ndroplet_stale_threshold: 5s")
              .droplet_stale_threshold,
            5s);
}

TEST(Check, AnAbsentHeaderTimeoutIsAMinuteAndAZeroIsNone) {
  EXPECT_EQ(loaded("").read_header_timeout, 60s);
  EXPECT_EQ(loaded("read_header_timeout: 0s").read_header_timeout, 0s);
}

TEST(Check, TheNewerNameOfTheHeaderLimitWins) {
  EXPECT_EQ(loaded("max_header_bytes: 1000").max_request_header_bytes, 1000);
  EXPECT_THAT(warnings_of("max_header_bytes: 1000"), IsEmpty());
  for (const std::string_view yaml : {"max_header_bytes: 1000\nmax_request_header_bytes: 2000",
                                      "max_request_header_bytes: 2000\nmax_header_bytes: 1000"}) {
    EXPECT_EQ(loaded(yaml).max_request_header_bytes, 2000);
    EXPECT_THAT(warnings_of(yaml), HasSubstr("max_header_bytes: ignored, because"));
  }
  EXPECT_THAT(warnings_of("max_request_header_bytes: 2000000"), HasSubstr("lowered to"));
}

TEST(Check, ConnectionsAreLoweredToWhatCanBeCounted) {
  EXPECT_EQ(loaded("backends: {max_conns: 4294967295}").backends.max_conns, 4294967295);
  EXPECT_THAT(warnings_of("backends: {max_conns: 4294967295}"), IsEmpty());
  EXPECT_EQ(loaded("backends: {max_conns: 4294967296}").backends.max_conns, 4294967295);
  EXPECT_THAT(warnings_of("backends:\n  max_conns: 4294967296"),
              HasSubstr("f.yml:2: backends.max_conns: lowered to the largest that is allowed, "
                        "4294967295"));
}

TEST(Check, ExtraLogFieldsAreKnownAndUnique) {
  const auto result =
    load("logging: {extra_access_log_fields: [dns_time, nope, dial_time, dns_time]}", "f.yml");
  EXPECT_THAT(result.settings.logging.extra_access_log_fields,
              ElementsAre("dns_time", "dial_time"));
  EXPECT_THAT(result.warnings, ElementsAre("f.yml:1: logging.extra_access_log_fields: unknown "
                                           "field nope, ignored"));
}

TEST(Check, LogFieldsOfRoutePoliciesAreKnown) {
  EXPECT_THAT(warnings_of("logging: {extra_access_log_fields: [tls_sni, caller_cf_app, caller_cf_space, "
                          "caller_cf_org, route_policy]}"),
              IsEmpty());
}

TEST(Check, LogFieldsOfRouteServicesAreKnown) {
  EXPECT_THAT(warnings_of("logging: {extra_access_log_fields: [route_service_time, app_time]}"), IsEmpty());
}

TEST(Check, OneMistakeIsNotToldTwice) {
  const auto text = errors_of("nats: {hosts: [{hostname: a, port: 0}]}");
  EXPECT_EQ(text, "f.yml:1: nats.hosts[0].port: found 0, allowed is 1 to 65535");
  EXPECT_THAT(text, Not(HasSubstr("must be given")));
}

TEST(Check, FilesThatCannotBeReadAreErrors) {
  EXPECT_THROW(load_file("/nonexistent/shunt.yml"), config_error);
  try {
    load_file("/");
    FAIL() << "read a directory";
  } catch (const config_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("/: cannot be read"));
  }
}

} // namespace
} // namespace shunt::config::test
