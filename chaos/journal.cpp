#include "chaos/journal.hpp"

#include "chaos/world.hpp"

#include <cstdio>

namespace shunt::chaos {
namespace {

std::string name_of_node(int node) {
  return node < 0 ? "" : "router-" + std::to_string(node);
}

} // namespace

journal::journal(const scenario& plan, const load& clock, progress tell)
  : clock_{clock}, tell_{std::move(tell)} {
  all.nodes = plan.nodes;
  all.routes = plan.all_routes();
  for (int route = 0; route < plan.routes; ++route)
    for (const int instance : first_instances(plan, route))
      open(route, instance, nanoseconds::min() / 2);
}

void journal::tell(const std::string& what) const {
  char time[32];
  std::snprintf(time, sizeof time, "%5.1f s  ", static_cast<double>(now().count()) / 1e9);
  tell_(time + what);
}

void journal::note(int node, const std::string& what) {
  all.marks.push_back({now(), node, what});
  tell(node < 0 ? what : name_of_node(node) + ": " + what);
}

void journal::fail(int node, const std::string& what) {
  failures.push_back({now(), node, node < 0 ? what : name_of_node(node) + " " + what});
  tell("FAILURE: " + failures.back().what);
}

void journal::open(int route, int instance, nanoseconds from) {
  open_[{route, instance}] = all.mappings.size();
  all.mappings.push_back({route, instance, from, for_ever, {}, {}});
}

std::vector<std::size_t> journal::map(const std::vector<int>& routes, int instance) {
  std::vector<std::size_t> changed;
  for (const int route : routes) {
    if (is_mapped(route, instance))
      continue;
    changed.push_back(all.mappings.size());
    open(route, instance, now());
  }
  return changed;
}

std::vector<std::size_t> journal::unmap(const std::vector<int>& routes, int instance) {
  std::vector<std::size_t> changed;
  for (const int route : routes) {
    const auto found = open_.find({route, instance});
    if (found == open_.end())
      continue;
    changed.push_back(found->second);
    all.mappings[found->second].to = now();
    open_.erase(found);
  }
  return changed;
}

void journal::confirm(const std::vector<std::size_t>& changed, bool maps, nanoseconds at) {
  for (const auto each : changed)
    (maps ? all.mappings[each].known : all.mappings[each].gone) = at;
}

std::size_t journal::begin_outage(int node) {
  all.outages.push_back({node, now(), for_ever, {}});
  return all.outages.size() - 1;
}

} // namespace shunt::chaos
