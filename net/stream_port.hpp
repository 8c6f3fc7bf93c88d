// Where the bytes of a wire come from and go to when it has no socket of its own: one stream of a
// connection that carries many. The wire asks; the connection tells the wire of news by
// `stream_readable`, `stream_writable` and `stream_failed`. Same thread as the wire.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace shunt::net {

class head_outline;

class stream_port {
public:
  virtual ~stream_port() = default;

  /// What arrived, or its beginning. Stays in place until `consume`.
  virtual std::string_view inbound() = 0;
  /// Takes `count` bytes of it away, which lets the peer send more.
  virtual void consume(std::size_t count) = 0;
  /// What arrived begins with a head that `take_head` can take.
  virtual bool has_head() = 0;
  /// Takes that head away, with the outline of its text. False if there is none.
  virtual bool take_head(std::string& text, head_outline& outline) = 0;
  /// Nothing more will arrive.
  virtual bool input_ended() = 0;
  /// All of the peer's message has arrived, its trailers included.
  virtual bool input_complete() = 0;
  /// The field lines behind a body whose length was told; others show theirs as HTTP/1.1 does.
  virtual std::string_view trailers_apart() = 0;
  /// The message that is being written, whose length is told, does not end with its body: a last chunk, with
  /// trailers, follows.
  virtual void end_apart() = 0;
  /// Takes what there is room for; says how many bytes that were. `outline` = of a head that is the
  /// whole of the first part; null = of none.
  virtual std::size_t write(std::span<const iovec> parts, const head_outline* outline) = 0;
  /// What was written and has not gone out yet.
  virtual std::size_t unsent_bytes() = 0;
  /// Nothing more will be written.
  virtual void end() = 0;
  /// The wire is done: in order, or by a reset. Nothing is asked afterwards. Harmless when repeated.
  virtual void close(bool in_order) noexcept = 0;
};

} // namespace shunt::net
