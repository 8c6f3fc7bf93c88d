// What a connection does from its greeting to its end, as coroutines: serves the requests of HTTP/1.1 one
// after the other, or the streams of HTTP/2 side by side, each of them once more by a session of its own.
// Lives in the frame of its coroutine, on its loop.
#pragma once

#include "actors/connection.hpp"
#include "net/http2_link.hpp"
#include "net/http_fields.hpp"
#include "net/latch.hpp"

#include <chrono>
#include <cstdint>

namespace shunt {

class exchange;

class session {
public:
  /// What a client that was answered too early may still send, and for how long, before it is closed to.
  static constexpr std::uint64_t lingering_bytes_max = 256 * 1024;
  static constexpr std::chrono::seconds lingering_time_max{2};

  /// For a client that was accepted.
  session(loop_context& here, net::wire_ptr wire, const adopt_connection& accepted);
  /// For one stream of a client, whose identity outlives it.
  session(loop_context& here, net::wire_ptr stream, const client_identity& who);
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session();

  /// Greets the client and serves it to the end.
  net::task<void> run();
  /// Serves the one request of a stream.
  net::task<void> run_stream();

  /// Ends it after what is under way.
  void drain();
  /// Ends it at once.
  void cut();

private:
  net::task<bool> wait_for_request();
  net::task<bool> serve_one();
  net::task<bool> read_head(exchange& request);
  net::task<bool> begins_http2();
  bool make_room();
  /// `head_request` = whose answer has no body; false for what could not be parsed.
  net::task<void> refuse(net::parse_error error, bool head_request = false);
  void refuse_late();
  net::task<void> shed();
  net::task<void> send_last(std::string_view answer);
  net::task<void> linger();
  net::task<void> linger_in_stream();

  net::task<void> serve_requests();
  net::task<void> serve_streams();
  void serve_stream(net::wire_ptr stream);
  /// Of a connection; streams are not counted.
  void set_idle(bool idle);

  loop_context& here_;
  client_identity identity_; ///< Of a client that was accepted.
  client_connection client_;
  bool greeting_ = true; ///< No request can have begun.
  std::uint64_t served_ = 0;
  unsigned pipelined_ = 0; ///< Requests that were there before they were waited for.
  net::http2_link_ptr link_; ///< While it serves streams.
  std::size_t streams_ = 0;
  net::latch streams_ended_;
};

} // namespace shunt
