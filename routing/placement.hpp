// Which nodes hold which shard: rendezvous hashing (Thaler and Ravishankar, 1998) over the names of the
// nodes, keyed by the cluster's. A pure function of the *set* of nodes: everybody who knows the same nodes
// places alike, and a node that comes or goes moves no shard between others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

struct placed_node {
  std::string name;
  std::string zone; ///< Empty: none is set.
};

/// Positions in `nodes`, all of them, in the order in which they would hold `shard`: the first R are its holders.
/// Nodes of zones that have none yet come first, as long as there are such; a node without a zone is in one
/// of its own.
std::vector<std::uint16_t> rank_holders(std::string_view cluster, std::size_t shard,
                                        std::span<const placed_node> nodes);

} // namespace shunt::routing
