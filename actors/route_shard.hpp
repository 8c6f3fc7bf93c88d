// A route shard: the actor that owns one slice of the route table and tells everyone who leases from
// it what changed. It translates; every decision is made in routing::slice. Runs on CAF's scheduler.
#pragma once

#include "actors/protocol.hpp"
#include "actors/replica_board.hpp"
#include "actors/shard_roles.hpp"
#include "config/settings.hpp"
#include "net/component_log.hpp"
#include "net/registry_metrics.hpp"
#include "net/standstill.hpp"
#include "routing/hold_queue.hpp"

namespace shunt {

struct route_shard_options {
  std::size_t index = 0; ///< Of this shard among all.
  std::size_t count = 1; ///< Of all.
  std::uint64_t incarnation = 1;
  bool in_sync = true; ///< False in a cluster, and for the successor of a shard that died: in doubt until
                       ///< everybody was asked to register and had time to, or a copy is taken over.
  routing::table_rules rules;
  std::chrono::nanoseconds prune_interval{0}; ///< 0 = never.
  bool suspend_pruning_without_nats = false;
  std::chrono::nanoseconds register_interval{0}; ///< In which everybody registers again.
  /// Of a cluster, likewise, after NATS was away from a copy that had heard all before.
  std::chrono::nanoseconds return_interval = std::chrono::nanoseconds::max();
  routing::hold_limits hold;
  std::size_t conns_per_endpoint = 0; ///< `backends.max_conns`.
  std::shared_ptr<routing::hold_room> room = std::make_shared<routing::hold_room>(); ///< The node's.
  demand_publisher_actor demand; ///< Null: nobody is told for which routes requests wait.
  shard_outlet_actor cluster;    ///< Null: this node is alone.
  change_confirmer_actor confirmer; ///< Null: nobody is answered.
  std::chrono::nanoseconds confirm_timeout = std::chrono::seconds{5}; ///< Of the confirmer.
  /// Of the successor of a shard that died: how many loops route by what that one granted. They are not said to have
  /// applied anything before they have applied a push of this one in sync.
  std::size_t loops_to_renew = 0;
  std::shared_ptr<shard_roles> roles{}; ///< Null: nobody asks whether it is held here.
  std::shared_ptr<replica_board> board{}; ///< Null: nobody asks what it and its copies owe each other.
  std::shared_ptr<net::standstill> pauses{}; ///< Null: it is sure of what it knows however long it stood still.
  std::chrono::nanoseconds tombstone_life = std::chrono::minutes{10};
};

/// The options of one of `shards` shards.
route_shard_options route_shard_options_of(const config::settings& settings, std::size_t index,
                                           std::size_t shards);

/// `log` and `metrics` outlive the actor. A null `metrics` counts nothing; otherwise they are this
/// shard's alone, and its successor's after it.
route_shard_actor spawn_route_shard(caf::actor_system& system, route_shard_options options,
                                    net::component_log& log,
                                    net::registry_metrics* metrics = nullptr);

} // namespace shunt
