// An HTTP/2 connection (RFC 9113) that looks like many of HTTP/1.1: each stream offers HTTP/1.1
// bytes and takes HTTP/1.1 bytes, so that whatever reads and writes those strictly serves streams
// too. nghttp2 does frames, header compression and flow control; here are the translation, the
// bounds and the defences. No I/O, no clock, one thread.
//
// The owner moves bytes: what it read from the connection goes into `receive`, what `collect`
// appends goes out. After either it asks `next_news` until there is none. Nothing here calls the
// owner, so it may call anything at any time.
//
// Servers. A request becomes a head with Host (from `:authority`), then a body by Content-Length,
// or chunked with its trailers. The owner writes responses: interim ones, then a final one by
// Content-Length, chunked (trailers stay trailers), or until `end`. Extended CONNECT to a WebSocket
// (RFC 8441) becomes a GET with `Upgrade: websocket`; after 101 bytes pass as they are. Of a head that
// is too large, and of any other CONNECT, `take_head` tells why it is refused; the owner answers. A
// malformed head is answered with a reset, and the owner does not hear of it.
//
// Clients. The owner writes one request into each stream that it opened; the response arrives as
// HTTP/1.1, framed so that it never ends with the connection. `Upgrade: websocket` becomes extended
// CONNECT; no other upgrade is passed on.
#pragma once

#include "net/http2_frame_scanner.hpp"
#include "net/http2_limits.hpp"
#include "net/http2_stream_ids.hpp"

#include <sys/uio.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct nghttp2_session; // So that only these sources see the library.

namespace shunt::net {

class head_outline;
class http2_memory;
struct http2_stream;
struct http2_workspace;

enum class http2_role : std::uint8_t {
  server,       ///< Towards a client.
  client_https, ///< Towards a backend; the name is the `:scheme` of requests.
  client_http,
};

/// Names a stream until it is released; then the number is used again. Not the identifier on the
/// wire.
using http2_stream_id = std::uint32_t;

/// Error codes that owners give and see (RFC 9113, section 7).
enum class http2_code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  stream_closed = 5,
  refused_stream = 7,
  cancel = 8,
  enhance_your_calm = 11,
};

/// What happened to a stream since it was last told of.
struct http2_news {
  http2_stream_id id = 0;
  bool opened = false;   ///< By the peer: serve it.
  bool readable = false; ///< More input, or its end (`input_ended`).
  bool writable = false; ///< There is room again after a `write` that took less than all.
  bool ended = false;    ///< See `ending`. Nothing more comes; what waits can still be consumed.
};

/// Why a stream ended.
struct http2_ending {
  http2_code code = http2_code::no_error;
  bool input_complete = false; ///< All of the peer's message had arrived.
  bool unprocessed =
    false; ///< The peer surely did nothing with the request: it may be sent elsewhere.
};

class http2_session {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `seed` makes the keys of WebSocket handshakes; they only have to differ.
  http2_session(http2_role role, const http2_limits& limits, std::uint64_t seed);
  http2_session(const http2_session&) = delete;
  http2_session& operator=(const http2_session&) = delete;
  ~http2_session();

  // -- The connection.

  /// Takes what was read. False when the session is over: collect and send what there is, then
  /// close. All streams have ended then. Of some errors of the peer's only the `collect` afterwards
  /// knows: then `finished` is true.
  bool receive(std::string_view bytes, time_point now);
  /// Appends frames until there are none or `bytes_max` is reached, which one frame may exceed.
  /// Call it after anything else. A peer that does not read what was collected should not be read
  /// from either.
  void collect(std::string& out, std::size_t bytes_max);
  /// Whether `collect` would append something, if flow control lets it.
  bool wants_send() const;
  /// Whether the connection can be closed once everything collected is sent.
  bool finished() const;
  /// The connection is gone: all streams end with `code`.
  void abandon(http2_code code);
  /// Says goodbye: what is under way goes on. Servers still accept what the client sent before it
  /// knew: until it answers a ping, which is a round trip (RFC 9113, section 6.8). Clients say it
  /// when no stream is open any more: a goodbye overtakes requests that are not sent yet, and some
  /// servers, node's and Go's among them, refuse what comes behind one. Open no stream afterwards.
  void shutdown();
  /// After `shutdown`: accepts nothing more, whether the client has answered or not.
  void stop_accepting();
  std::size_t open_streams() const noexcept { return in_use_; }
  bool is_idle() const noexcept { return in_use_ == 0; }
  /// A head has begun and not ended yet.
  bool head_under_way() const noexcept { return head_of_ != nullptr; }
  /// Nothing will happen for a while: if there is no stream, it takes less memory until it is asked for
  /// anything. Not while `next_news` has some.
  void rest() noexcept;
  bool resting() const noexcept { return asleep_; }
  /// Resets released streams of whose last bytes the peer took nothing since the last call, or, while it lets
  /// no more come, next to nothing; also those whose end it has not said meanwhile. Returns how many others still
  /// have some.
  std::size_t reset_stalled();
  /// How many streams there are that were released.
  std::size_t lingering_streams() const noexcept { return lingering_; }
  /// The memory of what waits, in both directions. Large buffers count until their stream has ended.
  std::size_t held_bytes() const noexcept { return held_bytes_; }
  /// While there is no memory to spare: each stream keeps no more than its share of output.
  void spare_memory(bool sparing) noexcept { sparing_ = sparing; }
  bool sparing_memory() const noexcept { return sparing_; }

