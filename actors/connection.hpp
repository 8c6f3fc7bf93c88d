// One client's connection, an actor that is pinned to the loop that accepted the client. Its body is one
// coroutine, a `session`, which has each request served by an `exchange`; its messages only end it.
#pragma once

#include "actors/loop_context.hpp"
#include "actors/protocol.hpp"
#include "routing/route_policy.hpp"

#include <optional>
#include <string>

namespace shunt {

/// Who the client is, as far as its connection tells.
struct client_identity {
  std::string ip;      ///< Of the peer; an IPv4 address as such, even on an IPv6 socket.
  std::string address; ///< ip:port; [ip]:port for IPv6.
  bool tls = false;
  bool internal = false;     ///< It is this router, by its internal listener.
  bool speaks_http2 = false; ///< As agreed during the handshake.
  bool mutual_tls = false;   ///< The client showed a certificate, which was verified.
  /// The name of the domain of `domains` that it asked for and whose CAs verified its certificate.
  std::string domain;
  /// Whose certificate it showed there. Nobody's elsewhere: only a domain's CAs vouch for apps.
  routing::caller_identity caller;
  std::string requested_name; ///< By SNI, if the access log is to show it.
  /// That domain's rule for X-Forwarded-Client-Cert; empty: the router's.
  std::optional<config::forwarded_client_cert> client_cert_mode;
  std::string certificate;   ///< For X-Forwarded-Client-Cert, if the router may have to set it.
};

/// What a session and the exchange on it both look at. Lives in the session.
struct client_connection {
  net::wire_ptr wire;
  const client_identity* who = nullptr;
  int http_major = 1; ///< 2: `wire` is a stream, for one request.
  bool idle = false;        ///< Between two requests.
  bool close_after = false; ///< The response under way is the last.
  bool unread = false;      ///< A part of the last request was never read.
};

/// Spawns the actor for an accepted socket, which it takes over. It tells `owner` with `connection_ended{id}` at its end.
connection_actor spawn_connection(loop_context& here, const adopt_connection& accepted,
                                  acceptor_actor owner, std::uint64_t id);

} // namespace shunt
