// What a peer of an HTTP/2 connection may cost. Streams and their buffers are bounded; so is the
// work that it may ask for without paying for it: every limit here has an attack with a name (rapid
// reset, floods of settings, pings, empty frames or continuations).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace shunt::net {

struct http2_limits {
  /// Streams of a client at once; more are refused. What the owner has not let go of yet counts
  /// too, up to twice that.
  std::uint32_t streams_max = 250;
  /// What a stream may send that nobody has consumed yet. With its head, all that is buffered of
  /// its input.
  std::uint32_t stream_window_bytes = 64 * 1024;
  /// The same for all streams together: so many stalled ones do not stall the others.
  std::uint32_t connection_window_bytes = 1024 * 1024;
  /// What is kept of a stream's output, beyond heads, while the peer takes no more.
  std::size_t outbound_bytes_max = 64 * 1024;
  /// The same for all streams together. Beyond it each keeps its share, so that many which the peer does
  /// not take do not stall the others.
  std::size_t connection_outbound_bytes_max = 1024 * 1024;
  std::size_t outbound_share_bytes = 4 * 1024;
  /// What the peer has to take of a response that is complete, between two looks at it, while its windows are
  /// what stops it: about a segment, which is what it would take of HTTP/1.1 at least.
  std::size_t taken_bytes_min = 1024;

  /// Of received heads, as they would be in HTTP/1.1, without the empty line.
  std::size_t head_bytes_max = 1024 * 1024;
  std::size_t fields_max = 0; ///< 0 = `fields_cap`.
  /// Of all requests of a connection that are under way. Header compression makes a megabyte of three
  /// hundred bytes; what goes beyond this is refused.
  std::size_t heads_bytes_max = 4 * 1024 * 1024;
  std::uint32_t continuations_max =
    72; ///< Frames that one head may go on in; a full head needs 64.
  std::size_t sent_head_bytes_max = 10 * 1024 * 1024; ///< Of heads that the owner writes.

  /// The counts below are of this much time; afterwards they begin anew.
  std::chrono::nanoseconds flood_window = std::chrono::seconds{10};
  /// Streams that the peer reset or that were refused for its fault (CVE-2023-44487). Each answer that it took
  /// whole allows one more, up to ten times this: a balancer may bring many users, who come and go, over one connection.
  std::uint32_t resets_max = 500;
  /// Frames that carry nothing forward: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and
  /// empty pieces of heads. Every frame that does carry something allows four more.
  std::uint32_t idle_frames_max = 2'000;
  /// Answers to PING and SETTINGS that wait to be sent.
  std::size_t unsent_answers_max = 200;

  bool websocket = true; ///< Servers offer RFC 8441.
};

} // namespace shunt::net
