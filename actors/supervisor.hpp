// The supervisor: says in which order the router starts, drains and stops, and what happens when an
// actor dies. A route shard gets a successor, which the lease caches are told of and which learns
// its slice from NATS; what is leased stays in use meanwhile. The registrar gets a successor too, and so
// does the keeper of reservations, who tells its successor by the store.
// Nothing replaces a loop's lease cache, acceptor or directory of sessions, nor the health checker or the writer of the access log: without one the
// router stops with exit code 1, and whoever watches the process starts it anew.
#pragma once

#include "actors/access_log_writer.hpp"
#include "actors/loop_context.hpp"
#include "actors/protocol.hpp"
#include "actors/registrar.hpp"
#include "actors/replica_board.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

namespace shunt {

/// Actors that died and got a successor. Read by any thread.
struct restart_counters {
  std::atomic<std::uint64_t> route_shards{0};
  std::atomic<std::uint64_t> registrars{0};
  std::atomic<std::uint64_t> reservation_keepers{0};
};

/// What the supervisor holds the strings of. Everything outlives it.
struct router_parts {
  router_context* context = nullptr;
  std::vector<route_shard_actor> shards;
  registrar_actor registrar;
  demand_publisher_actor demand; ///< Null: nobody is told for which routes requests wait.
  std::vector<lease_cache_actor> lease_caches;
  std::vector<acceptor_actor> acceptors;
  health_checker_actor health_checker; ///< Null: endpoints are not checked.
  reservation_keeper_actor reservation_keeper; ///< Null: nobody keeps any.
  change_confirmer_actor confirmer; ///< Null: nobody who asks is answered.
  cluster_node_actor cluster;       ///< Null: this node is alone.
  snapshot_keeper_actor snapshots;  ///< Null: none are kept.
  std::shared_ptr<shard_roles> roles; ///< Null: this node is alone.
  std::shared_ptr<replica_board> board; ///< So with this.
  access_log_writer_actor access_writer; ///< Null: no access log. Ended by whoever made it.
  registrar_counters* counters = nullptr;
  restart_counters* restarts = nullptr;
  std::vector<net::registry_metrics*> shard_metrics;   ///< One a shard, or none at all.
  net::registry_metrics* registrar_metrics = nullptr; ///< Null: nothing is counted.

  /// Called from the supervisor's thread.
  std::function<bool()> asks_peers; ///< Whether it takes over from others what it does not know; empty: nobody is there.
  std::function<void()> announce;                 ///< Publishes `router.start` again.
  std::function<void(registrar_actor)> registrar_replaced;
  /// Makes the successor of a keeper of reservations that died, and makes it known.
  std::function<reservation_keeper_actor(const std::vector<route_shard_actor>&)>
    replace_reservation_keeper;
  /// Also lets the successor know if NATS is away, before anything that the supervisor tells it.
  std::function<void(std::size_t shard, route_shard_actor)> shard_replaced_by;
  std::function<void(int exit_code)> finished;    ///< Everything has stopped. Called once.

  /// Ends all actors but the access log's writer, when everything has stopped.
  void shut_down();
};

/// Does nothing until `start_router` hands over the parts, which are made after it.
supervisor_actor spawn_supervisor(caf::actor_system& system);

} // namespace shunt
