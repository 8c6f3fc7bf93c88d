// The metrics as Loggregator hears them.
#include "app/metric_envelopes.hpp"

#include "tests/routing/envelope_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;
using test::envelope_read;
using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

class MetricEnvelopes : public testing::Test {
protected:
  using values = std::map<std::string, std::pair<double, std::string>>;

  /// What is told of `counted`: counters, and values with their units.
  void tell(bool muzzled = false) {
    counters.clear();
    told.clear();
    envelopes.tell(counted, muzzled, 5);
  }

  metrics_snapshot counted;
  std::map<std::string, std::uint64_t> counters;
  values told;
  metric_envelopes envelopes{[this](std::string_view bytes) {
    const envelope_read read{bytes};
    EXPECT_EQ(read.timestamp, 5);
    const auto name = read.event.text(1);
    const bool once = read.what == envelope_read::type::counter
                        ? counters.emplace(name, read.event.number(2)).second
                        : told.emplace(name, std::pair{read.event.real(2), read.event.text(3)}).second;
    EXPECT_TRUE(once) << name;
  }};
};

TEST_F(MetricEnvelopes, TellTheUsualCountersEvenIfTheyAreZero) {
  tell();
  for (const auto* name :
       {"bad_gateways", "backend_exhausted_conns", "backend_invalid_id", "backend_invalid_tls_cert",
        "backend_tls_handshake_failed", "rejected_requests", "total_requests", "responses", "responses.2xx",
        "responses.3xx", "responses.4xx", "responses.5xx", "responses.xxx", "routed_app_requests", "routes_pruned",
        "websocket_failures", "websocket_upgrades"})
    EXPECT_THAT(counters, Contains(Pair(name, 0u)));
  EXPECT_THAT(counters, SizeIs(17));
}

TEST_F(MetricEnvelopes, TellWhatWasCountedSinceTheLastTime) {
  auto& requests = counted.requests.components;
  requests["dea-1"].attempts = 2;
  requests["cc"].attempts = 3;
  requests[""].attempts = 4;
  requests["cc"].responses = {1, 0, 2, 0, 0};
  requests[""].responses = {5, 0, 0, 0, 1};
  counted.requests.service_responses = {0, 0, 0, 3, 0};
  counted.registry.components["cc"] = {.registered = {1, 2, 3, 4}, .unregistered = 5};
  counted.registry.components[""] = {.registered = {1, 0, 0, 0}, .unregistered = 0};
  counted.registry.pruned = 6;
  counted.token_fetch_errors = 1;
  counted.rejected_requests = 8;
  tell();
  const std::map<std::string, std::uint64_t> expected{
    {"total_requests", 9}, {"requests.dea-1", 2}, {"requests.cc", 3}, {"routed_app_requests", 2}, {"responses", 9},
    {"responses.2xx", 6}, {"responses.4xx", 2}, {"responses.xxx", 1}, {"responses.route_services", 3},
    {"responses.route_services.5xx", 3}, {"registry_message.cc", 10}, {"registry_message", 1},
    {"unregistry_message.cc", 5}, {"routes_pruned", 6}, {"token_fetch_errors", 1}, {"rejected_requests", 8}};
  for (const auto& [name, delta] : expected)
    EXPECT_THAT(counters, Contains(Pair(name, delta)));
  requests["cc"].attempts = 10;
  tell();
  EXPECT_THAT(counters, Contains(Pair("total_requests", 7u)));
  EXPECT_THAT(counters, Contains(Pair("requests.cc", 7u)));
  EXPECT_THAT(counters, Contains(Pair("routes_pruned", 0u)));
  EXPECT_THAT(counters, Not(Contains(Key("requests.dea-1"))));
  EXPECT_THAT(counters, Not(Contains(Key("registry_message"))));
}

TEST_F(MetricEnvelopes, TellTheMeanOfWhatWasMeasuredSince) {
  counted.requests.components["cc"].latency = {{1, 1}, 30};
  counted.requests.components[""].latency = {{0, 1}, 60};
  counted.requests.gorouter_time = {{4}, 0.002};
  counted.requests.lookup_time = {{2}, 3000};
  tell();
  EXPECT_THAT(told, Contains(Pair("latency", Pair(30.0, "ms"))));
  EXPECT_THAT(told, Contains(Pair("latency.cc", Pair(15.0, "ms"))));
  EXPECT_THAT(told, Contains(Pair("gorouter_time", Pair(0.5, "ms"))));
  EXPECT_THAT(told, Contains(Pair("route_lookup_time", Pair(1500.0, "ns"))));
  EXPECT_THAT(told, Not(Contains(Key("latency."))));
  counted.requests.components["cc"].latency = {{1, 2}, 130};
  tell();
  EXPECT_THAT(told, Contains(Pair("latency", Pair(100.0, "ms"))));
  EXPECT_THAT(told, Not(Contains(Key("route_lookup_time"))));
}

TEST_F(MetricEnvelopes, KeepHowLongTheFirstRegistrationsTookToThemselves) {
  counted.registry.latency = {{1}, 100'000};
  tell(true);
  EXPECT_THAT(told, Not(Contains(Key("route_registration_latency"))));
  tell();
  EXPECT_THAT(told, Not(Contains(Key("route_registration_latency"))));
  counted.registry.latency = {{2}, 100'008};
  tell();
  EXPECT_THAT(told, Contains(Pair("route_registration_latency", Pair(8.0, "ms"))));
}

TEST_F(MetricEnvelopes, TellHowThingsAre) {
  counted.registry.routes = 3;
  counted.file_descriptors = 4;
  counted.buffered_messages = 5;
  counted.dropped_messages = 6;
  tell();
  EXPECT_THAT(told, SizeIs(4)) << "nothing was heard yet";
  EXPECT_THAT(told, Contains(Pair("total_routes", Pair(3.0, ""))));
  EXPECT_THAT(told, Contains(Pair("file_descriptors", Pair(4.0, "file"))));
  EXPECT_THAT(told, Contains(Pair("buffered_messages", Pair(5.0, "message"))));
  EXPECT_THAT(told, Contains(Pair("total_dropped_messages", Pair(6.0, "message"))));
  counted.since_registry_update = 7ms;
  tell();
  EXPECT_THAT(told, Contains(Pair("ms_since_last_registry_update", Pair(7.0, "ms"))));
}

TEST_F(MetricEnvelopes, TellTheUptime) {
  envelopes.tell_uptime(90s, 5);
  EXPECT_THAT(told, Contains(Pair("uptime", Pair(90.0, "seconds"))));
}

TEST_F(MetricEnvelopes, DoNotTellLaterWhatWasSkipped) {
  counted.bad_gateways = 5;
  counted.requests.lookup_time = {{2}, 3000};
  envelopes.skip(counted);
  EXPECT_TRUE(counters.empty() && told.empty());
  counted.bad_gateways = 6;
  tell();
  EXPECT_THAT(counters, Contains(Pair("bad_gateways", 1u)));
  EXPECT_THAT(told, Not(Contains(Key("route_lookup_time"))));
}

} // namespace
} // namespace shunt::app
