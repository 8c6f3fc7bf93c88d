#include "actors/internal_listener.hpp"

#include "actors/loop_context.hpp"
#include "net/backend_tls.hpp"
#include "net/front_tls.hpp"
#include "net/listener.hpp"
#include "net/loopback_certificates.hpp"

#include <caf/send.hpp>

#include <boost/system/system_error.hpp>

#include <stdexcept>

namespace shunt {

namespace {

constexpr const char* loopback = "127.0.0.1";

std::vector<int> listening_sockets(std::uint16_t port, std::size_t count) {
  try {
    return net::open_listening_sockets(loopback, port, count);
  } catch (const boost::system::system_error& failed) {
    std::string text = "route_services_internal_server_port ";
    text.append(std::to_string(port)).append(": ").append(failed.what());
    throw std::runtime_error{text.append("; is another process listening there?")};
  }
}

} // namespace

void open_internal_listener(router_context& context, const std::vector<acceptor_actor>& acceptors) {
  const auto& settings = context.settings;
  if (!settings.route_services_hairpinning)
    return;
  const auto own = net::make_loopback_certificates();
  internal_listener made;
  made.server = net::front_tls::for_loopback(own);
  made.client = net::backend_tls::for_loopback(own);
  const auto sockets = listening_sockets(settings.route_services_internal_server_port, acceptors.size());
  made.port = net::port_of(sockets.front());
  context.internal = std::move(made);
  for (std::size_t i = 0; i < sockets.size(); ++i)
    caf::anon_send(acceptors[i], open_listener{sockets[i], true, true});
  std::string address{loopback};
  address.append(":").append(std::to_string(context.internal->port));
  context.log.info(".router", "internal-listener-started", {{"address", address}});
}

} // namespace shunt
