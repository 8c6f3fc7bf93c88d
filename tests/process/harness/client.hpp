// A client that sends exactly the bytes it is told to and reads answers without any tolerance.
#pragma once

#include "tests/process/harness/message_reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::test {

class client {
public:
  explicit client(std::uint16_t port) : socket_{stream_socket::connected_to(port)} {}
  explicit client(stream_socket socket) : socket_{std::move(socket)} {}

  client(const client&) = delete;
  client& operator=(const client&) = delete;

  client& send(std::string_view bytes) {
    socket_.send(bytes);
    return *this;
  }
  /// Reads the response to a request with that method; an interim one too.
  http_response response(std::string_view method = "GET") { return reader_.response(method); }
  http_response response_head(std::string_view method = "GET") {
    return reader_.response_head(method);
  }
  message_reader& reader() { return reader_; }
  stream_socket& socket() { return socket_; }
  std::uint16_t local_port() const { return socket_.local_port(); }

  /// Whether the router closes, in good order, without sending another byte.
  bool sees_close(milliseconds time = step_time);
  /// The same, where a reset is as good.
  bool sees_end(milliseconds time = step_time);

private:
  stream_socket socket_;
  message_reader reader_{socket_};
};

/// `GET path` with that Host, and more fields, each with CRLF.
std::string get_request(std::string_view host, std::string_view path = "/",
                        std::string_view fields = {});
/// `POST path` with a body of announced length.
std::string post_request(std::string_view host, std::string_view body,
                         std::string_view fields = {});

} // namespace shunt::test
