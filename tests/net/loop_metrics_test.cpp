// What a loop counts about its requests, and what is counted by whom about the route table.
#include "net/loop_metrics.hpp"
#include "net/registry_metrics.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;
using groups = std::array<std::uint64_t, status_group_count>;
using counts = std::vector<std::uint64_t>;

/// Of an endpoint with these tags.
routing::metric_labels labels_with(request_metrics& what, std::string_view component,
                                   std::string_view source = {}, std::string_view app = {}) {
  std::vector<routing::endpoint_spec::tag_view> tags;
  if (!component.empty())
    tags.emplace_back("component", component);
  if (!source.empty())
    tags.emplace_back("source_id", source);
  routing::endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = 8080;
  spec.app = app;
  spec.tags = tags;
  return what.labels_of(*routing::endpoint::make(spec));
}

config::settings settings_with(bool per_app, bool varz = false, bool per_request = true) {
  config::settings settings;
  settings.per_app_prometheus_http_metrics_reporting = per_app;
  settings.per_request_metrics_reporting = per_request;
  settings.status.enable_deprecated_varz_healthz_endpoints = varz;
  return settings;
}

request_totals totals_of(const loop_metrics& loop) {
  request_totals totals;
  loop.add_to(totals);
  return totals;
}

TEST(LoopMetrics, CountsAttemptsByComponent) {
  request_metrics what{settings_with(false)};
  loop_metrics loop{what};
  loop.attempt_began(labels_with(what, "route-emitter"));
  loop.attempt_began(labels_with(what, "route-emitter"));
  loop.attempt_began(labels_with(what, ""));
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.components.size(), 2u);
  EXPECT_EQ(totals.components.at("route-emitter").attempts, 2u);
  EXPECT_EQ(totals.components.at("").attempts, 1u);
}

TEST(LoopMetrics, GroupsResponsesByStatus) {
  request_metrics what{settings_with(false)};
  loop_metrics loop{what};
  const auto endpoint = labels_with(what, "c");
  for (const int status : {200, 299, 301, 404, 499, 502, 525, 101, 0, 600, 999})
    loop.request_ended({.endpoint = &endpoint, .status = status});
  EXPECT_EQ(totals_of(loop).components.at("c").responses, (groups{2, 1, 2, 2, 4}));
}

TEST(LoopMetrics, CountsNoResponseForWhichNoEndpointWasChosen) {
  request_metrics what{settings_with(false)};
  loop_metrics loop{what};
  loop.request_ended({.status = 404, .total = 1ms});
  const auto totals = totals_of(loop);
  EXPECT_TRUE(totals.components.empty());
  EXPECT_EQ(totals.duration.count(), 1u) << "but it took its time";
  EXPECT_EQ(totals.own_duration.count(), 0u);
}

