// Whether a cluster stands as it should, by what its nodes show at `/cluster`.
#pragma once

#include "chaos/scenario.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <set>
#include <string>

namespace shunt::chaos {

inline constexpr const char* cluster_name = "chaos";

/// Of the nodes that are in order, by number; node N is called `router-N`. Empty if these see each
/// other alive, and nobody else; agree in what they see; and if as many of them hold each shard as
/// are to, and have it in sync. Otherwise what is not so.
std::string unsettled(const std::map<int, nlohmann::json>& pages);

/// Empty if all of them hear NATS.
std::string deaf(const std::map<int, nlohmann::json>& pages);

/// Routes whose part of the table nobody else holds, while all nodes are there: by the rule of
/// routing/placement.hpp, which is the same in every version.
std::set<int> held_by_none_but(const std::set<int>& nodes, const scenario& plan);

} // namespace shunt::chaos
