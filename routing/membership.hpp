// Which nodes a cluster has, how they are, and who holds which shard: a state machine for one node. It is told
// of links that open and close, of what peers say, and of time; it answers with views of the shards and with
// notes for the log. It sends nothing and reads no clock, so a simulation can run hundreds of them.
//
// A peer is `alive` while it is linked and heard; `suspect` when its link closed or it was not heard for
// `suspect_after`; `dead` `remove_after` later; `left` when it said that it leaves. Whatever its state, its
// place among the holders is kept until it was away for `rebalance_after`: slices move only then. But a shard that
// is down to its last live holder gets the next in rank at once, until the others are back.
#pragma once

#include "routing/peer.hpp"
#include "routing/placement.hpp"
#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

struct membership_rules {
  std::string cluster;
  std::size_t shards = 256;
  std::size_t holders = 3; ///< 0 = all nodes.
  nanoseconds suspect_after = std::chrono::seconds{1};
  nanoseconds remove_after = std::chrono::seconds{5}; ///< From the last word on.
  nanoseconds rebalance_after = std::chrono::seconds{60};
};

/// What a node says of itself when a link opens.
struct node_hello {
  std::string cluster;
  std::string node; ///< Its name, unique in the cluster.
  std::string zone;
  std::string address; ///< "host:port", where others reach it.
  std::uint64_t incarnation = 0; ///< Greater each time it starts: milliseconds of Unix time then.
  std::uint32_t shards = 0;
  std::uint32_t holders = 0;
  std::uint64_t suspect_after_ms = 0;
  std::uint64_t remove_after_ms = 0;
  std::uint64_t rebalance_after_ms = 0;

  bool operator==(const node_hello&) const = default;
};

/// What it says several times in each `suspect_after`.
struct node_heartbeat {
  std::uint64_t sequence = 0;
  std::uint64_t view = 0; ///< `membership::view_hash()` of the sender.
  bool hears_nats = false;
  bool leaving = false; ///< On purpose: drain, or an announced restart.
  std::vector<bool> in_sync; ///< Per shard: held there and in sync.

  bool operator==(const node_heartbeat&) const = default;
};

enum class peer_state : std::uint8_t { alive, suspect, dead, left };
std::string_view name_of(peer_state state);

class membership {
public:
  membership(membership_rules rules, node_hello self);

  // -- What happens.

  /// A link to that node is open. Why it is refused, or its number. A greater incarnation replaces the node's
  /// old self, a lower one is refused.
  struct welcome {
    std::optional<peer_id> peer;
    std::string refusal; ///< For both logs: says what differs and what to change.
    std::string warning; ///< Thresholds differ; empty: they do not.
  };
  welcome connected(const node_hello& theirs, time_point now);
  /// The last link to it closed.
  void disconnected(peer_id peer, time_point now);
  void heard(peer_id peer, const node_heartbeat& said, time_point now);
  /// To be called several times in each `suspect_after`.
  void tick(time_point now);
  /// Of this node: what its shards say, and its connection to NATS.
  void set_in_sync(std::size_t shard, bool in_sync);
  void set_hears_nats(bool hears);
  void set_leaving() { leaving_ = true; }

  // -- What follows.

  node_heartbeat heartbeat(); ///< The next one to send to all.
  const node_hello& self() const { return self_; }
  shard_view view_of(std::size_t shard) const;
  /// Shards whose view may have changed since the last call.
  std::vector<std::size_t> take_changed();
  /// Of the nodes that are members, their incarnations and which are alive: equal on nodes that agree.
  std::uint64_t view_hash() const;
  /// True if no peer was heard for `remove_after` although some are known or expected.
  bool isolated(time_point now) const;

  struct peer_info {
    peer_id peer = this_node;
    node_hello hello;
    peer_state state = peer_state::alive;
    time_point heard{};
    bool hears_nats = false;
    std::uint64_t view = 0;
    std::size_t shards_held = 0, shards_in_sync = 0;
    std::string warning;
  };
  std::vector<peer_info> peers() const; ///< All but this node that are remembered, by name.
  struct change {
    std::string node;
    std::string what; ///< As a log names it: "peer-alive", "peer-suspect", "peer-dead", "peer-left", "peer-forgotten".
  };
  std::vector<change> take_log();

private:
  bool leaving_ = false;
  node_hello self_;
};

} // namespace shunt::routing
