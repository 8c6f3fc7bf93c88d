// The keeper of reservations: hears `router.reserve` and `router.unreserve`, writes them to the
// store, and tells the shards that own the hosts. What there is, within which bounds, and what the
// store does not know yet, is decided in cluster/reservation_book. A store that cannot be written
// is tried again until it can; what was asked for takes effect meanwhile. Finds in the store what
// its predecessor kept.
#pragma once

#include "actors/protocol.hpp"
#include "cluster/durable_store.hpp"
#include "cluster/reservation_book.hpp"
#include "config/settings.hpp"
#include "net/component_log.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

namespace shunt {

/// Written by the keeper alone, read by any.
struct reservation_counters {
  std::atomic<std::uint64_t> held{0}; ///< Now.
  std::atomic<std::uint64_t> refused{
    0}; ///< Messages that were malformed, and reservations over a bound.
  std::atomic<std::uint64_t> write_failures{0}; ///< Of the store: attempts, not reservations.
};

struct reservation_keeper_options {
  /// Called by the keeper, in whose thread the store is used from then on. Throws
  /// cluster::store_error.
  std::function<std::shared_ptr<cluster::durable_store>()> open_store;
  bool durable = false; ///< Whether that store outlives the process.
  cluster::reservation_bounds bounds;
  std::chrono::seconds ttl = std::chrono::hours{24}; ///< Of a reservation that names none.
  std::function<std::int64_t()> wall_clock_ms;       ///< Empty: the system's.
  bool own_thread = true;
};

/// With a store in `store.path`, or in memory without one. `log` outlives the options.
reservation_keeper_options reservation_keeper_options_of(const config::settings& settings,
                                                         net::component_log& log);

/// `log` and `counters` outlive the actor.
reservation_keeper_actor spawn_reservation_keeper(caf::actor_system& system,
                                                  std::vector<route_shard_actor> shards,
                                                  reservation_keeper_options options,
                                                  net::component_log& log,
                                                  reservation_counters& counters);

} // namespace shunt
