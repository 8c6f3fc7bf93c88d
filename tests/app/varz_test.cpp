// The document of /varz, letter by letter, and the rates, percentiles and busiest apps in it.
#include "app/varz.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cmath>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr request_history::clock::time_point start{1000s};

varz_facts facts() {
  varz_facts facts;
  facts.index = 3;
  facts.id = "3-6f1c0c0e-6b1d-4d0b-5b57-0a4b6a6a4b0e";
  facts.host = "0.0.0.0:8080";
  facts.user = "user";
  facts.pass = "pass";
  facts.start = std::chrono::sys_days{std::chrono::January / 2 / 2025} + 3h + 4min + 5s;
  facts.uptime = 3h + 22min + 31s;
  facts.cores = 2;
  facts.resident_kib_max = 19672;
  facts.cpu = 0.25;
  facts.droplets = 5;
  return facts;
}

void count_latency(net::component_totals& of, std::chrono::nanoseconds latency,
                   std::uint64_t times = 1) {
  of.fine[net::fine_histogram::bucket_of(latency.count())] += times;
}

json parsed(const metrics_snapshot& snapshot, const request_history& history = {}) {
  return json::parse(varz_json(snapshot, history, facts()));
}

TEST(Varz, IsThisBeforeAnythingHappened) {
  EXPECT_EQ(
    varz_json({}, {}, facts()),
    R"({"bad_gateways":0,"bad_requests":0,"cpu":0.25,"credentials":["user","pass"],"droplets":5,)"
    R"("host":"0.0.0.0:8080","index":3,)"
    R"("latency":{"50":0,"75":0,"90":0,"95":0,"99":0,"samples":1,"value":5e-07},"log_counts":{},)"
    R"("mem":19672,"ms_since_last_registry_update":-1,"num_cores":2,"rate":[0,0,0],"requests":0,)"
    R"("requests_per_sec":0,"responses_2xx":0,"responses_3xx":0,"responses_4xx":0,)"
    R"("responses_5xx":0,"responses_xxx":0,"start":"2025-01-02 03:04:05 +0000",)"
    R"("tags":{"component":{}},"top10_app_requests":[],"type":"Router","uptime":"0d:3h:22m:31s",)"
    R"("urls":0,"uuid":"3-6f1c0c0e-6b1d-4d0b-5b57-0a4b6a6a4b0e"})"
    "\n");
}

TEST(Varz, SumsComponentsAndShowsEach) {
  metrics_snapshot s;
  s.requests.components["route-emitter"] = {.attempts = 10, .responses = {1, 2, 3, 4, 5}};
  s.requests.components[""] = {.attempts = 7, .responses = {1, 1, 1, 1, 1}};
  const auto document = parsed(s);
  EXPECT_EQ(document["requests"], 17);
  EXPECT_EQ(document["responses_2xx"], 2);
  EXPECT_EQ(document["responses_3xx"], 3);
  EXPECT_EQ(document["responses_4xx"], 4);
  EXPECT_EQ(document["responses_5xx"], 5);
  EXPECT_EQ(document["responses_xxx"], 6);
  const auto& components = document["tags"]["component"];
  ASSERT_EQ(components.size(), 1u) << "who has no tag is in the sum alone";
  EXPECT_EQ(components["route-emitter"].dump(),
            R"({"latency":{"50":0,"75":0,"90":0,"95":0,"99":0,"samples":1,"value":5e-07},)"
            R"("rate":[0,0,0],"requests":10,"responses_2xx":1,"responses_3xx":2,)"
            R"("responses_4xx":3,"responses_5xx":4,"responses_xxx":5})");
}

TEST(Varz, ShowsTheTable) {
  metrics_snapshot s;
  s.since_registry_update = 1547ms;
  s.rejected_requests = 6;
  s.bad_gateways = 7;
  auto known = facts();
  known.urls = 4;
  const auto document = json::parse(varz_json(s, {}, known));
  EXPECT_EQ(document["urls"], 4);
  EXPECT_EQ(document["ms_since_last_registry_update"], 1547);
  EXPECT_EQ(document["bad_requests"], 6);
  EXPECT_EQ(document["bad_gateways"], 7);
}

TEST(Varz, EscapesAsGoDoes) {
  metrics_snapshot s;
  s.requests.components["<a&b>\"\xff"].attempts = 1;
  const auto text = varz_json(s, {}, facts());
  EXPECT_NE(text.find(R"("\u003ca\u0026b\u003e\")"
                      "\xef\xbf\xbd\":{"),
            std::string::npos)
    << text;
}

TEST(Varz, CountsDaysOfUptime) {
  auto old = facts();
  old.uptime = 49h + 59s;
  EXPECT_EQ(json::parse(varz_json({}, {}, old))["uptime"], "2d:1h:0m:59s");
}

