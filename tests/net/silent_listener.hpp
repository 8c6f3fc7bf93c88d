// A server that lets clients connect and never says a word.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace shunt::net {

class silent_listener {
public:
  explicit silent_listener(std::uint16_t port = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const int yes = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* address = reinterpret_cast<sockaddr*>(&where);
    if (::bind(fd_, address, size) != 0 || ::listen(fd_, 64) != 0
        || ::getsockname(fd_, address, &size) != 0)
      throw std::runtime_error{"cannot listen"};
    port_ = ntohs(where.sin_port);
  }
  ~silent_listener() { ::close(fd_); } // Resets whoever still waits in its queue.
  silent_listener(const silent_listener&) = delete;
  silent_listener& operator=(const silent_listener&) = delete;

  std::uint16_t port() const { return port_; }

  /// True once somebody has connected.
  bool await_connection(int patience_ms = 10'000) const {
    pollfd readable{fd_, POLLIN, 0};
    return ::poll(&readable, 1, patience_ms) == 1;
  }

  /// Accepts and closes all who have connected so far; says how many that were.
  int waiting_connections() const {
    int count = 0;
    for (; await_connection(0); ++count)
      ::close(::accept(fd_, nullptr, nullptr));
    return count;
  }

private:
  int fd_;
  std::uint16_t port_ = 0;
};

} // namespace shunt::net
