// One connection to a scripted backend, as its scripts see it.
#pragma once

#include "tests/process/harness/message_reader.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace shunt::test {

class backend;

class backend_session {
public:
  backend_session(backend& owner, stream_socket socket, std::size_t number);

  http_request request;              ///< The one to answer.
  std::size_t connection_number = 0; ///< From 1, in the order of acceptance.
  std::size_t request_number = 0;    ///< From 1, on this connection.

  /// Reads the body of the request, if that did not happen yet.
  const std::string& read_body();
  void send(std::string_view bytes) { socket_.send(bytes); }
  /// Sends `bytes` until the peer took none for `time`; returns how much it took.
  std::size_t send_within(std::string_view bytes, milliseconds time) {
    return socket_.send_within(bytes, time);
  }
  /// What comes after the request: of a body that is not read as such, or of a tunnel.
  message_reader& reader() { return reader_; }
  stream_socket& socket() { return socket_; }
  void half_close() { socket_.half_close(); }
  /// Ends the connection after this request.
  void close();
  void reset();
  /// Until the peer closed, or the test ended. Whatever it still sends is thrown away.
  void wait_for_close();
  /// Whether the test is over and scripts had better come to their end.
  bool stopping() const;

private:
  friend class backend;

  backend& owner_;
  stream_socket socket_;
  message_reader reader_{socket_};
  bool body_read_ = false;
  bool over_ = false;
  std::size_t slot_ = 0; ///< Where the backend remembers the request.
};

} // namespace shunt::test
