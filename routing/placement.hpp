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

/// The finaliser of murmur3's 128-bit form (fmix64; Austin Appleby, public domain): every bit of the input
/// reaches every bit of the output.
std::uint64_t murmur_mix(std::uint64_t h);

/// How much `node` wishes to hold `shard`; the greatest weights do. The hash of placement, the same on every node
/// and in every version:
/// `murmur_mix(host_hash(CLUSTER 0x00 NODE) ^ murmur_mix(SHARD + 1))`, where `host_hash` is FNV-1a 64 with the same
/// finaliser.
std::uint64_t placement_weight(std::string_view cluster, std::string_view node, std::size_t shard);

/// Positions in `nodes`, all of them, in the order in which they would hold `shard`: the first R are its holders.
/// Nodes of zones that have none yet come first, as long as there are such; a node without a zone is in one
/// of its own. Names are distinct.
std::vector<std::uint16_t> rank_holders(std::string_view cluster, std::size_t shard,
                                        std::span<const placed_node> nodes);

/// The same for many shards: what depends on the nodes alone is worked out once.
class placement {
public:
  placement() = default;
  /// `nodes` may go afterwards; at most 65 535.
  placement(std::string_view cluster, std::span<const placed_node> nodes);

  std::vector<std::uint16_t> rank(std::size_t shard) const;
  std::size_t size() const { return nodes_.size(); }

private:
  struct node {
    std::uint64_t name_hash;
    std::uint16_t by_name; ///< Its position among the names: breaks ties.
    std::uint16_t zone;    ///< Equal for nodes of one zone, below `size()`.
  };
  std::vector<node> nodes_;
};

} // namespace shunt::routing
