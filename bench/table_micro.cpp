// What the route table costs: time per operation at a size, and with `--memory [ROUTES]` resident
// bytes per route. Every route has one endpoint with all the data a Cloud Foundry registration
// carries. One thread; the hosts are taken in random order, so caches help no more than they would
// in production.
#include "bench/sample_routes.hpp"
#include "routing/lease_table.hpp"
#include "routing/random.hpp"
#include "routing/slice.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace shunt::bench;
using namespace shunt::routing;
using namespace std::chrono_literals;

constexpr time_point start{1000s};
constexpr std::int64_t wall_ns = 1'700'000'000'000'000'000;

registration hear(std::string uri, std::uint64_t n, std::uint64_t generation = 0) {
  return registration::make(false, endpoint_of(n, generation), std::move(uri));
}

std::unique_ptr<slice> filled(std::uint64_t routes) {
  auto table = std::make_unique<slice>(table_rules{});
  for (std::uint64_t n = 0; n < routes; ++n)
    table->register_endpoint(hear(host_of(n), n), start, wall_ns);
  return table;
}

void register_new(benchmark::State& state) {
  const auto table = filled(static_cast<std::uint64_t>(state.range(0)));
  std::uint64_t n = static_cast<std::uint64_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<registration> heard;
    for (int i = 0; i < 1000; ++i, ++n)
      heard.push_back(hear(host_of(n), n));
    state.ResumeTiming();
    for (const auto& r : heard)
      benchmark::DoNotOptimize(table->register_endpoint(r, start, wall_ns));
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 1000);
}
BENCHMARK(register_new)->Arg(1'000'000)->Iterations(100);

