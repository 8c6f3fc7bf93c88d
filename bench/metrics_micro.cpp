// What counting costs a request: nanoseconds for each call that the request path makes, with
// endpoints that carry the tags of a Cloud Foundry registration. One thread; a quarter of a
// thousand apps is busy, in random order.
#include "net/loop_metrics.hpp"
#include "routing/random.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace shunt;
using namespace std::chrono_literals;

constexpr std::size_t app_count = 1000;
constexpr std::size_t outcomes = 256; ///< So few that they stay in the cache, as an exchange does.

std::string guid(std::uint64_t n) {
  auto text = std::to_string(n * 0x9e3779b97f4a7c15);
  text.resize(36, '-');
  return text;
}

routing::endpoint_ptr endpoint_of(std::uint64_t n) {
  const auto app = guid(n), process = guid(n + 1'000'000), space = guid(n % 100);
  const std::array<routing::endpoint_spec::tag_view, 7> tags{{{"app_id", app},
                                                              {"component", "route-emitter"},
                                                              {"organization_id", space},
                                                              {"process_id", process},
                                                              {"process_type", "web"},
                                                              {"source_id", app},
                                                              {"space_id", space}}};
  routing::endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = static_cast<std::uint16_t>(1 + n);
  spec.app = app;
  spec.tags = tags;
  return routing::endpoint::make(spec);
}

/// Requests to endpoints of all apps, and one loop's metrics to count them.
struct stage {
  explicit stage(bool per_app, bool varz) : what{settings(per_app, varz)}, loop{what} {
    routing::rng random{1};
    for (std::size_t i = 0; i < app_count; ++i) {
      endpoints.push_back(endpoint_of(i));
      labels.push_back(what.labels_of(*endpoints.back()));
    }
    for (std::size_t i = 0; i < outcomes; ++i)
      requests.push_back({.endpoint = &labels[random.below(app_count)],
                          .status = 200,
                          .total = std::chrono::microseconds{random.below(20'000)},
                          .proxied = std::chrono::microseconds{random.below(20'000)},
                          .own = std::chrono::microseconds{random.below(200)}});
  }

  static config::settings settings(bool per_app, bool varz) {
    config::settings settings;
    settings.per_app_prometheus_http_metrics_reporting = per_app;
    settings.status.enable_deprecated_varz_healthz_endpoints = varz;
    return settings;
  }

  net::request_metrics what;
  net::loop_metrics loop;
  std::vector<routing::endpoint_ptr> endpoints;
  std::vector<routing::metric_labels> labels;
  std::vector<net::request_outcome> requests;
};

void request_ended(benchmark::State& state) {
  stage here{state.range(0) != 0, state.range(1) != 0};
  for (std::size_t i = 0; auto _ : state)
    here.loop.request_ended(here.requests[i++ % outcomes]);
}
BENCHMARK(request_ended)->ArgNames({"per_app", "varz"})->ArgsProduct({{0, 1}, {0, 1}});

void attempt_began(benchmark::State& state) {
  stage here{false, false};
  for (std::size_t i = 0; auto _ : state)
    here.loop.attempt_began(*here.requests[i++ % outcomes].endpoint);
}
BENCHMARK(attempt_began);

/// Once a lease.
void labels_of(benchmark::State& state) {
  stage here{true, true};
  routing::rng random{2};
  for (auto _ : state)
    benchmark::DoNotOptimize(here.what.labels_of(*here.endpoints[random.below(app_count)]));
}
BENCHMARK(labels_of);

void route_found(benchmark::State& state) {
  stage here{false, false};
  for (std::int64_t i = 0; auto _ : state)
    here.loop.route_found(std::chrono::nanoseconds{i++ * 7919 % 120'000});
}
BENCHMARK(route_found);

void record(benchmark::State& state) {
  const stage here{false, false};
  net::latency_histogram histogram{here.what.latency};
  for (std::size_t i = 0; auto _ : state)
    histogram.record(here.requests[i++ % outcomes].total);
}
BENCHMARK(record);

void tell_the_time(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(std::chrono::steady_clock::now());
}
BENCHMARK(tell_the_time);

/// A scrape reads this for each loop.
void add_to(benchmark::State& state) {
  stage here{true, true};
  for (const auto& each : here.requests)
    here.loop.request_ended(each);
  for (auto _ : state) {
    net::request_totals totals;
    here.loop.add_to(totals);
    benchmark::DoNotOptimize(totals);
  }
}
BENCHMARK(add_to)->Unit(benchmark::kMicrosecond);

} // namespace

BENCHMARK_MAIN();
