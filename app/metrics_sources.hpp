// Where the metrics come from: sums what the loops, the registrar and the route shards count, while
// they go on counting, and asks the process for the rest.
#pragma once

#include "actors/health_checker.hpp"
#include "actors/loop_context.hpp"
#include "actors/registrar.hpp"
#include "actors/replica_board.hpp"
#include "actors/supervisor.hpp"
#include "app/metrics.hpp"
#include "cluster/change_confirmer.hpp"
#include "cluster/cluster_metrics.hpp"
#include "cluster/reservation_keeper.hpp"
#include "cluster/snapshot_keeper.hpp"
#include "net/metron.hpp"
#include "net/routing_api_client.hpp"

#include <functional>
#include <vector>

namespace shunt::app {

struct metrics_sources {
  const router_context& router;
  const registrar_counters& registrar;
  const net::request_metrics& requests;
  std::vector<const net::loop_metrics*> loops;
  const net::registry_metrics_rules& registry;
  std::vector<const net::registry_metrics*> writers; ///< The registrar's and the shards'.
  std::function<std::uint64_t()> buffered_messages;
  std::function<std::uint64_t()> dropped_messages;
  const health_check_counters* health_checks = nullptr; ///< Null: there are none.
  const reservation_counters* reservations = nullptr;   ///< Null: nobody keeps any.
  const cluster::cluster_metrics* cluster = nullptr;      ///< Null: this node is alone. So with the next three.
  const replica_board* replicas = nullptr;
  const confirmation_counters* confirmations = nullptr;
  const snapshot_counters* snapshots = nullptr;
  const restart_counters* restarts = nullptr;             ///< Null: nobody counts.
  const net::routing_api_counters* routing_api = nullptr; ///< Null: it is not asked.
  const net::metron* loggregator = nullptr;               ///< Null: it is not told.
};

/// Any thread; takes about a millisecond with 10,000 apps. Nobody waits for it.
metrics_snapshot read_metrics(const metrics_sources& from,
                              std::chrono::steady_clock::time_point now);

} // namespace shunt::app
