// A real nats-server as a child process on loopback, for as long as the object lives, and a plain
// client of it to see what the bus does from the other side.
#pragma once

#include "net/nats_client.hpp"
#include "net/nats_message.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shunt::net {

class nats_server {
public:
  /// Waits until it accepts clients. Port 0: any free one. Throws std::runtime_error.
  explicit nats_server(std::vector<std::string> arguments = {}, std::uint16_t port = 0);
  ~nats_server() { kill(); }
  nats_server(const nats_server&) = delete;
  nats_server& operator=(const nats_server&) = delete;

  std::uint16_t port() const { return port_; }
  /// Ends at once, as after a crash. The port is free again afterwards.
  void kill();

private:
  void await_ready();

  pid_t pid_ = -1;
  int log_ = -1; ///< Its standard error. Open as long as it runs, or it would die of SIGPIPE.
  std::uint16_t port_ = 0;
};

class nats_peer {
public:
  explicit nats_peer(const nats_server& server, const std::string& user = {},
                     const std::string& pass = {});

  void subscribe(const std::string& subject);
  void publish(const std::string& subject, const std::string& payload,
               const std::string& reply = {});
  /// Returns when the server has it all.
  void flush();
  /// The next message subscribed to, if one comes in time.
  std::optional<nats_message> next(std::chrono::milliseconds patience = std::chrono::seconds{10});

private:
  nats_connection_ptr connection_;
  nats_subscription_ptr subscription_;
};

} // namespace shunt::net
