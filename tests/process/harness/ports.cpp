#include "tests/process/harness/ports.hpp"

#include <cerrno>
#include <fstream>
#include <iomanip>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace shunt::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

} // namespace

stream_socket bound_socket(std::uint16_t port) {
  stream_socket made{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto address = loopback(port);
  const int on = 1; // A port that was listened on before may still have connections in TIME_WAIT.
  setsockopt(made.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(made.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "bind");
  return made;
}

/// Below those that the kernel gives to outgoing connections: whoever is to listen there does so later.
std::uint16_t free_port() {
  static std::mutex mutex;
  static std::mt19937 random{std::random_device{}()};
  static std::set<std::uint16_t> given;
  const std::lock_guard lock{mutex};
  std::uniform_int_distribution<std::uint16_t> ports{10'000, 32'000};
  for (int attempts = 0; attempts < 1000; ++attempts) {
    const auto port = ports(random);
    if (given.contains(port))
      continue;
    try {
      (void)bound_socket(port);
    } catch (const std::system_error&) {
      continue;
    }
    given.insert(port);
    return port;
  }
  throw std::runtime_error("no free port between 10000 and 32000");
}

stuck_port::stuck_port() : socket_{bound_socket()} {
  listen(socket_.descriptor(), 0);
  const auto address = loopback(port());
  for (int i = 0; i < 4; ++i) { // A backlog of 0 takes one; the rest is for good measure.
    auto& each = waiting_.emplace_back(
      stream_socket{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)});
    // Begins to connect; whether that gets anywhere is not of interest.
    [[maybe_unused]] const int begun =
      connect(each.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  own_ = unanswered();
}

std::size_t stuck_port::unanswered() const {
  std::ostringstream wanted; // Remote address and state SYN_SENT.
  wanted << std::uppercase << std::hex << std::setfill('0') << ' ' << std::setw(8)
         << htonl(INADDR_LOOPBACK) << ':' << std::setw(4) << port() << " 02 ";
  std::ifstream table{"/proc/net/tcp"};
  std::size_t found = 0;
  for (std::string line; std::getline(table, line);)
    found += line.find(wanted.str()) != std::string::npos;
  return found;
}

} // namespace shunt::test
