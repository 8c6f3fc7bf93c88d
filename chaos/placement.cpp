#include "chaos/placement.hpp"

#include "chaos/emitter.hpp"
#include "routing/placement.hpp"
#include "routing/uri.hpp"

#include <algorithm>

namespace shunt::chaos {
namespace {

using nlohmann::json;

std::string name_of_node(int number) {
  return "router-" + std::to_string(number);
}

/// What `page` says of a node; null: nothing.
const json* entry_of(const json& page, const std::string& name) {
  for (const auto& each : page.at("nodes"))
    if (each.at("name") == name)
      return &each;
  return nullptr;
}

std::string disagreement(int teller, const json& page, const std::map<int, json>& pages) {
  std::size_t alive = 0;
  for (const auto& each : page.at("nodes"))
    alive += each.at("state") == "alive";
  for (const auto& [number, other] : pages) {
    const auto* entry = entry_of(page, name_of_node(number));
    if (!entry || entry->at("state") != "alive" || !entry->at("view_equal"))
      return name_of_node(teller) + " does not agree with " + name_of_node(number);
  }
  return alive > pages.size() ? name_of_node(teller) + " sees one alive that is not" : "";
}

} // namespace

std::string unsettled(const std::map<int, json>& pages) {
  std::size_t held = 0, wanted = 0;
  for (const auto& [number, page] : pages) {
    if (auto wrong = disagreement(number, page, pages); !wrong.empty())
      return wrong;
    const auto& self = *entry_of(page, name_of_node(number));
    if (self.at("shards_held") != self.at("shards_in_sync"))
      return name_of_node(number) + " has " + self.at("shards_in_sync").dump()
             + " shards in sync of " + self.at("shards_held").dump();
    held += self.at("shards_held").get<std::size_t>();
    const auto& holders = page.at("holders");
    const auto copies = holders.is_number() ? holders.get<std::size_t>() : pages.size();
    wanted = page.at("shards").get<std::size_t>() * std::min(copies, pages.size());
  }
  return held == wanted
           ? ""
           : std::to_string(held) + " copies of shards are held, not " + std::to_string(wanted);
}

std::string deaf(const std::map<int, json>& pages) {
  for (const auto& [number, page] : pages)
    if (!entry_of(page, name_of_node(number))->at("hears_nats"))
      return name_of_node(number) + " does not hear NATS";
  return {};
}

std::set<int> held_by_none_but(const std::set<int>& nodes, const scenario& plan) {
  std::vector<routing::placed_node> names;
  for (int node = 0; node < plan.nodes; ++node)
    names.push_back({name_of_node(node), {}});
  const auto holders = plan.holders == 0 ? plan.nodes : std::min(plan.holders, plan.nodes);
  const auto shards = static_cast<std::size_t>(plan.shards);
  const routing::placement all{cluster_name, names};
  std::vector<bool> is_theirs;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const auto rank = all.rank(shard);
    is_theirs.push_back(std::all_of(rank.begin(), rank.begin() + holders,
                                    [&](auto each) { return nodes.contains(each); }));
  }
  std::set<int> routes;
  for (int route = 0; route < plan.all_routes(); ++route)
    if (is_theirs[routing::shard_of(host_of(route), shards)])
      routes.insert(route);
  return routes;
}

} // namespace shunt::chaos
