// A small real application to put behind the router: an HTTP/1.1 and WebSocket server that
// registers itself over NATS the way applications on Cloud Foundry are registered. The demo and
// people trying the router use it. It is bounded like everything else here, but it is not meant to
// be fast.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace shunt::app {

struct demo_backend_options {
  std::string name = "demo";                  ///< What it calls itself in its answers.
  std::string listen = "127.0.0.1:0";         ///< A concrete IP and port, as they are registered;
                                              ///< port 0 = any free one.
  std::string nats = "nats://127.0.0.1:4222"; ///< May hold user:password@.
  std::vector<std::string> routes;            ///< `host[/path]`, registered as they are.
  std::chrono::milliseconds heartbeat{0};     ///< 0 = the interval that the router announces.
  std::string route_service = {};             ///< URL that the routes are bound to, if any.
};

/// The running backend. It serves on a thread of its own from construction to destruction.
class demo_backend {
public:
  /// Listens, connects to NATS and registers. Throws std::exception when any of it fails.
  explicit demo_backend(demo_backend_options options);

  /// Ends at once what stop() has not.
  ~demo_backend();

  demo_backend(const demo_backend&) = delete;
  demo_backend& operator=(const demo_backend&) = delete;

  /// Where it listens.
  std::uint16_t port() const noexcept;

  /// Unregisters, then waits until the requests under way are answered, at most `patience`.
  /// True if all were. A second call does nothing.
  bool stop(std::chrono::milliseconds patience);

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

/// Runs a backend until SIGTERM or SIGINT, which it blocks in the calling thread: call it before
/// starting any other. Returns the exit code; says on stderr what went wrong.
int demo_backend_main(const demo_backend_options& options);

} // namespace shunt::app
