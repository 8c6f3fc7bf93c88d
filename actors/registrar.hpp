// The registrar: parses what NATS delivers, off the loops, and hands each registration to the shard
// that owns its host. Messages that repeat an earlier one to the letter stop here. Knows nothing that
// it could not learn again, so a successor can take over at any time.
#pragma once

#include "actors/protocol.hpp"
#include "actors/shard_roles.hpp"
#include "config/settings.hpp"
#include "net/component_log.hpp"
#include "net/registry_metrics.hpp"

#include <atomic>

namespace shunt {

/// What the registrar counts. Read by any thread.
struct registrar_counters {
  std::atomic<std::uint64_t> registers{0};   ///< One per uri, of messages that had to be read.
  std::atomic<std::uint64_t> refreshed{0};   ///< Messages that repeated an earlier one to the letter.
  std::atomic<std::uint64_t> unregisters{0}; ///< One per uri.
  std::atomic<std::uint64_t> rejected{0};    ///< Messages that were malformed.
  std::atomic<std::uint64_t> foreign{0};     ///< Messages of shards that other nodes hold.
};

struct registrar_options {
  bool health_checks = true; ///< If not, nobody is told of nonsense about them.
  std::shared_ptr<const shard_roles> roles{}; ///< Null: all shards are held.
};

registrar_options registrar_options_of(const config::settings& settings,
                                       std::shared_ptr<const shard_roles> roles = {});

/// `log`, `counters` and `metrics` outlive the actor. A null `metrics` counts nothing.
registrar_actor spawn_registrar(caf::actor_system& system, std::vector<route_shard_actor> shards,
                                net::component_log& log, registrar_counters& counters,
                                registrar_options options = {},
                                net::registry_metrics* metrics = nullptr);

} // namespace shunt
