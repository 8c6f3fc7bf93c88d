// One side of an HTTP/2 connection, made of frames by hand, so that it can do what no library does:
// flood, stall, break off and lie. It answers nothing by itself but the acknowledgement of
// settings, and takes apart what it is sent.
#pragma once

#include "tests/process/harness/stream_socket.hpp"

#include "tests/net/http2_kit.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace shunt::test {

namespace frame = net::frame;

class http2_peer {
public:
  /// A client of the router, by prior knowledge and without TLS; it has said hello.
  static http2_peer client_of(std::uint16_t port,
                              const std::vector<std::pair<int, std::uint32_t>>& settings = {});
  /// The same on a connection that is there already, such as one with TLS.
  static http2_peer client_on(stream_socket socket,
                              const std::vector<std::pair<int, std::uint32_t>>& settings = {});
  /// A server on a connection that was accepted. It has read the client's preface, and said its
  /// settings.
  static http2_peer server_on(stream_socket socket,
                              const std::vector<std::pair<int, std::uint32_t>>& settings = {});

  void send(std::string_view frames) { socket_.send(frames); }
  /// Sends for as long as the peer lets it. Returns whether everything was taken.
  bool try_send(std::string_view frames, milliseconds time = step_time);

  /// Reads until `done` is true of what has come. False when the connection ended before. Throws
  /// when neither happens in time.
  template <class Condition>
  bool read_until(Condition done, milliseconds time = step_time) {
    const auto deadline = step_deadline(time);
    while (!done())
      if (!read_some(deadline))
        return done();
    return true;
  }
  /// Reads what comes until the router closes. The code of its last GOAWAY, or -1 without one.
  int read_to_end(milliseconds time = step_time);
  /// Reads until that stream has ended, and answers its bytes.
  const net::frame_reader::stream& finished(std::uint32_t stream);
  /// Reads until a round trip shows that the router lives and has seen all that was sent. False
  /// when it closed.
  bool answers_a_ping();

  const net::frame_reader::stream& stream(std::uint32_t id) { return seen_->streams[id]; }
  net::frame_reader& seen() { return *seen_; }
  stream_socket& socket() { return socket_; }

private:
  explicit http2_peer(stream_socket socket);
  bool read_some(clock::time_point deadline);
  void take(std::string_view bytes);

  stream_socket socket_;
  std::unique_ptr<net::frame_reader> seen_ = std::make_unique<net::frame_reader>();
  std::size_t acknowledged_ = 0; ///< Settings.
};

/// The fields of a request; `more` come behind.
net::field_list http2_request(const std::string& method, const std::string& host,
                              const std::string& path = "/", const net::field_list& more = {});
/// The value of a field in a head that a peer took apart; empty without it.
std::string field_of(const std::string& head, const std::string& name);

/// A head of any size, as HEADERS and CONTINUATION.
std::string large_headers(std::uint32_t stream, const net::field_list& fields, bool last = true);

} // namespace shunt::test