/// Registrations come fresh from the parser and so are in the cache; what they are compared with is
/// not.
void register_unchanged(benchmark::State& state) {
  const auto routes = static_cast<std::uint64_t>(state.range(0));
  const auto table = filled(routes);
  rng random{7};
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<registration> heard;
    for (int i = 0; i < 1000; ++i) {
      const auto n = random.below(routes);
      heard.push_back(hear(host_of(n), n));
    }
    state.ResumeTiming();
    const auto portion = static_cast<std::size_t>(state.range(1));
    for (std::size_t i = 0; i < heard.size(); ++i) {
      if (portion > 1 && i % portion == 0)
        table->warm(std::span{heard}.subspan(i, std::min(portion, heard.size() - i)));
      benchmark::DoNotOptimize(table->register_endpoint(heard[i], start + 20s, wall_ns));
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 1000);
}
BENCHMARK(register_unchanged)
  ->ArgNames({"routes", "at_a_time"})
  ->Args({1'000, 1})
  ->Args({1'000'000, 1})
  ->Args({1'000'000, 32})
  ->Iterations(300);

void leased_lookup(benchmark::State& state) {
  const auto hosts = static_cast<std::uint64_t>(state.range(0));
  lease_table leases{lease_rules{.hosts_max = hosts + 1}, 1};
  for (std::uint64_t n = 0; n < hosts; ++n)
    leases.grant({host_of(n), {{"", {}, {{endpoint_of(n), {}}}}}}, start);
  rng random{3};
  std::vector<std::string> wanted;
  for (int i = 0; i < 65'536; ++i)
    wanted.push_back(host_of(random.below(hosts)));
  std::size_t i = 0;
  for (auto _ : state) {
    const std::string& host = wanted[i++ & 65'535];
    benchmark::DoNotOptimize(leases.match(host, leases.find(host), "v2/things/17.json"));
  }
}
/// A loop leases 100 000 hosts at most, however large the table; a million shows what memory costs.
BENCHMARK(leased_lookup)->Arg(10)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

/// One replica that follows a slice, as a loop does; both ends of a change are paid for.
class followed_host {
public:
  explicit followed_host(std::string host) : host_{std::move(host)} { table.watch(host_); }
  void put(const std::string& uri, std::uint64_t n, std::uint64_t generation) {
    table.register_endpoint(hear(uri, n, generation), start, wall_ns);
  }
  void lease() {
    table.take_changes();
    replica.grant(table.grant(host_), start);
  }
  void follow() {
    for (const auto& change : table.take_changes())
      replica.apply(change);
  }
  slice table{table_rules{}};
  lease_table replica{lease_rules{}, 1};

private:
  std::string host_;
};

void churn_paths(benchmark::State& state) {
  const auto paths = static_cast<std::uint64_t>(state.range(0));
  followed_host f{"big.example.com"};
  std::vector<registration> in, out;
  for (std::uint64_t n = 0; n < paths; ++n) {
    in.push_back(hear("big.example.com/v1/path-" + std::to_string(n), n));
    out.push_back(in.back());
    f.table.register_endpoint(in.back(), start, wall_ns);
  }
  f.lease();
  rng random{5};
  for (auto _ : state) {
    const auto n = random.below(paths);
    f.table.unregister_endpoint(out[n], start);
    f.follow();
    f.table.register_endpoint(in[n], start, wall_ns);
    f.follow();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 2);
}
BENCHMARK(churn_paths)->Arg(10)->Arg(1'000)->Arg(10'000);

void churn_endpoints(benchmark::State& state) {
  const auto members = static_cast<std::uint64_t>(state.range(0));
  followed_host f{"wide.example.com"};
  std::vector<registration> heard;
  for (std::uint64_t n = 0; n < members; ++n) {
    heard.push_back(hear("wide.example.com", n));
    f.table.register_endpoint(heard.back(), start, wall_ns);
  }
  f.lease();
  rng random{5};
  for (auto _ : state) {
    const auto n = random.below(members);
    f.table.unregister_endpoint(heard[n], start);
    f.follow();
    f.table.register_endpoint(heard[n], start, wall_ns);
    f.follow();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 2);
}
BENCHMARK(churn_endpoints)->Arg(4)->Arg(100)->Arg(1'000)->Arg(10'000);

/// CPU time, because the machine may be busy with something else.
std::chrono::nanoseconds thread_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

/// The longest a single prune step holds its thread while a million plain routes go stale at once.
void prune_step_longest(benchmark::State& state) {
  for (auto _ : state) {
    slice table{table_rules{}};
    for (std::uint64_t n = 0; n < 1'000'000; ++n) {
      const auto address = std::to_string(n);
      endpoint_spec spec;
      spec.host = address;
      table.register_endpoint(registration::make(false, endpoint::make(spec), host_of(n)), start,
                              wall_ns);
    }
    std::chrono::nanoseconds longest{0};
    for (bool done = false; !done;) {
      prune_result result;
      const auto before = thread_time();
      done = table.prune_step(start + 121s, static_cast<std::size_t>(state.range(0)), result);
      longest = std::max(longest, thread_time() - before);
    }
    state.SetIterationTime(std::chrono::duration<double>(longest).count());
  }
}
BENCHMARK(prune_step_longest)
  ->Arg(1'000)
  ->Arg(4'000)
  ->Iterations(1)
  ->UseManualTime()
  ->Unit(benchmark::kMicrosecond);

/// The longest that a loop is held while it takes a host of ten thousand paths into use, or lets go of
/// it, in the portions of actors/lease_cache.
void host_portion_longest(benchmark::State& state) {
  constexpr std::size_t portion = 32;
  std::vector<path_grant> paths;
  for (std::uint64_t n = 0; n < 10'000; ++n)
    paths.push_back({"v1/path-" + std::to_string(n), {}, {{endpoint_of(n), {}}}});
  for (auto _ : state) {
    lease_table leases{lease_rules{}, 1};
    std::chrono::nanoseconds longest{0};
    const auto timed = [&longest](const auto& work) {
      const auto before = thread_time();
      work();
      longest = std::max(longest, thread_time() - before);
    };
    auto staged = leases.stage("big.example.com");
    for (std::size_t i = 0; i < paths.size(); i += portion)
      timed([&] {
        for (std::size_t n = i; n < std::min(i + portion, paths.size()); ++n)
          staged->add(paths[n]);
      });
    timed([&] { leases.grant(std::move(staged), start); });
    timed([&] { leases.drop("big.example.com"); });
    for (bool done = false; !done;)
      timed([&] { done = leases.bury(portion); });
    state.SetIterationTime(std::chrono::duration<double>(longest).count());
  }
}
BENCHMARK(host_portion_longest)->Iterations(5)->UseManualTime()->Unit(benchmark::kMicrosecond);

std::size_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  std::size_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

int print_memory(std::uint64_t routes) {
  const auto before = resident_bytes();
  const auto table = filled(routes);
  const auto after = resident_bytes();
  std::printf("routes %zu, endpoints %zu: %.1f bytes resident per route (index %.1f)\n",
              table->route_count(), table->endpoint_count(),
              static_cast<double>(after - before) / static_cast<double>(routes),
              static_cast<double>(table->allocated_bytes_of_index()) / static_cast<double>(routes));
  return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view{argv[1]} == "--memory")
    return print_memory(argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return EXIT_FAILURE;
  benchmark::RunSpecifiedBenchmarks();
  return EXIT_SUCCESS;
}
