// Every key arrives at its own member: each is set alone to something other than its default, and
// that member, and no other, must change.
#include "config/schema.hpp"
#include "support.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace shunt::config::test {
namespace {

/// Keys whose value follows from another key.
const std::map<std::string, std::vector<std::string>>& followers() {
  static const std::map<std::string, std::vector<std::string>> table{
    {"endpoint_timeout", {"drain_timeout"}},
    {"endpoint_dial_timeout", {"websocket_dial_timeout"}},
    {"start_response_delay_interval", {"droplet_stale_threshold"}},
    {"max_header_bytes", {"max_request_header_bytes"}},
    {"max_request_header_bytes", {"max_header_bytes"}},
  };
  return table;
}

/// Samples for keys that a sample by type does not suit.
const std::map<std::string, std::string>& special_samples() {
  static const std::map<std::string, std::string> table{
    {"forwarded_client_cert", "sanitize_set"},
    {"balancing_algorithm", "least-connection"},
    {"balancing_algorithm_az_preference", "locally-optimistic"},
    {"routing_table_sharding_mode", "shared-and-segments"},
    {"backends.max_conns_counts", "whole_response"},
    {"logging.level", "warn"},
    {"logging.redact_query_params", "hash"},
    {"logging.format.timestamp", "rfc3339"},
    {"logging.syslog_network", "tcp"},
    {"logging.syslog_addr", "logs:601"},
    {"logging.metron_address", "agent:601"},
    {"logging.extra_access_log_fields", "[dns_time]"},
    {"empty_pool.status", "404"},
    {"go_max_procs", "3"},
    {"limits.connection_buffer_bytes", "2000000"},
    {"nats_pending.bytes", "2000000"},
    {"nats.hosts", "[{hostname: a, port: 1}]"},
    {"tls_pem", "[{cert_chain: a, private_key: b}]"},
    {"http_rewrite.responses.add_headers_if_not_present", "[{name: a, value: b}]"},
    {"http_rewrite.responses.remove_headers", "[{name: a}]"},
    {"verify_client_certificate_metadata", "[{issuer_in_chain: {common_name: a}}]"},
  };
  return table;
}

/// Keys that need something beside them to load; see tls_test.cpp, check_test.cpp and cluster_test.cpp.
bool is_tested_elsewhere(const field<settings>& row) {
  constexpr std::array<std::string_view, 9> elsewhere{
    "disable_http",    "enable_ssl",       "ca_certs",
    "domains",         "nats.tls_enabled", "status.enable_nontls_health_checks",
    "status.tls.port", "status.tls.key",   "status.tls.certificate"};
  return row.applies != nullptr || row.path.starts_with("cluster.")
         || std::find(elsewhere.begin(), elsewhere.end(), row.path) != elsewhere.end();
}

const settings& defaults() {
  static const auto s = loaded("");
  return s;
}

std::string sample_for(const field<settings>& row) {
  if (const auto special = special_samples().find(row.path); special != special_samples().end())
    return special->second;
  static const std::map<std::string, std::string> by_type{
    {"port", "1234"},       {"int", "17"},         {"duration", "7m"},
    {"string", "text"},     {"int seconds", "77"}, {"[string]", "[one, two]"},
    {"[float]", "[1, 2.5]"}};
  if (row.type == "bool")
    return row.shown_text(defaults()) == "true" ? "false" : "true";
  const auto found = by_type.find(row.type);
  return found == by_type.end() ? "no sample" : found->second;
}

bool may_change(const std::string& set, const std::string& changed) {
  const auto found = followers().find(set);
  return set == changed
         || (found != followers().end()
             && std::find(found->second.begin(), found->second.end(), changed)
                  != found->second.end());
}

TEST(Keys, EachSetsItsOwnMemberAndNoOther) {
  const auto& before = defaults();
  for (const auto& row : settings_schema()) {
    if (is_tested_elsewhere(row))
      continue;
    const auto yaml = nested(row.path, sample_for(row));
    ASSERT_EQ(errors_of(yaml), "") << yaml;
    const auto after = loaded(yaml);
    EXPECT_FALSE(row.same(before, after)) << row.path << " changed nothing";
    for (const auto& other : settings_schema())
      EXPECT_TRUE(may_change(row.path, other.path) || other.same(before, after))
        << row.path << " changed " << other.path;
  }
}

TEST(Keys, ArriveWithTheirValues) {
  const auto s = loaded(R"(
port: 80
nats:
  hosts:
  - {hostname: 10.0.0.5, port: 4222}
  - {hostname: nats.example, port: 4333}
  user: u
trace_key: 22
index: 4294967296
token_fetcher_expiration_buffer_time: 40
status: {routes: {port: 8083}}
logging: {format: {timestamp: rfc3339}, level: error}
empty_pool: {status: 502, body: gone, content_type: text/html, retry_after: 7s, keep: 1h}
http_rewrite:
  responses:
    add_headers_if_not_present: [{name: X-A, value: a b}, {name: X-B, value: null}]
    remove_headers: [{name: X-C}]
verify_client_certificate_metadata:
- issuer_in_chain: {organization: [o1, o2], common_name: ca}
  valid_cert_subjects:
  - {country: [DE], serial_number: 7}
  - {postal_code: ["1"]}
prometheus: {meters: {http_latency_histogram_buckets: [0.5, 1, 1e3]}}
)");
  EXPECT_EQ(s.port, 80);
  EXPECT_EQ(s.nats.hosts, (std::vector<nats_host>{{"10.0.0.5", 4222}, {"nats.example", 4333}}));
  EXPECT_EQ(s.nats.user, "u");
  EXPECT_EQ(s.trace_key, "22");
  EXPECT_EQ(s.index, 4294967296u);
  EXPECT_EQ(s.token_fetcher_expiration_buffer_time, 40s);
  EXPECT_EQ(s.status.routes.port, 8083);
  EXPECT_EQ(s.logging.format.timestamp, timestamp_format::rfc3339);
  EXPECT_EQ(s.logging.level, log_level::error);
  EXPECT_EQ(s.empty_pool.status, 502);
  EXPECT_EQ(s.empty_pool.body, "gone");
  EXPECT_EQ(s.empty_pool.retry_after, 7s);
  EXPECT_EQ(s.empty_pool.keep, 1h);
  EXPECT_EQ(s.http_rewrite.responses.add_headers_if_not_present,
            (std::vector<added_header>{{"X-A", "a b"}, {"X-B", ""}}));
  EXPECT_EQ(s.http_rewrite.responses.remove_headers, (std::vector<removed_header>{{"X-C"}}));
  ASSERT_EQ(s.verify_client_certificate_metadata.size(), 1u);
  const auto& rule = s.verify_client_certificate_metadata[0];
  EXPECT_EQ(rule.issuer_in_chain.organization, (std::vector<std::string>{"o1", "o2"}));
  EXPECT_EQ(rule.issuer_in_chain.common_name, "ca");
  ASSERT_EQ(rule.valid_cert_subjects.size(), 2u);
  EXPECT_EQ(rule.valid_cert_subjects[0].serial_number, "7");
  EXPECT_EQ(s.prometheus.meters.http_latency_histogram_buckets,
            (std::vector<double>{0.5, 1, 1000}));
}

} // namespace
} // namespace shunt::config::test
