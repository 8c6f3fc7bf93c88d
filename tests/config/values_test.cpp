// Single values: what each type takes and refuses, and what is said of a wrong choice.
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shunt::config::test {
namespace {

using ::testing::HasSubstr;

TEST(Values, AWrongChoiceIsRefusedInGoroutersWords) {
  const std::vector<refusal> table{
    {"\nbalancing_algorithm: foo",
     "f.yml:2: balancing_algorithm: Invalid load balancing algorithm foo. Allowed values are "
     "[round-robin least-connection]"},
    {"balancing_algorithm: hash", "Invalid load balancing algorithm hash. Allowed values are"},
    {"balancing_algorithm: \"\"", "Invalid load balancing algorithm . Allowed values are"},
    {"\n\nbalancing_algorithm_az_preference: near",
     "f.yml:3: balancing_algorithm_az_preference: Invalid load balancing AZ preference near. "
     "Allowed values are [none locally-optimistic]"},
    {"forwarded_client_cert: never",
     "f.yml:1: forwarded_client_cert: Invalid forwarded client cert mode: never. Allowed values "
     "are [always_forward forward sanitize_set]"},
    {"routing_table_sharding_mode: some",
     "f.yml:1: routing_table_sharding_mode: Invalid sharding mode: some. Allowed values are [all "
     "segments shared-and-segments]"},
    {"logging:\n  redact_query_params: most",
     "f.yml:2: logging.redact_query_params: Invalid query param redaction mode: most. Allowed "
     "values are [none all hash]"},
    {"logging: {level: loud}",
     "f.yml:1: logging.level: Invalid log level loud. Allowed values are [debug info warn error "
     "dpanic panic fatal]"},
    {"backends: {max_conns_counts: x}",
     "backends.max_conns_counts: Invalid way to count connections x. Allowed values are "
     "[awaiting_headers whole_response]"},
    {"domains: [{name: a, xfcc_format: x}]",
     "domains[0].xfcc_format: Invalid XFCC format: x. Allowed values are [raw envoy]"},
    {"balancing_algorithm: [round-robin]", "balancing_algorithm: found a list, expected a string"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(errors_of(yaml), HasSubstr(message)) << yaml;
}

TEST(Values, NumbersAreWholeAndInRange) {
  const std::vector<refusal> table{
    {"port: 65536", "f.yml:1: port: found 65536, allowed is 0 to 65535"},
    {"port: -1", "port: found -1, allowed is 0 to 65535"},
    {"port: 99999999999999999999", "found 99999999999999999999, allowed is 0 to 65535"},
    {"port: \"80\"", "found \"80\", expected a whole number without quotes"},
    {"port: 80.0", "found 80.0, expected a whole number"},
    {"port: 8e1", "expected a whole number"},
    {"port: 0123", "found 0123, expected a whole number"},
    {"port: 0x", "expected a whole number"},
    {"port: 12a", "expected a whole number"},
    {"port: true", "found true, expected a whole number"},
    {"port: {a: 1}", "found keys, expected a whole number"},
    {"port: []", "found a list, expected a whole number"},
    {"empty_pool: {status: 399}", "empty_pool.status: found 399, allowed is 400 to 599"},
    {"empty_pool: {status: 600}", "empty_pool.status: found 600, allowed is 400 to 599"},
    {"go_max_procs: -2", "go_max_procs: found -2, allowed is -1 to 1024"},
    {"backends: {max_conns: -1}", "backends.max_conns: found -1"},
    {"limits: {connections: 0}", "limits.connections: found 0, allowed is 1 to 10000000"},
    {"nats_pending: {messages: 0}", "nats_pending.messages: found 0"},
    {"access_log: {queue_records: 0}", "access_log.queue_records: found 0"},
    {"token_fetcher_max_retries: 4294967296", "allowed is 0 to 4294967295"},
    {"token_fetcher_expiration_buffer_time: 30s", "found 30s, expected a whole number"},
    {"nats: {hosts: [{hostname: a, port: 70000}]}",
     "f.yml:1: nats.hosts[0].port: found 70000, allowed is 1 to 65535"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(errors_of(yaml), HasSubstr(message)) << yaml;
}

TEST(Values, NumbersMayHaveAPrefixOrASign) {
  EXPECT_EQ(loaded("port: 0x50").port, 80);
  EXPECT_EQ(loaded("port: 0o120").port, 80);
  EXPECT_EQ(loaded("port: 0b11").port, 3);
  EXPECT_EQ(loaded("port: +80").port, 80);
  EXPECT_EQ(loaded("port: 0").port, 0);
  EXPECT_EQ(loaded("max_request_header_bytes: -5").max_request_header_bytes, -5);
  EXPECT_EQ(loaded("backends: {max_conns: 4294967295}").backends.max_conns, 4294967295);
}

TEST(Values, FlagsAreWordsWithoutQuotes) {
  for (const std::string_view word : {"true", "True", "TRUE", "yes", "on", "y"})
    EXPECT_TRUE(loaded("enable_proxy: " + std::string{word}).enable_proxy) << word;
  for (const std::string_view word : {"false", "False", "no", "Off", "n"})
    EXPECT_FALSE(loaded("enable_http2: " + std::string{word}).enable_http2) << word;
  for (const std::string_view word : {"\"true\"", "1", "0", "maybe", "[true]", "tRue"})
    EXPECT_THAT(errors_of("enable_proxy: " + std::string{word}), HasSubstr("enable_proxy: found "))
      << word;
}

TEST(Values, AnyScalarIsAString) {
  for (const std::string_view scalar : {"22", "true", "1.5", "2024-01-01", "0x10"})
    EXPECT_EQ(loaded("trace_key: " + std::string{scalar}).trace_key, scalar);
  EXPECT_EQ(loaded("trace_key: \"null\"").trace_key, "null");
  EXPECT_EQ(loaded("trace_key: \"\"").trace_key, "");
  EXPECT_THAT(errors_of("trace_key: [22]"),
              HasSubstr("trace_key: found a list, expected a string"));
  EXPECT_THAT(errors_of("trace_key: {a: 1}"), HasSubstr("found keys, expected a string"));
}

TEST(Values, ListsHoldWhatTheyShould) {
  EXPECT_EQ(loaded("isolation_segments: [a, 7, null]").isolation_segments,
            (std::vector<std::string>{"a", "7", ""}));
  const std::vector<refusal> table{
    {"isolation_segments: a", "isolation_segments: found a, expected a list"},
    {"isolation_segments: {a: 1}", "isolation_segments: found keys, expected a list"},
    {"isolation_segments: [a, [b]]", "isolation_segments[1]: found a list, expected a string"},
    {"nats: {hosts: nats.example}", "nats.hosts: found nats.example, expected a list"},
    {"nats: {hosts: [a]}", "nats.hosts[0]: found a, expected keys"},
    {"prometheus: {meters: {http_latency_histogram_buckets: [1, 1]}}",
     "buckets[1]: found 1, expected a finite number above the one before it"},
    {"prometheus: {meters: {http_latency_histogram_buckets: [.inf]}}", "expected a finite number"},
    {"prometheus: {meters: {http_latency_histogram_buckets: [\"1\"]}}", "expected a finite number"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(errors_of(yaml), HasSubstr(message)) << yaml;
}

TEST(Values, AnUnknownTimestampFormatIsTheEpoch) {
  const auto result = load("logging: {format: {timestamp: iso}}", "f.yml");
  EXPECT_EQ(result.settings.logging.format.timestamp, timestamp_format::unix_epoch);
  ASSERT_EQ(result.warnings.size(), 1u);
  EXPECT_THAT(result.warnings[0], HasSubstr("f.yml:1: logging.format.timestamp: found iso, known"));
}

TEST(Values, SecretsAreNeverQuoted) {
  const auto text =
    errors_of("nats: {pass: [hunter2]}\nstatus: {pass: {a: hunter2}}\n"
              "route_services_secret: [hunter2]\noauth: {client_secret: [hunter2]}");
  EXPECT_THAT(text, HasSubstr("nats.pass: found a list"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("hunter2")));
}

} // namespace
} // namespace shunt::config::test
