// Loopback ports: free ones, closed ones and stuck ones.
#pragma once

#include "tests/process/harness/stream_socket.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace shunt::test {

/// A socket bound to a free port of 127.0.0.1, that does not listen yet. With `port`, that port.
stream_socket bound_socket(std::uint16_t port = 0);

/// A port that was free a moment ago. Somebody may take it before its user does, who then retries.
std::uint16_t free_port();

/// A port where connections are refused, for as long as this lives: it is bound, but nobody
/// listens.
class refusing_port {
public:
  refusing_port() : socket_{bound_socket()} {}
  std::uint16_t port() const { return socket_.local_port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

private:
  stream_socket socket_;
};

/// A port where connecting never ends: it listens, but the queue of connections is full.
class stuck_port {
public:
  stuck_port();
  std::uint16_t port() const { return socket_.local_port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  /// Whether somebody's SYN to it is unanswered (proc_net_tcp(5)).
  bool is_being_dialled() const { return unanswered() > own_; }

private:
  std::size_t unanswered() const;

  stream_socket socket_;
  std::vector<stream_socket> waiting_;
  std::size_t own_ = 0; ///< Of `waiting_`, without an answer.
};

} // namespace shunt::test
