// A real nats-server on a loopback port of its own, which it keeps when it is restarted.
#pragma once

#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace shunt::test {

class nats_server {
public:
  nats_server();

  std::uint16_t port() const noexcept { return port_; }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

  void stop();
  /// Starts again on the same port. Returns when it accepts clients.
  void start();

private:
  bool try_start();

  temporary_directory files_;
  std::uint16_t port_ = 0;
  std::unique_ptr<child_process> process_;
};

} // namespace shunt::test
