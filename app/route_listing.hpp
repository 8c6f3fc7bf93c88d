// Collects the whole route table from the shards for `/routes`.
#pragma once

#include "actors/protocol.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace shunt::app {

/// Asks every shard, piece by piece, and calls `done` on some thread with the JSON object that
/// `/routes` shows, keys sorted, newline at the end; with nothing if a shard did not answer.
void list_all_routes(caf::actor_system& system, std::vector<route_shard_actor> shards,
                     std::function<void(std::optional<std::string>)> done);

} // namespace shunt::app
