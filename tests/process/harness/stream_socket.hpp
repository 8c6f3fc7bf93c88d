// A plain TCP socket on loopback. Every operation has a deadline and throws when it cannot do its
// work, so that a test never hangs and never has to look at a return value.
#pragma once

#include "tests/process/harness/patience.hpp"

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace shunt::test {

/// What the peer, or the clock, did to us.
struct socket_error : std::runtime_error {
  enum class kind : std::uint8_t { timed_out, reset, other };
  socket_error(kind why, const std::string& what) : std::runtime_error{what}, reason{why} {}
  kind reason;
};

class stream_socket {
public:
  stream_socket() = default;
  explicit stream_socket(int descriptor) noexcept : descriptor_{descriptor} {}
  ~stream_socket() { close(); }

  stream_socket(stream_socket&& other) noexcept : descriptor_{other.release()} {}
  stream_socket& operator=(stream_socket&& other) noexcept;

  static stream_socket connected_to(std::uint16_t port);

  bool open() const noexcept { return descriptor_ >= 0; }
  int descriptor() const noexcept { return descriptor_; }

  /// Sends all of it.
  void send(std::string_view bytes, milliseconds time = step_time);
  /// Sends what is accepted within `time`; returns how much that was.
  std::size_t send_within(std::string_view bytes, milliseconds time);
  /// Some bytes, at most `max`; none at the end of the stream.
  std::string receive(std::size_t max = 65536, milliseconds time = step_time);
  /// Says that nothing more will be sent.
  void half_close();
  /// Ends everything, in both directions, from any thread: who reads or writes wakes up.
  void shut_down();
  /// Closes with RST instead of FIN.
  void reset();
  void close() noexcept;
  /// The kernel's receive buffer; set it before data arrives to make a reader slow.
  void limit_receive_buffer(int bytes);

  std::uint16_t local_port() const;

private:
  int release() noexcept { return descriptor_.exchange(-1); }
  void await(short events, clock::time_point deadline) const;

  std::atomic<int> descriptor_{-1};
};

} // namespace shunt::test
