#include "chaos/run_scenario.hpp"

#include "chaos/director.hpp"
#include "chaos/placement.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace shunt::chaos {
namespace {

/// All that are mapped from the beginning, or the first of them, and the spare ones.
std::vector<int> routes_asked_for(const scenario& plan) {
  std::vector<int> routes(
    static_cast<std::size_t>(plan.asked_routes > 0 ? plan.asked_routes : plan.routes));
  std::iota(routes.begin(), routes.end(), 0);
  for (int spare = plan.routes; spare < plan.all_routes(); ++spare)
    routes.push_back(spare);
  return routes;
}

/// What the plan expects, and which routes are lost while nodes are: those that no others hold.
expectations expected_of(const scenario& plan, const history& all) {
  auto wanted = plan.expected;
  if (auto& lost = wanted.unheard) {
    std::set<int> nodes;
    for (const auto& each : all.outages)
      if (each.from <= lost->to && lost->from <= each.to)
        nodes.insert(each.node);
    lost->routes = held_by_none_but(nodes, plan);
  }
  return wanted;
}

/// What never happened cannot have gone well.
void check_unheard(const scenario& plan, const verdict& judged, std::vector<failure>& failures) {
  if (plan.expected.unheard && judged.unheard == 0)
    failures.push_back(
      {plan.expected.unheard->from, -1, "no request met an unheard route: this proves nothing"});
}

} // namespace

run_result run_scenario(const scenario& plan, std::uint64_t seed, const std::string& directory,
                        const progress& tell) {
  run_result result;
  result.plan = plan;
  result.seed = seed;
  try {
    world here{plan, directory};
    load clients{{here.ports(), routes_asked_for(plan), never_mapped(plan.all_routes()), plan.rate,
                  plan.connections, seed}};
    director play{plan, here, clients, seed, tell};
    play.play();
    result.all = std::move(play.notes.all);
    result.all.requests = clients.stop();
    result.judged = check(result.all, expected_of(plan, result.all));
    auto& failures = play.notes.failures;
    for (auto& each : asked_too_little(result.all, plan.rate_min > 0 ? plan.rate_min : plan.rate / 2))
      failures.push_back(std::move(each));
    check_unheard(plan, result.judged, failures);
    result.judged.failures.insert(result.judged.failures.begin(), failures.begin(), failures.end());
  } catch (const std::exception& error) {
    result.judged.failures.push_back({nanoseconds{0}, -1, error.what()});
    tell(std::string{"FAILURE: "} + error.what());
  }
  return result;
}

} // namespace shunt::chaos
