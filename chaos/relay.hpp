// A TCP relay on a loopback port that can misbehave as networks do. Routers reach NATS and each
// other through relays, so that a scenario can take one connection away without touching any
// process.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace shunt::chaos {

/// The thread of all relays.
class relay_loop {
public:
  relay_loop();
  ~relay_loop();

  relay_loop(const relay_loop&) = delete;
  relay_loop& operator=(const relay_loop&) = delete;

  boost::asio::io_context& context() { return context_; }

private:
  boost::asio::io_context context_{1};
  boost::asio::any_io_executor work_; ///< As long as it is there, `run` does not return.
  std::thread thread_;
};

class relay {
public:
  /// Passes on what comes to its port, which is a free one, to `target` on loopback.
  relay(relay_loop& loop, std::uint16_t target);
  ~relay();

  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  std::uint16_t port() const noexcept { return port_; }

  // Any thread; in force when the call returns.

  void pass();
  /// Resets every connection, and each new one at once.
  void cut();
  /// Connections stay, but nothing gets through until something else is asked for. Nothing is lost.
  void stall();
  /// Every piece, of at most 16 KiB, comes this much later.
  void delay(std::chrono::milliseconds by);

private:
  struct core;
  relay_loop& loop_;
  std::shared_ptr<core> core_;
  std::uint16_t port_ = 0;
};

} // namespace shunt::chaos
