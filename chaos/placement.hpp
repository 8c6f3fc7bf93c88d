// Whether a cluster stands as it should, by what its nodes show at `/cluster`.
#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace shunt::chaos {

/// Of the nodes that are in order, by number; node N is called `router-N`. Empty if these see each
/// other alive, and nobody else; agree in what they see; and if as many of them hold each shard as
/// are to, and have it in sync. Otherwise what is not so.
std::string unsettled(const std::map<int, nlohmann::json>& pages);

/// Empty if all of them hear NATS.
std::string deaf(const std::map<int, nlohmann::json>& pages);

} // namespace shunt::chaos
