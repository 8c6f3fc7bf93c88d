// The other end of a connection under test: a plain non-blocking socket that does what it is told
// and nothing else, so that a test decides byte by byte what the peer sends, takes and ends.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace shunt::net {

class peer_socket {
public:
  peer_socket() = default;
  explicit peer_socket(int descriptor) : descriptor_{descriptor} {}
  peer_socket(peer_socket&& other) noexcept
    : ended{other.ended},
      failure{other.failure},
      descriptor_{std::exchange(other.descriptor_, -1)} {}
  peer_socket& operator=(peer_socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(ended, other.ended);
    std::swap(failure, other.failure);
    return *this;
  }
  ~peer_socket() { close(); }

  bool ended = false; ///< `take` found the end, or a failure.
  int failure = 0;    ///< Which, an errno; 0 for a plain end.

  int descriptor() const { return descriptor_; }

  /// Sends what the connection takes without waiting; says how much that was.
  std::size_t send(std::string_view text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const auto count =
        ::send(descriptor_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0)
        break;
      sent += static_cast<std::size_t>(count);
    }
    return sent;
  }

  /// What has arrived, `bytes_max` at most.
  std::string take(std::size_t bytes_max = std::string::npos) {
    std::string taken;
    char part[16 * 1024];
    while (!ended && taken.size() < bytes_max) {
      const auto wanted = std::min(sizeof part, bytes_max - taken.size());
      const auto count = ::recv(descriptor_, part, wanted, MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        break;
      ended = count <= 0;
      failure = count < 0 ? errno : 0;
      taken.append(part, count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    return taken;
  }

  void shutdown_send() { ::shutdown(descriptor_, SHUT_WR); }

  /// Ends the connection as a crash does: with a reset.
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }

  void close() {
    if (descriptor_ >= 0)
      ::close(std::exchange(descriptor_, -1));
  }

private:
  int descriptor_ = -1;
};

} // namespace shunt::net
