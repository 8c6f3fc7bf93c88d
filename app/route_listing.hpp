// The whole route table for `/routes`, asked for from the shards piece by piece.
#pragma once

#include "actors/protocol.hpp"
#include "app/page.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace shunt::app {

/// The JSON object that `/routes` shows, newline at the end. A table of up to `sorted_bytes` comes as one piece, its keys
/// sorted, as gorouter has it; of a larger one each piece is told as a shard tells it, in no order, so that no table
/// needs more memory than that. It fails if a shard does not answer: before anything is told, unless the shard was
/// there at first.
std::shared_ptr<page> list_all_routes(caf::actor_system& system, std::vector<route_shard_actor> shards,
                                      std::size_t sorted_bytes = 4 << 20);

} // namespace shunt::app