TEST(LoopMetrics, MeasuresARequestInTheUnitsOfEachHistogram) {
  request_metrics what{settings_with(true)};
  loop_metrics loop{what};
  const auto endpoint = labels_with(what, "c", "app-1");
  loop.route_found(20'000ns);
  loop.request_ended(
    {.endpoint = &endpoint, .status = 200, .total = 300ms, .proxied = 250ms, .own = 2ms});
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.lookup_time.counts, (counts{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(totals.lookup_time.sum, 20'000);
  EXPECT_EQ(totals.components.at("c").latency.counts,
            (counts{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(totals.components.at("c").latency.sum, 250);
  EXPECT_EQ(totals.gorouter_time.counts[0], 1u);
  EXPECT_EQ(totals.gorouter_time.sum, 0.002);
  EXPECT_EQ(totals.http_latency.at("app-1").counts, (counts{0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(totals.http_latency.at("app-1").sum, 0.3);
  EXPECT_EQ(totals.duration.sum, 0.3);
  EXPECT_EQ(totals.own_duration.sum, 0.002);
}

TEST(LoopMetrics, MeasuresNoProxyingThatDidNotHappen) {
  request_metrics what{settings_with(false, true)};
  loop_metrics loop{what};
  const auto endpoint = labels_with(what, "c");
  loop.request_ended({.endpoint = &endpoint, .status = 431, .total = 1ms});
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.components.at("c").responses, (groups{0, 0, 1, 0, 0}));
  EXPECT_EQ(totals.components.at("c").latency.count(), 0u);
  EXPECT_EQ(totals.gorouter_time.count(), 0u);
}

TEST(LoopMetrics, TellsRouteServicesFromTheirApps) {
  request_metrics what{settings_with(false)};
  loop_metrics loop{what};
  loop.route_service_left({.service = 3ms, .app = 20ms});
  loop.route_service_left({.service = 5ms}); // Which answered by itself.
  for (const int status : {200, 302, 404, 502, 504, 101})
    loop.route_service_response(status);
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.service_duration.count(), 2u);
  EXPECT_DOUBLE_EQ(totals.service_duration.sum, 0.008);
  EXPECT_EQ(totals.service_app_duration.count(), 1u);
  EXPECT_DOUBLE_EQ(totals.service_app_duration.sum, 0.02);
  EXPECT_EQ(totals.service_responses, (groups{1, 1, 1, 2, 1}));
}

TEST(LoopMetrics, MeasuresNothingIfTheOperatorDoesNotWantIt) {
  request_metrics what{settings_with(false, false, false)};
  loop_metrics loop{what};
  const auto endpoint = labels_with(what, "c", "app-1", "app-1");
  EXPECT_FALSE(loop.times_lookups());
  loop.route_found(1us);
  loop.route_service_left({.service = 3ms, .app = 20ms});
  loop.request_ended(
    {.endpoint = &endpoint, .status = 200, .total = 3ms, .proxied = 2ms, .own = 1ms});
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.components.at("c").responses[0], 1u) << "counting goes on";
  EXPECT_EQ(totals.components.at("c").latency.count(), 0u);
  EXPECT_EQ(totals.lookup_time.count() + totals.gorouter_time.count() + totals.duration.count()
              + totals.own_duration.count() + totals.service_duration.count()
              + totals.service_app_duration.count(),
            0u);
  EXPECT_TRUE(totals.http_latency.empty());
  EXPECT_TRUE(totals.app_requests.empty());
}

TEST(LoopMetrics, CountsAppsForWhoeverIsToldWhichWereUsed) {
  auto settings = settings_with(false, false, false);
  settings.publish_active_apps_interval = 30s;
  request_metrics what{settings};
  loop_metrics loop{what};
  const auto endpoint = labels_with(what, "c", "source", "app-1");
  loop.request_ended({.endpoint = &endpoint, .status = 200, .total = 3ms, .proxied = 2ms});
  EXPECT_EQ(totals_of(loop).app_requests, (std::map<std::string, std::uint64_t, std::less<>>{{"app-1", 1}}));
}

TEST(LoopMetrics, CallsARequestWithoutASourceItsOwn) {
  request_metrics what{settings_with(true)};
  loop_metrics loop{what};
  const auto untagged = labels_with(what, "c");
  loop.request_ended({.status = 404, .total = 1ms});
  loop.request_ended({.endpoint = &untagged, .status = 200, .total = 1ms});
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.http_latency.size(), 1u);
  EXPECT_EQ(totals.http_latency.at("gorouter").count(), 2u);
}

TEST(LoopMetrics, TellsOnlySoManyAppsApart) {
  request_metrics what{settings_with(true, true)};
  loop_metrics one{what}, other{what};
  for (std::size_t i = 0; i < app_labels_max + 500; ++i) {
    const auto name = "app-" + std::to_string(i);
    const auto endpoint = labels_with(what, "c", name, name);
    const request_outcome outcome{.endpoint = &endpoint, .status = 200, .total = 1ms};
    one.request_ended(outcome);
    other.request_ended(outcome);
  }
  request_totals totals;
  one.add_to(totals);
  other.add_to(totals);
  EXPECT_EQ(totals.http_latency.size(), app_labels_max + 1) << "however many loops there are";
  EXPECT_EQ(totals.http_latency.at("_other").count(), 1000u);
  EXPECT_EQ(totals.http_latency.at("app-0").count(), 2u);
  EXPECT_EQ(totals.app_requests.size(), app_labels_max + 1);
  EXPECT_EQ(totals.app_requests.at("_other"), 1000u);
}

TEST(LoopMetrics, KnowsTheLabelsOfAnEndpointAgain) {
  request_metrics what{settings_with(true, true)};
  const auto labels = labels_with(what, "c", "source", "app");
  EXPECT_TRUE(labels.known());
  EXPECT_EQ(what.components.text(labels.component), "c");
  EXPECT_EQ(what.sources.text(labels.source), "source");
  EXPECT_EQ(what.apps.text(labels.app), "app");
  EXPECT_EQ(labels_with(what, "c", "source", "app"), labels);
  EXPECT_FALSE(routing::metric_labels{}.known());
}

TEST(LoopMetrics, TellsOnlySoManyComponentsApart) {
  request_metrics what{settings_with(false)};
  loop_metrics loop{what};
  for (std::size_t i = 0; i < component_labels_max + 5; ++i)
    loop.attempt_began(labels_with(what, "component-" + std::to_string(i)));
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.components.size(), component_labels_max + 1);
  EXPECT_EQ(totals.components.at("_other").attempts, 5u);
}

TEST(LoopMetrics, KnowsWhichFailuresHaveACounter) {
  request_metrics what{settings_with(false)};
  loop_metrics loop{what};
  for (const int status : {496, 499, 502, 503, 525, 525, 526, 526, 526})
    loop.endpoint_failure(status);
  loop.count(request_event::empty_content_length_header);
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.event(request_event::backend_invalid_id), 1u);
  EXPECT_EQ(totals.event(request_event::backend_tls_handshake_failed), 2u);
  EXPECT_EQ(totals.event(request_event::backend_invalid_tls_cert), 3u);
  EXPECT_EQ(totals.event(request_event::empty_content_length_header), 1u);
}

TEST(LoopMetrics, IsReadWhileTheLoopWorks) {
  constexpr std::uint64_t requests = 20'000;
  request_metrics what{settings_with(true, true)};
  loop_metrics loop{what};
  std::vector<routing::metric_labels> endpoints;
  for (int i = 0; i < 100; ++i) {
    const auto name = "app-" + std::to_string(i);
    endpoints.push_back(labels_with(what, "component-" + std::to_string(i % 3), name, name));
  }
  std::atomic<bool> done{false};
  std::thread writer{[&] {
    for (std::uint64_t i = 0; i < requests; ++i) {
      const auto& endpoint = endpoints[i % endpoints.size()];
      loop.attempt_began(endpoint);
      loop.request_ended(
        {.endpoint = &endpoint, .status = 200, .total = 3ms, .proxied = 2ms, .own = 1ms});
    }
    done = true;
  }};
  std::uint64_t before = 0;
  while (!done) {
    const auto count = totals_of(loop).duration.count();
    EXPECT_GE(count, before);
    before = count;
  }
  writer.join();
  const auto totals = totals_of(loop);
  EXPECT_EQ(totals.duration.count(), requests);
  EXPECT_EQ(totals.http_latency.at("app-99").count(), requests / 100);
  EXPECT_EQ(totals.app_requests.at("app-0"), requests / 100);
}

// -- The route table.

TEST(RegistryMetrics, SaysWhatBecameOfRegistrations) {
  using enum routing::register_outcome;
  EXPECT_EQ(action_of(added), registry_action::added);
  EXPECT_EQ(action_of(refreshed), registry_action::refreshed);
  EXPECT_EQ(action_of(updated), registry_action::updated);
  EXPECT_EQ(action_of(unmodified), registry_action::unmodified);
  EXPECT_EQ(action_of(older), registry_action::unmodified);
  EXPECT_EQ(action_of(not_accepted), std::nullopt);
}

TEST(RegistryMetrics, SumsItsWriters) {
  registry_metrics_rules rules{config::settings{}};
  registry_metrics registrar{rules}, shard{rules};
  const registry_metrics::clock::time_point start{100s};
  registrar.registered("route-emitter", registry_action::refreshed, 3);
  registrar.heard(start);
  shard.registered("route-emitter", registry_action::added);
  shard.unregistered("route-emitter", 2);
  shard.unregistered("");
  shard.registered_after(1500us);
  shard.pruned(4);
  shard.route_registered();
  shard.route_registered();
  shard.route_unregistered();
  shard.holds(7, 9);
  shard.holds(6, 8);
  shard.heard(start - 1s);
  registry_totals totals;
  registrar.add_to(totals);
  shard.add_to(totals);
  const auto& component = totals.components.at("route-emitter");
  EXPECT_EQ(component.registered, (std::array<std::uint64_t, registry_action_count>{1, 3, 0, 0}));
  EXPECT_EQ(component.unregistered, 2u);
  EXPECT_EQ(totals.components.at("").unregistered, 1u);
  EXPECT_EQ(totals.latency.counts, (counts{0, 0, 0, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(totals.latency.sum, 1.5);
  EXPECT_EQ(totals.pruned, 4u);
  EXPECT_EQ(totals.routes_registered, 2u);
  EXPECT_EQ(totals.routes_unregistered, 1u);
  EXPECT_EQ(totals.routes, 6u);
  EXPECT_EQ(totals.last_update, start) << "the latest of all";
}

std::map<std::string, std::uint64_t, std::less<>> pools_of(const registry_metrics& writer) {
  registry_totals totals;
  writer.add_to(totals);
  return totals.pools;
}

TEST(RegistryMetrics, TellsOfPoolsUntilTheyAreEmpty) {
  registry_metrics_rules rules{config::settings{}};
  registry_metrics shard{rules};
  shard.pool("a.test/x", 3);
  shard.pool("b.test", 1);
  shard.pool("a.test/x", 2);
  shard.pool("b.test", 0);
  shard.pool("c.test", 0);
  EXPECT_EQ(pools_of(shard), (std::map<std::string, std::uint64_t, std::less<>>{{"a.test/x", 2}}));
  shard.forget_pools();
  EXPECT_TRUE(pools_of(shard).empty());
  EXPECT_EQ(rules.pools_shown, 0u);
}

TEST(RegistryMetrics, LetsPoolsBeyondTheBoundShareALabel) {
  registry_metrics_rules rules{config::settings{}};
  registry_metrics shard{rules}, other{rules};
  for (std::size_t i = 0; i < pool_labels_max - 1; ++i)
    shard.pool(std::to_string(i), 1);
  other.pool("the last one with a name", 2);
  other.pool("beyond", 3);
  shard.pool("beyond, too", 4);
  EXPECT_EQ(pools_of(other).at("the last one with a name"), 2u);
  EXPECT_EQ(pools_of(other).at("_other"), 3u);
  EXPECT_EQ(pools_of(shard).at("_other"), 4u);
  shard.pool("0", 0);
  other.pool("newcomer", 5);
  other.pool(std::string(1000, 'x'), 6);
  EXPECT_EQ(pools_of(other).at("newcomer"), 5u) << "the place was free again";
  EXPECT_EQ(pools_of(other).at("_other"), 9u) << "a route that was there keeps its label, as does one that is long";
}

TEST(RegistryMetrics, KnowsThatNothingWasEverHeard) {
  registry_metrics_rules rules{config::settings{}};
  const registry_metrics silent{rules};
  registry_totals totals;
  silent.add_to(totals);
  EXPECT_EQ(totals.last_update, std::nullopt);
}

} // namespace
} // namespace shunt::net