TEST(Varz, ShowsTheBusiestApps) {
  net::request_totals totals;
  request_history history;
  history.look(totals, start);
  for (int i = 1; i <= 12; ++i)
    totals.app_requests["app-" + std::to_string(i)] = static_cast<std::uint64_t>(100 * i);
  history.look(totals, start + 5s);
  const auto top = parsed({}, history)["top10_app_requests"];
  ASSERT_EQ(top.size(), 10u);
  EXPECT_EQ(top.front().dump(), R"({"application_id":"app-12","rpm":1200,"rps":20})");
  EXPECT_EQ(top.back().dump(), R"({"application_id":"app-3","rpm":300,"rps":5})");
}

TEST(Varz, ShowsRatesAndPercentiles) {
  metrics_snapshot s;
  auto& component = s.requests.components["c"];
  request_history history;
  component.attempts = 10;
  history.look(s.requests, start);
  count_latency(component, 10ms, 99);
  count_latency(component, 1s);
  const auto document = parsed(s, history);
  EXPECT_EQ(document["rate"].dump(), "[2,2,2]");
  EXPECT_EQ(document["requests_per_sec"], 2);
  EXPECT_NEAR(document["latency"]["50"], 0.010, 0.0007);
  EXPECT_NEAR(document["latency"]["99"], 0.010, 0.0007);
  EXPECT_EQ(document["tags"]["component"]["c"]["latency"], document["latency"]);
}

// -- The history.

TEST(RequestHistory, FollowsARate) {
  net::request_totals totals;
  auto& component = totals.components["c"];
  request_history history;
  history.look(totals, start);
  EXPECT_EQ(history.rates().one, 0);
  for (int i = 1; i <= 12; ++i) {
    component.attempts += 50;
    history.look(totals, start + i * 5s);
  }
  EXPECT_NEAR(history.rates().one, 10 * (1 - std::exp(-1.0)), 1e-9);
  EXPECT_NEAR(history.rates().five, 10 * (1 - std::exp(-0.2)), 1e-9);
  EXPECT_NEAR(history.rates().fifteen, 10 * (1 - std::exp(-1.0 / 15)), 1e-9);
  EXPECT_EQ(history.rates_of("c").one, history.rates().one);
  EXPECT_EQ(history.rates_of("unknown").one, 0);
}

TEST(RequestHistory, DoesNotMindALateLook) {
  net::request_totals totals;
  request_history punctual, late;
  punctual.look(totals, start);
  late.look(totals, start);
  for (int i = 1; i <= 6; ++i) {
    totals.components["c"].attempts += 50;
    punctual.look(totals, start + i * 5s);
  }
  late.look(totals, start + 30s);
  EXPECT_NEAR(late.rates().one, punctual.rates().one, 1e-9);
}

TEST(RequestHistory, TellsPercentilesWithinSevenPercent) {
  net::request_totals totals;
  auto& component = totals.components["c"];
  for (int ms = 1; ms <= 1000; ++ms)
    count_latency(component, ms * 1ms);
  const request_history history;
  for (const double share : {0.5, 0.75, 0.9, 0.95, 0.99}) {
    EXPECT_NEAR(history.percentile(totals, share), share, share * 0.07);
    EXPECT_NEAR(history.percentile_of("c", component, share), share, share * 0.07);
  }
}

TEST(RequestHistory, ForgetsOldLatencies) {
  net::request_totals totals;
  auto& component = totals.components["c"];
  request_history history;
  count_latency(component, 1s, 1000);
  history.look(totals, start);
  for (int i = 1; i <= 120; ++i)
    history.look(totals, start + i * 5s);
  EXPECT_NEAR(history.percentile(totals, 0.5), 1, 0.07) << "better than nothing";
  count_latency(component, 1ms, 10);
  EXPECT_NEAR(history.percentile(totals, 0.5), 0.001, 0.00007);
}

TEST(RequestHistory, KnowsWhoWasBusyWithinAMinute) {
  net::request_totals totals;
  request_history history;
  totals.app_requests = {{"a", 100}, {"b", 3}};
  history.look(totals, start);
  EXPECT_EQ(history.busiest(1), (std::vector<busy_app>{{"a", 100}}));
  for (int i = 1; i < 12; ++i)
    history.look(totals, start + i * 5s);
  totals.app_requests["b"] = 10;
  totals.app_requests["c"] = 7;
  history.look(totals, start + 60s);
  EXPECT_EQ(history.busiest(10), (std::vector<busy_app>{{"b", 7}, {"c", 7}}))
    << "what was a minute ago does not count";
}

} // namespace
} // namespace shunt::app
