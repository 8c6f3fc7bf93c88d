#include "chaos/run_scenario.hpp"

#include "chaos/director.hpp"

#include <algorithm>
#include <optional>

namespace shunt::chaos {
namespace {

/// How long the node was in order.
nanoseconds time_in_order(const history& all, int node) {
  auto time = all.length;
  for (const auto& each : all.outages)
    if (each.node == node)
      time -= std::min(each.to, all.length) - each.from;
  return time;
}

/// A run that asked hardly anything proves hardly anything.
void check_load(const scenario& plan, const history& all, std::vector<failure>& failures) {
  for (int node = 0; node < all.nodes; ++node) {
    const auto asked = std::count_if(all.requests.begin(), all.requests.end(),
                                     [&](const request& each) { return each.node == node; });
    const auto seconds = static_cast<double>(time_in_order(all, node).count()) / 1e9;
    if (static_cast<double>(asked) < seconds * plan.rate / 2)
      failures.push_back({all.length, node,
                          "router-" + std::to_string(node) + " was asked only "
                            + std::to_string(asked) + " times: this machine is too busy"});
  }
}

} // namespace

run_result run_scenario(const scenario& plan, std::uint64_t seed, const std::string& directory,
                        const progress& tell) {
  run_result result;
  result.plan = plan;
  result.seed = seed;
  try {
    world here{plan, directory};
    load clients{{here.ports(), plan.all_routes(), plan.rate, plan.connections, seed}};
    director play{plan, here, clients, seed, tell};
    play.play();
    play.all.requests = clients.stop();
    result.judged = check(play.all, plan.expected);
    check_load(plan, play.all, play.failures);
    result.all = std::move(play.all);
    auto& failures = result.judged.failures;
    failures.insert(failures.begin(), play.failures.begin(), play.failures.end());
  } catch (const std::exception& error) {
    result.judged.failures.push_back({nanoseconds{0}, -1, error.what()});
    tell(std::string{"FAILURE: "} + error.what());
  }
  return result;
}

} // namespace shunt::chaos
