// shunt-sim: runs histories of faults against a simulated cluster, and shortens those that break a promise. Or
// measures what clusters cost by their size.
#include "scale_report.hpp"
#include "world.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <map>
#include <unistd.h>

namespace {

using namespace shunt::simulation;

double seconds(shunt::routing::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

nlohmann::json told(const history& h, const outcome& o) {
  nlohmann::json faults = nlohmann::json::array();
  for (const auto& f : h.faults)
    faults.push_back(text_of(f));
  return {{"seed", h.seed}, {"failure", o.failure}, {"detail", o.detail},
          {"at_seconds", seconds(o.at)}, {"history", faults}};
}

void print(const history& h, const outcome& o) {
  std::printf("\nseed %llu: %s at %.3fs: %s\n  %zu nodes, %zu holders, rebalance after %.0fs, %zu zones%s\n",
              static_cast<unsigned long long>(h.seed), o.failure.c_str(), seconds(o.at), o.detail.c_str(),
              h.nodes, h.holders, seconds(h.rebalance_after), h.zones,
              h.has_api ? ", a Routing API" : "");
  for (const auto& f : h.faults)
    std::printf("  %s\n", text_of(f).c_str());
}

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"Simulates a cluster through faults, in virtual time. Exits with 1 if a promise was broken."};
  std::size_t seeds = 100, nodes = 5, routes = 40, failures_max = 5;
  std::uint64_t first = 1;
  bool json = false, whole = false;
  app.add_option("--seeds", seeds, "how many histories")->capture_default_str();
  app.add_option("--nodes", nodes, "nodes, at least 2")->check(CLI::Range(2, 1000))->capture_default_str();
  app.add_option("--routes", routes, "routes; 0 = membership and placement alone")
    ->check(CLI::Range(0, 100'000))
    ->capture_default_str();
  app.add_option("--seed", first, "the first one")->capture_default_str();
  app.add_option("--failures", failures_max, "stop after so many")->capture_default_str();
  bool measures_scale = false;
  auto* const scale = app.add_flag("--scale", measures_scale, "measure what clusters cost by their size, instead");
  scale_wishes wishes;
  app.add_option("--scale-nodes", wishes.nodes, "of which sizes")->needs(scale)->delimiter(',')->check(CLI::Range(2, 500));
  app.add_option("--scale-routes", wishes.routes, "with how many routes")
    ->needs(scale)
    ->delimiter(',')
    ->check(CLI::Range(1'000, 20'000'000));
  app.add_option("--holders", wishes.holders, "of each shard; 0 = all nodes")->needs(scale)->capture_default_str();
  app.add_option("--shards", wishes.shards, "parts of the table")
    ->needs(scale)
    ->check(CLI::Range(1, 4096))
    ->capture_default_str();
  app.add_option("--churn", wishes.changed_per_mille, "of the routes, per mille, change each second")
    ->needs(scale)
    ->check(CLI::Range(0.0, 1000.0))
    ->capture_default_str();
  app.add_flag("--json", json, "say it as JSON");
  app.add_flag("--whole", whole, "do not shorten histories");
  CLI11_PARSE(app, argc, argv);
  if (measures_scale) {
    wishes.json = json;
    report_scale(wishes);
    return 0;
  }

  const auto began = std::chrono::steady_clock::now();
  std::map<std::string, std::size_t> by_name;
  nlohmann::json failures = nlohmann::json::array();
  std::uint64_t events = 0, messages = 0, asked = 0;
  shunt::routing::nanoseconds longest{0};
  std::size_t ran = 0;
  for (; ran < seeds && failures.size() < failures_max; ++ran) {
    const auto drawn = draw_history(first + ran, nodes, routes);
    const auto found = run(drawn);
    events += found.events;
    messages += found.messages;
    asked += found.asked;
    longest = std::max(longest, found.agreed_after);
    if (isatty(STDERR_FILENO) != 0)
      std::fprintf(stderr, "\r%zu of %zu, %zu failed", ran + 1, seeds, failures.size());
    if (!found.failed())
      continue;
    ++by_name[found.failure];
    const auto shortest = whole ? drawn : shrink(drawn, found);
    const auto again = run(shortest);
    failures.push_back(told(shortest, again));
    if (!json)
      print(shortest, again);
  }
  if (json) {
    const nlohmann::json all{{"seeds", ran}, {"events", events}, {"messages", messages},
                             {"answers", asked}, {"agreed_after_seconds_max", seconds(longest)},
                             {"failures", failures}};
    std::printf("%s\n", all.dump(2).c_str());
  } else {
    const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf("\n%-28s %12zu\n%-28s %12llu\n%-28s %12llu\n%-28s %12llu\n%-28s %11.2fs\n%-28s %11.1fs\n", "histories",
                ran, "events", static_cast<unsigned long long>(events), "messages",
                static_cast<unsigned long long>(messages), "answers looked at",
                static_cast<unsigned long long>(asked), "longest until all agreed", seconds(longest), "took", took);
    for (const auto& [name, count] : by_name)
      std::printf("%-28s %12zu\n", name.c_str(), count);
    std::printf("%-28s %12zu\n", "failed", static_cast<std::size_t>(failures.size()));
  }
  return failures.empty() ? 0 : 1;
}
