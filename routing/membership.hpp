// Which nodes a cluster has, how they are, and who holds which shard: a state machine for one node. It is told
// of links that open and close, of what peers say, and of time; it answers with views of the shards and with
// notes for the log. It sends nothing and reads no clock, so a simulation can run hundreds of them.
//
// A peer is `alive` while it is linked and heard; `suspect` when its link closed or it was not heard for
// `suspect_after`; `dead` when nobody heard it for `remove_after`; `left` when it said that it leaves. Whatever its
// state, its place among the holders is kept until nobody heard it for `rebalance_after`: slices move only then.
//
// The holders of a shard are the first R in rank of those that have a place, as far as they are alive. If fewer than
// two of them are (one, where R is 1), the next live ones in rank hold it too, until the others are back. Who gives
// a shard up, and when, is the business of its copies: a view names also those that still have one in sync.
//
// Nodes tell each other whom they know (`node_news`): so a node that starts while another is away keeps that
// one's place as everybody else does, and a node that a broken link hides is not taken for dead. By hearsay nobody
// is alive; a word counts as heard by anybody only if its sequence is new, so that no echo keeps the dead
// alive.
#pragma once

#include "routing/peer.hpp"
#include "routing/placement.hpp"
#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
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
  bool peers_expected = false; ///< By the configuration: a node that never met one is isolated.
  nanoseconds peers_sought{0}; ///< So long, from the first `tick` on, one that never met any takes it that there are some.
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

/// What a node knows of another.
struct told_node {
  std::string node;
  std::string zone;
  std::string address;
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0; ///< Of its latest heartbeat that anybody is known to have heard.
  nanoseconds age{0};         ///< Since then, or since its link opened.
  bool left = false;

  bool operator==(const told_node&) const = default;
};

/// Told when a link opens, and while the views of both ends differ.
struct node_news {
  /// All that have a place, and those that have lost it lately, but the two; fewer than `peers_max`.
  std::vector<told_node> nodes;

  bool operator==(const node_news&) const = default;
};

/// Bounds of what a node may say of itself; others are refused.
inline constexpr std::size_t node_name_bytes_max = 253, zone_bytes_max = 64, address_bytes_max = 260;

class membership {
public:
  /// `self.node` is a valid name. Of `self`, what `rules` hold is filled in from there.
  membership(membership_rules rules, node_hello self);

  // -- What happens.

  /// A link to that node is open. Why it is refused, or its number. A greater incarnation replaces the node's
  /// old self, a lower one is refused until that one is forgotten.
  struct welcome {
    std::optional<peer_id> peer;
    std::string refusal; ///< For both logs: says what differs and what to change.
    std::string warning; ///< Holders or thresholds differ; empty: they do not.
    /// A new incarnation: links of the old self are to be closed, without `disconnected`, and nothing that was
    /// told or leased to it counts any more.
    bool renewed = false;
  };
  welcome connected(const node_hello& theirs, time_point now);
  /// The last link to it closed.
  void disconnected(peer_id peer, time_point now);
  void heard(peer_id peer, const node_heartbeat& said, time_point now);
  /// A heartbeat of it has arrived, and what it says is still to be read: behind much else, where this node has much to do.
  /// For as long as none is read it is alive, but views say that this node is `behind`.
  void lives(peer_id peer, time_point now);
  void told(const node_news& news, time_point now);
  /// To be called several times in each `suspect_after`. A longer pause means that this node did not run: nobody is
  /// judged by it then before there was time to hear them.
  void tick(time_point now);
  /// Of this node: what its shards say, and its connection to NATS.
  void set_in_sync(std::size_t shard, bool in_sync);
  void set_hears_nats(bool hears);
  void set_leaving();

  // -- What follows.

