#include "tests/process/harness/nats_server.hpp"

#include "tests/process/harness/ports.hpp"

#include <stdexcept>

namespace shunt::test {

nats_server::nats_server() {
  for (int attempt = 0; attempt < 5; ++attempt) { // Somebody else may take the port first.
    port_ = free_port();
    if (try_start())
      return;
  }
  throw std::runtime_error("nats-server does not start:\n" + process_->output());
}

void nats_server::stop() {
  process_.reset();
}

void nats_server::start() {
  if (!try_start())
    throw std::runtime_error("nats-server does not start again:\n" + process_->output());
}

/// It greets everyone who connects with INFO; until then nothing may listen on the port.
bool nats_server::try_start() {
  process_ = std::make_unique<child_process>(
    std::vector<std::string>{"nats-server", "-a", "127.0.0.1", "-p", std::to_string(port_)},
    files_.path_of("nats.log"));
  const auto greeted = [this] {
    try {
      return stream_socket::connected_to(port_).receive().starts_with("INFO ");
    } catch (const socket_error&) {
      return false;
    }
  };
  return eventually([&] { return !process_->running() || greeted(); }) && process_->running();
}

} // namespace shunt::test
