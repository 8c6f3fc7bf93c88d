// The doorkeeper of one loop: accepts clients, keeps the list of their connections, and ends them
// when the router drains. Clients are shared evenly: a loop with more connections than another
// passes the next one on, exactly so while there are few.
#pragma once

#include "actors/loop_context.hpp"
#include "actors/protocol.hpp"

#include <functional>

namespace shunt {

/// How the acceptors of all loops find each other, once all are there.
struct acceptor_directory {
  std::vector<acceptor_actor> by_loop;
};

/// Spawns the acceptor of `here`'s loop. `directory` is filled before the first listener opens.
/// It tells `supervisor` with `loop_quiet` when it drains or cuts and the last connection ended.
acceptor_actor spawn_acceptor(loop_context& here, const acceptor_directory& directory,
                              supervisor_actor supervisor);

} // namespace shunt
