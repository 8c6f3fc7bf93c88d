// How the nodes of a cluster are told apart, and which of them hold a shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace shunt::routing {

/// A node, as this one numbers those it has heard of: small, dense, and never given to another name. Means
/// nothing to other nodes.
using peer_id = std::uint16_t;
inline constexpr peer_id this_node = 0;
/// Most nodes that one may hear of.
inline constexpr std::size_t peers_max = 1024;

/// Who holds one shard, as one node sees it now.
struct shard_view {
  struct holder {
    peer_id peer = this_node;
    bool in_sync = false; ///< By its own word, heard not long ago.
    bool hears_nats = false;
    /// False: it is not placed there (any more), but has a copy in sync, and keeps it until those who are placed have
    /// theirs, or, if it is leaving, until its end.
    bool placed = true;
    /// Its heartbeats arrive but are read late, and so is what it says of this shard.
    bool behind = false;

    bool operator==(const holder&) const = default;
  };
  bool held = true; ///< By this node.
  /// The other holders that are alive (not suspect or dead), in the order of placement; those that leave come last.
  std::vector<holder> others{};
  /// Whether holders are missing: placed there, and away for less than it takes to place it anew.
  bool incomplete = false;
  /// This node is the first, in the order of placement, of the holders that are alive and hear NATS, and in sync, if any
  /// of them is; and it knows the others (`membership::knows_others`).
  bool first = true;

  bool operator==(const shard_view&) const = default;
};

} // namespace shunt::routing
