#include "tests/process/harness/stream_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shunt::test {
namespace {

using kind = socket_error::kind;

[[noreturn]] void fail(const char* what) {
  const auto why = errno == ECONNRESET || errno == EPIPE ? kind::reset : kind::other;
  throw socket_error{why, std::string{what} + ": " + std::generic_category().message(errno)};
}

bool try_later() {
  return errno == EAGAIN || errno == EINTR;
}

} // namespace

stream_socket& stream_socket::operator=(stream_socket&& other) noexcept {
  close();
  descriptor_ = other.release();
  return *this;
}

stream_socket stream_socket::connected_to(std::uint16_t port) {
  stream_socket made{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!made.open() || connect(made.descriptor_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
    fail("connect");
  const int on = 1; // Tests decide what is one segment.
  setsockopt(made.descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return made;
}

void stream_socket::await(short events, clock::time_point deadline) const {
  pollfd waiting{descriptor_, events, 0};
  const auto left = std::chrono::ceil<milliseconds>(deadline - clock::now()).count();
  const int ready = left > 0 ? poll(&waiting, 1, static_cast<int>(left)) : 0;
  if (ready == 0)
    throw socket_error{kind::timed_out, "nothing happened in time"};
  if (ready < 0 && errno != EINTR)
    fail("poll");
}

void stream_socket::send(std::string_view bytes, milliseconds time) {
  if (const auto sent = send_within(bytes, time); sent != bytes.size())
    throw socket_error{kind::timed_out, "the peer took only " + std::to_string(sent) + " bytes"};
}

std::size_t stream_socket::send_within(std::string_view bytes, milliseconds time) {
  const auto deadline = step_deadline(time);
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto rest = bytes.substr(sent);
    const auto some = ::send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (some >= 0)
      sent += static_cast<std::size_t>(some);
    else if (!try_later())
      fail("send");
    else if (clock::now() >= deadline)
      break;
    else
      try {
        await(POLLOUT, deadline);
      } catch (const socket_error& error) {
        if (error.reason != kind::timed_out)
          throw;
      }
  }
  return sent;
}

std::string stream_socket::receive(std::size_t max, milliseconds time) {
  const auto deadline = step_deadline(time);
  std::string bytes(max, '\0');
  for (;;) {
    const auto some = recv(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (some >= 0) {
      bytes.resize(static_cast<std::size_t>(some));
      return bytes;
    }
    if (!try_later())
      fail("receive");
    await(POLLIN, deadline);
  }
}

void stream_socket::half_close() {
  ::shutdown(descriptor_, SHUT_WR);
}
void stream_socket::shut_down() {
  ::shutdown(descriptor_, SHUT_RDWR);
}

void stream_socket::reset() {
  const linger at_once{1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void stream_socket::close() noexcept {
  if (const int old = release(); old >= 0)
    ::close(old);
}

void stream_socket::limit_receive_buffer(int bytes) {
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

std::uint16_t stream_socket::local_port() const {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail("getsockname");
  return ntohs(address.sin_port);
}

} // namespace shunt::test
