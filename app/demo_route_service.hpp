// A route service to try routers with (`shunt demo route-service`): an HTTPS server that is sent
// the requests of the routes bound to it, logs them, and passes them on to where X-CF-Forwarded-Url says,
// with what proves that they went through it. It can be told to misbehave.
#pragma once

#include "app/demo_orders.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace shunt::app {

struct demo_route_service_options {
  std::string name = "route-service";   ///< As its messages show it.
  std::string listen = "127.0.0.1:0";   ///< A concrete IP and port; port 0 = any free one.
  std::string certificate = {}, key = {}; ///< PEM files. Without both it makes its own, and prints it.
  std::string router = {};              ///< HOST:PORT, in plain HTTP. Empty: wherever the URL leads.
  demo_orders orders = {};              ///< For every request; its X-Demo- fields may say otherwise.
};

/// The running service. It serves on a thread of its own from construction to destruction, and writes a
/// line to stdout for each request, before its answer begins:
///     2026-01-31T12:00:00.123Z #1 GET http://guarded.localhost/ forwarded, 200
/// #1 counts connections. Signatures are never written.
class demo_route_service {
public:
  /// Throws std::exception; it names the option at fault.
  explicit demo_route_service(const demo_route_service_options& options);
  ~demo_route_service();

  demo_route_service(const demo_route_service&) = delete;
  demo_route_service& operator=(const demo_route_service&) = delete;

  std::uint16_t port() const noexcept;
  /// Waits until the requests under way are answered, at most `patience`. True if all were.
  bool stop(std::chrono::milliseconds patience);

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

/// Runs a service until SIGTERM or SIGINT; see run_demo_server.
int demo_route_service_main(const demo_route_service_options& options);

} // namespace shunt::app
