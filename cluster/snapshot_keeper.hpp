// Keeps a node's slices over a restart: gives each shard, and the successor of one that died, what the file has of it,
// and writes the file anew now and then and at the end, while the shards go on. Has a thread of its own, since it waits for the disk. A file that
// cannot be used is set aside, never trusted and never fatal.
#pragma once

#include "actors/protocol.hpp"
#include "net/component_log.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace shunt {

/// Written by the keeper, read by any thread.
struct snapshot_counters {
  std::atomic<std::uint64_t> written{0};  ///< Files.
  std::atomic<std::uint64_t> failures{0}; ///< To write or to read one.
  std::atomic<std::uint64_t> hosts{0};    ///< In the last one.
};

struct snapshot_options {
  std::string path;
  std::string cluster;
  std::chrono::nanoseconds every = std::chrono::seconds{30};
  /// While other nodes take slices over, which wait for what writing a file costs; a few times.
  std::chrono::nanoseconds put_off_for = std::chrono::seconds{5};
  /// An older file is of no use: what was unregistered meanwhile is not remembered any more.
  std::chrono::nanoseconds age_max = std::chrono::minutes{10};
};

/// Reads the file and hands it out before it returns. `log` and `counters` outlive the actor.
snapshot_keeper_actor spawn_snapshot_keeper(caf::actor_system& system,
                                            std::vector<route_shard_actor> shards,
                                            snapshot_options options, net::component_log& log,
                                            snapshot_counters& counters);

} // namespace shunt