  std::optional<http2_news> next_news();

  // -- Streams.

  /// The input that waits, or its beginning: heads and bodies are shown apart. It stays in place until
  /// it is consumed, or until the next `receive`.
  std::string_view inbound(http2_stream_id id);
  /// Takes `count` bytes of `inbound` away, which lets the peer send more.
  void consume(http2_stream_id id, std::size_t count);
  /// A head waits that `take_head` can take: one that is the first of `inbound`, and whole.
  bool has_head(http2_stream_id id) const;
  /// Takes such a head, or why there is none, with the outline of its text, which spares its reader to parse it. What is
  /// shown of `inbound` afterwards follows it. The memory of the arguments is kept for other heads.
  bool take_head(http2_stream_id id, std::string& text, head_outline& outline);
  /// No more input comes than what waits. Of messages their framing says it; of tunnels only this.
  bool input_ended(http2_stream_id id) const;
  /// All of the peer's message has arrived, its trailers included.
  bool input_complete(http2_stream_id id) const;
  /// The field lines behind a body whose length was told; the others show theirs as HTTP/1.1 does.
  std::string_view trailers_apart(http2_stream_id id) const;
  /// Takes HTTP/1.1 bytes, and says how many: fewer than all when there is no room (`writable`
  /// tells when there is), or when the stream has ended. `outline` = of a head that the first part
  /// consists of; null = of none.
  std::size_t write(http2_stream_id id, std::span<const iovec> parts,
                    const head_outline* outline = nullptr);
  std::size_t write(http2_stream_id id, std::string_view text);
  /// The message that is being written, whose length is told, does not end with its body: a last chunk, with
  /// trailers, follows.
  void end_apart(http2_stream_id id);
  /// What was written and has not been collected yet.
  std::size_t unsent_bytes(http2_stream_id id) const;
  /// Nothing more will be written, in order. In the middle of a message that is an error after all:
  /// a reset.
  void end(http2_stream_id id);
  /// Ends the stream at once. It is `ended` when the reset has been collected.
  void reset(http2_stream_id id, http2_code code);
  /// With what this side breaks off a stream. A server never cancels: some clients, node's among
  /// them, take a response that ends with CANCEL for a whole one (RFC 9113, section 8.1).
  http2_code break_code() const noexcept {
    return is_server() ? http2_code::internal_error : http2_code::cancel;
  }
  const http2_ending& ending(http2_stream_id id) const;
  /// The owner is done with the stream. What was completely written is still sent, anything else is
  /// reset. A response that has arrived but for the word that it is over is left to end by itself.
  void release(http2_stream_id id);

  // -- Clients.

  /// Whether the peer takes another request now.
  bool can_open() const;
  /// Whether the peer takes extended CONNECT; unknown, thus false, until its settings have come.
  bool peer_allows_websocket() const;
  /// A stream for one request.
  http2_stream_id open();

private:
  friend struct http2_callbacks;

