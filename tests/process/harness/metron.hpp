// Loggregator's agent, as far as a router can tell: a socket that keeps what it is sent.
#pragma once

#include "tests/process/harness/patience.hpp"
#include "tests/routing/envelope_reader.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::test {

class metron {
public:
  explicit metron(std::uint16_t port = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0
        || ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      throw std::runtime_error{"no socket for datagrams"};
    port_ = ntohs(address.sin_port);
  }
  metron(const metron&) = delete;
  metron& operator=(const metron&) = delete;
  ~metron() { ::close(socket_); }

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  /// What has come so far. Throws if something else than an envelope has.
  const std::vector<envelope_read>& heard() {
    std::string bytes(70'000, '\0');
    for (ssize_t size = 0; (size = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT)) >= 0;)
      heard_.emplace_back(std::string_view{bytes.data(), static_cast<std::size_t>(size)});
    return heard_;
  }
  using filter = std::function<bool(const envelope_read&)>;
  std::vector<envelope_read> heard(const filter& which) {
    std::vector<envelope_read> found;
    for (const auto& each : heard())
      if (which(each))
        found.push_back(each);
    return found;
  }
  /// The first such envelope, perhaps not yet there.
  envelope_read wait_for(const filter& which) {
    std::vector<envelope_read> found;
    if (!eventually([&] { return !(found = heard(which)).empty(); }))
      throw std::runtime_error{"Loggregator was not told"};
    return found.front();
  }

private:
  int socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  std::uint16_t port_ = 0;
  std::vector<envelope_read> heard_;
};

} // namespace shunt::test
