// The health checker: asks the endpoints of routes that want it how they are, and tells the shards
// what follows. Pinned to one loop, whose policy says whom to trust, but working for all: a verdict
// reaches the loops as a mark of the pool, by the shard. Whom it asks when, and what a verdict is,
// routing::health_plan decides.
#pragma once

#include "actors/loop_context.hpp"
#include "actors/protocol.hpp"
#include "net/probe_result.hpp"

#include <array>
#include <atomic>
#include <cstdint>

namespace shunt {

/// Written by the checker alone, read by any.
struct health_check_counters {
  std::array<std::atomic<std::uint64_t>, net::probe_outcome_count> checks{}; ///< By outcome.
  std::atomic<std::uint64_t> unhealthy{0}; ///< Endpoints that are so now.
};

/// `here` and `counters` outlive the actor. It must be ended before its loop is.
health_checker_actor spawn_health_checker(loop_context& here, health_check_counters& counters);

} // namespace shunt
