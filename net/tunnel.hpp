// After a 101: bytes both ways between two wires until both directions ended or one failed. The end
// of one direction is passed on (half-close) while the other goes on.
#pragma once

#include "net/task.hpp"
#include "net/wire.hpp"

#include <cstdint>

namespace shunt::net {

struct tunnel_result {
  std::uint64_t to_backend_bytes = 0;
  std::uint64_t to_client_bytes = 0;
  bool failed = false; ///< One side was reset, or took no more.
};

/// Splices `client` and `backend`, what either has already received included. Both are spent when
/// it completes. To end it early, abort either.
task<tunnel_result> run_tunnel(wire_ptr client, wire_ptr backend);

} // namespace shunt::net
