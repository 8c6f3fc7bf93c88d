// One client's connection: reads request heads, one after the other, and has each served by an
// `exchange`, until the client or the router has had enough. An actor, pinned to the loop that
// accepted the client; its body is one coroutine, its messages only end it.
#pragma once

#include "actors/loop_context.hpp"
#include "actors/protocol.hpp"

#include <string>

namespace shunt {

/// What a connection and the exchange on it both look at. Lives in the connection's frame.
struct client_connection {
  net::wire_ptr wire;
  std::string ip;      ///< Of the peer; an IPv4 address as such, even on an IPv6 socket.
  std::string address; ///< ip:port; [ip]:port for IPv6.
  bool tls = false;
  bool mutual_tls = false; ///< The client showed a certificate, which was verified.
  std::string certificate; ///< For X-Forwarded-Client-Cert, if the router may have to set it.
  bool idle = true;         ///< Between two requests.
  bool close_after = false; ///< The response under way is the last.
  bool unread = false;      ///< A part of the last request was never read.
};

/// Spawns the actor for an accepted socket, which speaks TLS or not. It tells `owner` with `connection_ended{id}` at its end.
connection_actor spawn_connection(loop_context& here, int descriptor, bool tls, acceptor_actor owner,
                                  std::uint64_t id);

} // namespace shunt
