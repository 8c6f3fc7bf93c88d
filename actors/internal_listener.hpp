// The listener by which the router calls itself ("hairpinning"): a request for a route service that is a
// route of this router comes back in here, instead of making its way by the network and a load balancer.
// Only on 127.0.0.1, and only for who shows the certificate that this process made when it started.
#pragma once

#include "actors/protocol.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace shunt {

namespace net {
class backend_tls;
class front_tls;
} // namespace net

struct router_context;

struct internal_listener {
  std::uint16_t port = 0;
  std::shared_ptr<const net::front_tls> server;
  std::shared_ptr<const net::backend_tls> client;
};

/// Opens it on all loops and sets `context.internal`, if `route_services_hairpinning` is on. Before the
/// other listeners are opened. Throws std::runtime_error that names the key.
void open_internal_listener(router_context& context, const std::vector<acceptor_actor>& acceptors);

} // namespace shunt
