// How many routes and endpoints the whole table has, though each node has only its slices: of each shard one holder
// counts, and all tell each other. Pure; of the cluster node's actor.
#pragma once

#include "cluster/peer_frame.hpp"
#include "routing/membership.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

namespace shunt::cluster {

class table_tally {
public:
  /// What this node's copy of a shard has.
  using counter = std::function<table_counts(std::size_t shard)>;

  /// What this node counts for all: those of its shards of which it is the holder that counts. That is the one with
  /// the smallest name of those in sync or, where there is none, of all; nodes that see the same ones choose alike.
  void count(const routing::membership& members, const std::vector<bool>& in_sync, const counter& of);
  const table_counts& own() const { return own_; }

  void told(routing::peer_id by, table_counts counts) { told_[by] = counts; }
  /// The link to it ended.
  void forget(routing::peer_id peer) {
    told_.erase(peer);
    said_.erase(peer);
  }
  /// Whether it is yet to be told of `own`; it counts as told from now on.
  bool is_news_to(routing::peer_id peer);
  /// Of this node and of those that are alive. One that tells nothing, of an earlier release, counts nothing.
  table_counts whole(const routing::membership& members) const;

private:
  table_counts own_;
  std::map<routing::peer_id, table_counts> told_; ///< By them.
  std::map<routing::peer_id, table_counts> said_; ///< To them.
};

} // namespace shunt::cluster
