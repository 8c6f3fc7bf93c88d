// Message bodies on their way through: taken off one wire in whatever framing they came, put on the
// other in whatever framing the peer there understands, never more than a buffer at a time. A
// receiver that does not read stops the sender, because nothing is read until what was read is sent.
#pragma once

#include "net/chunked.hpp"
#include "net/task.hpp"
#include "net/wire.hpp"

#include <string>

namespace shunt::net {

/// Takes the framing off one body.
class body_reader {
public:
  /// Ready for a body of that framing. Reused from message to message.
  void begin(body_framing framing, std::uint64_t length) noexcept;

  struct step {
    std::size_t consumed = 0;
    bool done = false;
    bool malformed = false;
    std::size_t data_bytes = 0;
    std::size_t piece_count = 0;
    std::array<std::string_view, chunked_result::pieces_max> pieces;
  };
  /// The data in `available`, the bytes that follow what was consumed so far.
  step take(std::string_view available);
  /// The peer closed. Whether that ends the body well.
  bool finish_at_close() noexcept;

  bool done() const noexcept { return done_; }
  std::uint64_t bytes_taken() const noexcept { return taken_; }
  std::span<const field> trailers() const noexcept;

private:
  body_framing framing_ = body_framing::none;
  bool done_ = true;
  std::uint64_t left_ = 0;
  std::uint64_t taken_ = 0;
  chunked_decoder decoder_;
};

enum class relay_end : std::uint8_t {
  complete,
  source_failed,    ///< `code` says how: the sender closed, reset or fell silent.
  source_malformed, ///< The sender broke the chunked coding.
  sink_failed,      ///< The receiver closed, reset or takes no more.
};

struct relay_result {
  relay_end end = relay_end::complete;
  error_code code;
};

/// Passes the rest of `body` from one wire to the other, `head` in front of it, in the framing
/// `out`. Each read may last `*silence_max`, which may change from read to read (null or 0 = as long
/// as the wire's own deadline says). However
/// it ends, `from` stands where `body` stands, so that the next message is read from where it begins.
/// `head`, its `outline` (null = unknown), `silence_max` and `body` outlive the call.
task<relay_result> relay_body(wire_ptr from, body_reader& body, wire_ptr to, body_framing out,
                              std::string_view head, const std::chrono::nanoseconds* silence_max = nullptr,
                              const head_outline* outline = nullptr);

/// Reads and forgets the rest of `body`, `bytes_max` at most. Whether the end was reached.
task<bool> discard_body(wire_ptr from, body_reader& body, std::uint64_t bytes_max,
                        std::chrono::nanoseconds silence_max);

} // namespace shunt::net
