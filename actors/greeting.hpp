// What happens on a client's connection before its first request: the header of the PROXY protocol,
// where a load balancer in front may send one, and the TLS handshake.
#pragma once

#include "actors/connection.hpp"

#include <chrono>

namespace shunt {

/// How long a client that has said nothing yet may hold up a drain: it may have connected a moment ago.
inline constexpr std::chrono::seconds draining_patience{1};

/// Finds out who the client is; `who.tls` says whether it is to speak TLS. False when it is not to be
/// served; whoever closes the connection need not say anything more.
net::task<bool> greet(loop_context& here, net::wire& wire, client_identity& who);

} // namespace shunt
