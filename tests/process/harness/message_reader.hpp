// Reads HTTP/1 messages off a socket, one after the other, and what follows an upgrade.
#pragma once

#include "tests/process/harness/http_message.hpp"
#include "tests/process/harness/stream_socket.hpp"

#include <functional>
#include <optional>
#include <string>

namespace shunt::test {

class message_reader {
public:
  /// Where the bytes of a body go.
  using sink = std::function<void(std::string_view)>;

  explicit message_reader(stream_socket& socket) : socket_{socket} {}

  /// Empty when the peer closed between two messages.
  std::optional<http_request> request_head();
  /// The next head, an interim one (1xx) too.
  http_response response_head(std::string_view request_method);
  /// The next response with its body.
  http_response response(std::string_view request_method);

  /// Reads the body of `message`, and its trailers, into it or into `into`.
  void body(http_message& message);
  void body(http_message& message, const sink& into);

  std::string exactly(std::size_t bytes);
  /// Everything up to the end of the stream.
  std::string rest();
  /// At least one byte, unless the stream ends.
  std::string some();

  milliseconds patience = step_time; ///< For each piece that is waited for.
  /// Called for all bytes as they arrive.
  std::function<void(std::string_view)> on_bytes;

private:
  bool more();
  std::optional<std::string> head();
  std::string line();
  std::string take(std::size_t bytes);
  void counted(std::uint64_t bytes, const sink& into);
  void chunks(http_message& message, const sink& into);

  stream_socket& socket_;
  std::string buffer_;
};

} // namespace shunt::test
