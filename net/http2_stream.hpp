// One stream of an HTTP/2 connection as the session sees it: input that became HTTP/1.1 and waits
// to be consumed, and how far the HTTP/1.1 bytes that the owner writes have been understood. Reused
// from stream to stream, memory included.
#pragma once

#include "net/chunked.hpp"
#include "net/head_outline.hpp"
#include "net/http2_head.hpp"
#include "net/http2_session.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace shunt::net {

/// Bytes that come in at the end and leave at the beginning.
class byte_queue {
public:
  std::string_view view() const noexcept { return std::string_view{bytes_}.substr(begin_); }
  std::size_t size() const noexcept { return bytes_.size() - begin_; }
  bool empty() const noexcept { return size() == 0; }
  std::size_t held_bytes() const noexcept;
  void append(std::string_view more);
  void drop(std::size_t count) noexcept;
  /// Empty, and without the memory of a large past.
  void clear();

private:
  std::string bytes_;
  std::size_t begin_ = 0;
};

/// What the peer sent, as HTTP/1.1: heads, then a body. Chunks grow until somebody looks at them,
/// so that many small DATA frames do not become many chunks.
class http2_inbound {
public:
  /// Where the text of the next head is to be appended. It is shown once it was `commit`ted.
  std::string& begin_head() {
    head_.resize(head_end_);
    head_.erase(0, head_begin_);
    head_end_ -= std::exchange(head_begin_, 0);
    head_open_ = true;
    outline_.clear();
    return head_;
  }
  /// Where it is to be noted what stands where in that text; null behind another head.
  head_outline* outline_of_head() noexcept { return head_.empty() ? &outline_ : nullptr; }
  /// Returns its bytes.
  std::size_t commit_head() noexcept {
    head_open_ = false;
    return head_.size() - std::exchange(head_end_, head_.size());
  }
  /// Instead of `commit_head`: of the head only `take_head` tells, and only why it is none, and its method.
  void refuse_head(parse_error why, std::string_view method);
  bool is_behind_another_head() const noexcept { return head_end_ > 0; } ///< The one that has begun.
  std::size_t waiting_head_bytes() const noexcept { return head_end_ - head_begin_; }
  void begin_body(http2_body kind) noexcept { kind_ = kind; }
  void append(std::string_view data);
  /// `trailers` are whole field lines.
  void finish(std::string_view trailers);
  /// Of a body whose length was told, which HTTP/1.1 has no place for.
  std::string_view trailers_apart() const noexcept { return trailers_apart_; }
  /// Shows nothing of the body until `unhold`.
  void hold() noexcept { held_ = true; }
  void unhold() noexcept { held_ = false; }
  bool held() const noexcept { return held_; }
  /// Forgets the body. Returns how much DATA it was.
  std::size_t discard() noexcept;

  /// The next bytes: of the heads while there are any, then of the body. They stay where they are until
  /// they are consumed, or the peer sends more.
  std::string_view view();
  /// Takes bytes that `view` showed away. Returns how many of them were DATA.
  std::size_t consume(std::size_t count);
  /// A head waits that `take_head` can take.
  bool has_head() const noexcept {
    return outline_.known() && head_begin_ == 0 && head_end_ == outline_.head_bytes();
  }
  /// Takes the head away as a whole, if it waits and nothing was consumed of it. Gives its own
  /// memory away and keeps that of the arguments.
  bool take_head(std::string& text, head_outline& outline);
  std::size_t data_bytes() const noexcept { return data_bytes_; } ///< DATA that waits.
  std::size_t held_bytes() const noexcept;
  bool empty() const noexcept { return head_begin_ == head_end_ && body_begin_ == body_.size(); }
  void clear();

private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  void seal();
  void make_room();
  std::size_t consume_chunks(std::size_t count);
  void enter_chunk();

  http2_body kind_ = http2_body::none;
  bool held_ = false;
  bool head_open_ = false; ///< A head has begun and is not committed.
  std::string head_;
  std::size_t head_begin_ = 0;
  std::size_t head_end_ = 0; ///< Behind it is a head that may turn out to be none.
  head_outline outline_;     ///< Of the only head in `head_`; of none if there are several.
  std::string body_;
  std::string trailers_apart_;
  std::size_t body_begin_ = 0;
  std::size_t open_chunk_ = none; ///< Where the chunk begins that still grows.
  std::size_t last_chunk_ = none; ///< Where the end of the body begins.
  std::size_t data_bytes_ = 0;
  std::size_t size_line_left_ = 0; ///< Of the chunk that consumption is in.
  std::size_t chunk_data_left_ = 0;
  std::size_t chunk_end_left_ = 0;
};

/// What the owner's next bytes belong to.
enum class outbound_phase : std::uint8_t {
  head,
  length,
  chunked,
  until_close,
  tunnel,
  done,    ///< The message is complete. More is the owner's mistake.
  discard, ///< The session has answered itself; what comes is dropped.
};

/// All about one stream. Private to the sources of http2_session.
struct http2_stream {
  static constexpr auto unknown = static_cast<std::uint64_t>(-1);

  std::uint32_t slot = 0;
  std::int32_t id = -1; ///< On the wire; below 0 before the request is sent.

  // -- To the owner.
  std::uint8_t news = 0;
  bool queued = false;    ///< In the session's list of news.
  bool announced = false; ///< The owner knows of it.
  bool released = false;  ///< The owner is done with it.
  bool in_use = false;
  bool ended = false;
  http2_ending ending;

  // -- From the peer.
  http2_inbound inbound;
  bool input_done = false;
  std::uint64_t body_left = unknown; ///< Of a response: what is still to come before its end, which may come later.
  bool head_read = false; ///< The request, or a final response, is there.
  bool doomed = false;    ///< A reset is on its way; what still arrives is dropped.
  bool was_head = false;  ///< The request is a HEAD.
  bool tunnel = false;    ///< Asked for by extended CONNECT.
  std::size_t head_bytes = 0; ///< Of a request, held against the connection until the stream is gone.
  std::string websocket_key;

  // -- From the owner.
  outbound_phase phase = outbound_phase::head;
  byte_queue outbound;
  std::string head_text; ///< A head that arrives in pieces, or one that the library reads later.
  head_scratch scratch;
  chunked_decoder decoder;
  std::uint64_t length_left = 0;
  bool output_done = false;  ///< Nothing follows what is in `outbound`, but trailers.
  bool output_sent = false;  ///< The last frame has been collected.
  bool deferred = false;     ///< The library was told to wait for data.
  bool wants_room = false;   ///< A write was cut short.
  bool has_trailers = false; ///< `decoder` has read this body, or its end.
  bool ends_apart = false;   ///< A last chunk follows the body, whatever its framing.
  std::size_t interim_bytes = 0; ///< Of interim heads that wait to be collected.
  std::size_t taken_bytes = 0; ///< By the peer, since that was last asked.

  std::size_t counted_bytes = 0; ///< What the session last knew of `held_bytes`.

  /// The memory of what waits: of small buffers, which are kept for other streams anyway, only while
  /// there is something in them.
  std::size_t held_bytes() const noexcept;
  void clear();
};

} // namespace shunt::net