  node_heartbeat heartbeat(); ///< The next one to send to all.
  /// What is to be told to a peer now, if anything. To be asked after each `connected` and `tick`.
  std::optional<node_news> news_for(peer_id peer, time_point now);
  const node_hello& self() const { return self_; }
  shard_view view_of(std::size_t shard) const; ///< `held`: to be held; this node even if it leaves, to its end.
  /// Shards whose view may have changed since the last call.
  std::vector<std::size_t> take_changed();
  /// Of the nodes that are members, their incarnations, which are alive and which left: equal on nodes that agree.
  std::uint64_t view_hash() const;
  /// True if no peer was heard for `remove_after` although some are known or expected.
  bool isolated(time_point now) const;
  /// Whether those who may route are known here, so that this node may speak for all: it has met some, or there are none
  /// to be met.
  bool knows_others(time_point now) const;
  /// Whether this node and those it sees alive are more than half of those that have a place and did not leave. If not,
  /// or if it is isolated, the dead may be alive, on the other side of a partition.
  bool sees_most(time_point now) const;

  struct peer_info {
    peer_id peer = this_node;
    node_hello hello; ///< Of one that was never linked, only what others tell.
    peer_state state = peer_state::alive;
    bool linked = false;
    time_point heard{}; ///< By anybody.
    bool hears_nats = false;
    std::uint64_t view = 0;
    std::size_t shards_held = 0, shards_in_sync = 0; ///< As this node places; by its own word.
    std::string warning;
  };
  std::vector<peer_info> peers() const; ///< All but this node that are remembered, by name.
  struct change {
    std::string node;
    std::string what; ///< As a log names it: "peer-alive", "peer-suspect", "peer-dead", "peer-left", "peer-forgotten".
  };
  std::vector<change> take_log();

private:
  /// What is known of one name, for as long as this object lives: its number is never given away.
  struct peer {
    node_hello hello;
    std::string warning;
    std::uint64_t name_hash = 0;
    std::uint64_t linked_incarnation = 0; ///< To which it was linked last; 0: never.
    bool placed = true; ///< False: forgotten.
    bool linked = false;
    bool left = false;
    peer_state state = peer_state::suspect;
    time_point heard_here{}; ///< On a link of this node.
    time_point heard{};      ///< By anybody.
    time_point read{};       ///< What it said, here.
    bool behind = false;     ///< That is long ago, for a node that is heard.
    std::uint64_t sequence = 0;
    node_heartbeat said; ///< Its latest, while it is alive.
    std::optional<time_point> told; ///< When it was last told news, since its link opened.
    bool alive() const { return state == peer_state::alive; }
  };

  std::string refusal_of(const node_hello& theirs) const;
  std::string warning_of(const node_hello& theirs) const;
  peer* find(peer_id id);
  peer* add(std::string_view name, time_point heard);
  void put(peer& p, bool placed);
  void renew(peer& p, std::uint64_t incarnation);
  void hear(peer& p, time_point now);
  void read(peer& p, time_point now);
  void set_behind(peer& p, bool behind);
  void hear_of(const told_node& news, time_point now);
  static void correct(peer& p, const told_node& news, time_point heard);
  void set_zone(peer& p, const std::string& zone);
  void turn(peer& p, peer_state state);
  void forget_copies(peer& p);
  void judge(peer& p, time_point now);
  void touch_all();
  void note_others(time_point now);
  void note(const peer& p, std::string_view what);
  bool is_present(peer_id id) const;
  bool is_in_sync(peer_id id, std::size_t shard) const;
  void work_out_ranks() const;

  membership_rules rules_;
  node_hello self_;
  std::vector<peer> peers_; ///< By number; the first stands for this node.
  std::map<std::string, peer_id, std::less<>> numbers_;
  bool leaving_ = false;
  bool hears_nats_ = false;
  std::vector<bool> in_sync_;
  std::uint64_t sequence_ = 0;
  std::optional<time_point> ticked_;
  std::optional<time_point> paused_; ///< When it last ran again after a pause.
  std::optional<time_point> heard_any_; ///< Or when it ran first.
  bool met_any_ = false; ///< There was a link, some time.
  bool knows_others_ = false; ///< As views say.
  mutable std::optional<std::uint64_t> view_hash_;
  mutable bool ranks_stale_ = true;
  mutable std::vector<peer_id> ranks_; ///< Those that have a place, in rank; one row for each shard.
  mutable std::size_t placed_count_ = 1;
  bool all_touched_ = true;
  std::vector<bool> touched_;
  std::vector<std::optional<shard_view>> views_; ///< As last told.
  std::vector<change> log_;
};

} // namespace shunt::routing