  bool is_server() const noexcept { return role_ == http2_role::server; }
  /// For every call of the library: the session, awake.
  nghttp2_session* library() const noexcept {
    if (asleep_)
      wake();
    return session_;
  }
  void wake() const noexcept;
  void submit_settings();
  void say_last_goodbye();
  http2_stream& at(http2_stream_id id) const { return *streams_[id]; }
  http2_stream& take_stream();
  void free_stream(http2_stream& stream);
  void retire(http2_stream& stream);
  http2_stream* find(std::int32_t wire_id) const;
  void tell(http2_stream& stream, std::uint8_t what);
  void close(http2_stream& stream, http2_code code, bool unprocessed);
  void fail_stream(http2_stream& stream, http2_code code);
  void give_credit(http2_stream& stream, std::size_t data_bytes);
  void weigh(http2_stream& stream) noexcept;
  bool lets_come(const http2_stream& stream) const;
  std::string next_key();

  // Input.
  int begin_head(std::int32_t wire_id, bool new_request);
  void end_head(bool last);
  void end_request_head(http2_stream& stream, bool last);
  void end_response_head(http2_stream& stream, bool last);
  void end_trailers(http2_stream& stream);
  void take_data(http2_stream* stream, std::int32_t wire_id, std::string_view data);
  void end_input(http2_stream& stream, std::string_view trailers = {});

  // Output.
  std::size_t take_text(http2_stream& stream, std::string_view text);
  std::size_t take_head_text(http2_stream& stream, std::string_view text);
  std::size_t parse_head(http2_stream& stream, std::string_view text);
  bool take_outlined_head(http2_stream& stream, std::string_view text, const head_outline& outline);
  void take_message(http2_stream& stream, bool head_kept);
  void take_response(http2_stream& stream, bool head_kept);
  void take_request(http2_stream& stream, bool head_kept);
  void begin_body(http2_stream& stream);
  std::size_t room_of(const http2_stream& stream) const noexcept;
  void begin_chunks(http2_stream& stream);
  std::size_t take_body(http2_stream& stream, std::string_view text);
  std::size_t take_chunks(http2_stream& stream, std::string_view text);
  void submit_response(http2_stream& stream, bool with_body);
  void answer(http2_stream& stream, int status);
  void finish_output(http2_stream& stream);
  void settle_tunnel(http2_stream& stream, bool opened);
  void sent_last_frame(http2_stream& stream);
  void submit_interim(http2_stream& stream);
  /// Small interim heads wait for no other; one that is large is the last that is taken before it is collected.
  bool takes_head(const http2_stream& stream) const noexcept;
  void interim_left(std::int32_t wire_id, std::size_t bytes);

  // Defences.
  void count_frame(std::uint8_t type, std::uint8_t flags, std::size_t length);
  void judge_stream_id(std::uint8_t type, std::int32_t id);
  std::ptrdiff_t take_bytes(std::string_view bytes);
  void count_reset();
  void calm();

  http2_role role_;
  http2_limits limits_;
  std::uint64_t seed_;
  std::unique_ptr<http2_memory> memory_;
  nghttp2_session* session_ = nullptr; ///< In `memory_`.
  mutable bool asleep_ = false;
  bool failed_ = false;
  bool calmed_ = false;
  bool shutting_down_ = false;
  bool sparing_ = false;
  http2_code gave_up_ = http2_code::no_error; ///< What the last GOAWAY that was sent said.

  std::vector<std::unique_ptr<http2_stream>> streams_; ///< By slot; null where there is none.
  std::vector<http2_stream_id> free_;
  std::size_t in_use_ = 0;
  std::size_t lingering_ = 0; ///< Of those, released ones.
  std::size_t heads_bytes_ = 0; ///< Of the requests in use.
  std::size_t unsent_bytes_ = 0; ///< Of all streams.
  std::size_t held_bytes_ = 0;
  std::vector<http2_stream_id> news_;
  std::size_t news_begin_ = 0;

  std::unique_ptr<http2_workspace> work_; ///< Null while no stream is in use.
  http2_stream* head_of_ = nullptr; ///< Whose head arrives; heads never interleave.
  bool head_is_trailers_ = false;
  std::string* out_ = nullptr; ///< During `collect`.
  std::size_t out_bytes_max_ = 0;

  http2_frame_scanner frames_;  ///< Of servers.
  http2_stream_ids client_ids_; ///< Of servers.
  time_point window_begin_{};
  std::uint64_t resets_ = 0;
  std::uint64_t answers_ = 0; ///< That were sent whole.
  std::uint64_t idle_frames_ = 0;
  std::uint64_t useful_frames_ = 0;
};

} // namespace shunt::net
