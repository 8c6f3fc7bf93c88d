// What happens on a client's connection before its first request: the header of the PROXY protocol,
// where a load balancer in front may send one, and the TLS handshake.
#pragma once

#include "actors/connection.hpp"

namespace shunt {

/// Notes down whose connection it is.
void name_client(client_connection& client, const net::tcp::endpoint& peer);

/// False when the connection is not to be served; whoever closes it need not say anything more.
net::task<bool> greet(loop_context& here, client_connection& client);

} // namespace shunt
