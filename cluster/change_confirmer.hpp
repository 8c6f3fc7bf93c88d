// Answers whoever sent `router.register` or `router.unregister` as a NATS request: whether every node routes by it, or
// which do not yet, and why. It asks the shards of this node and, by way of the links, the same shards of every peer
// that is alive, holder or not; each answers when its loops have applied the change and, of what was removed,
// nothing is under way any more. Has a thread of its own, since publishing may wait.
#pragma once

#include "actors/demand_publisher.hpp"
#include "actors/protocol.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace shunt {

/// Written by the confirmer, read by any thread.
struct confirmation_counters {
  std::atomic<std::uint64_t> confirmed{0};
  std::atomic<std::uint64_t> pending{0}; ///< Answered so, when the time was over.
  std::atomic<std::uint64_t> refused{0}; ///< For want of room, without an answer.
};

struct change_confirmer_options {
  std::string node; ///< The name of this one.
  std::chrono::nanoseconds timeout = std::chrono::seconds{5};
  std::size_t open_max = 10'000; ///< Changes at a time.
  std::string id;                ///< Of this process: what the ids of changes begin with.
  bool own_thread = true;
};

/// Does nothing before `confirmer_contacts`, since the shards it asks are in turn told of it.
/// `publish` must work, and `counters` last, until the actor has ended.
change_confirmer_actor spawn_change_confirmer(caf::actor_system& system,
                                              change_confirmer_options options,
                                              publish_function publish,
                                              confirmation_counters& counters);

} // namespace shunt
