// Takes the chunked transfer coding (RFC 9112, section 7.1) off a message body as it arrives, in
// pieces of any size, and hands out the data inside without copying it. Strict: bodies that another
// decoder could end elsewhere are refused. Extensions are checked, bounded and dropped; trailers
// are checked, bounded and offered at the end. Allocates for trailers only. One decoder serves one
// direction of a connection, body after body.
#pragma once

#include "net/http_head.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

enum class chunked_state : std::uint8_t {
  more,  ///< The body goes on.
  done,  ///< Data and trailers are complete; the bytes after `consumed` belong to the next message.
  error, ///< The sender's fault; the connection cannot be used any more.
};

enum class chunked_error : std::uint8_t {
  none = 0,
  malformed_size,      ///< No hex digits, more than 16, over 2^63-1, or something behind them.
  malformed_extension, ///< Not the grammar of chunk-ext, or a control byte.
  extension_too_large, ///< More than the limit per chunk or per body.
  malformed_line_end,  ///< A CR or LF alone, or data that does not end where its size said.
  malformed_trailers,  ///< Not field lines, by the rules for heads.
  trailers_too_large,  ///< Too many bytes or fields.
};
std::string_view describe(chunked_error error) noexcept;

/// What one call found.
struct chunked_result {
  static constexpr std::size_t pieces_max = 16;

  std::size_t consumed = 0;
  chunked_state state = chunked_state::more;
  std::size_t piece_count = 0;
  std::array<std::string_view, pieces_max> pieces;

  /// The body's data among what was consumed, as views into it. Valid even with an error: what
  /// came before it.
  std::span<const std::string_view> data() const noexcept { return {pieces.data(), piece_count}; }
};

class chunked_decoder {
public:
  static constexpr std::size_t size_digits_max = 16;
  static constexpr std::size_t extension_bytes_max = 4 * 1024;       ///< Per chunk.
  static constexpr std::size_t body_extension_bytes_max = 16 * 1024; ///< Over all chunks.
  static constexpr head_limits trailer_limits{64 * 1024, 1024};

  chunked_decoder() = default;
  /// Trailers are views into the decoder itself.
  chunked_decoder(const chunked_decoder&) = delete;
  chunked_decoder& operator=(const chunked_decoder&) = delete;

  /// Takes the next bytes. With state `more` and not everything consumed, the list of pieces was
  /// full: use them, and call again with the rest. After `done` or `error`, `reset` comes first.
  chunked_result decode(std::string_view in);

  /// Ready for the next body. Trailers are gone.
  void reset() noexcept;

  /// After `done`: the trailers that may be passed on. Valid until `reset`.
  std::span<const field> trailers() const noexcept { return trailers_; }
  /// After `error`: which.
  chunked_error error() const noexcept { return error_; }

private:
  /// What the next byte belongs to.
  enum class step : std::uint8_t {
    size_first, ///< A size begins.
    size,
    padding, ///< Whitespace, after which only a semicolon may come.
    name_first,
    name,
    after_name, ///< Whitespace before an equals sign or semicolon.
    value_first,
    value,
    quoted,
    quoted_pair, ///< After a backslash.
    after_quoted,
    size_lf, ///< The LF that ends the line of a size.
    data,
    data_cr,
    data_lf,
    trailers,
    done,
    failed,
  };

  void take_data(std::string_view in, chunked_result& result) noexcept;
  void take_trailers(std::string_view in, chunked_result& result);
  void take_byte(char c) noexcept;
  void take_size(char c) noexcept;
  void take_extension(char c) noexcept;
  step after_extension_byte(char c) const noexcept;
  void begin_data_or_trailers() noexcept;
  void expect(char wanted, char c, step next) noexcept;
  void fail(chunked_error error) noexcept;

  step step_ = step::size_first;
  chunked_error error_ = chunked_error::none;
  std::uint8_t digits_ = 0;
  std::uint64_t left_ = 0;          ///< Of the current chunk: its size, then what is to come.
  std::size_t extension_bytes_ = 0; ///< Of this chunk.
  std::size_t body_extension_bytes_ = 0;
  head_scratch trailer_scratch_;
  std::string trailer_bytes_;
  std::vector<field> trailers_;
};

} // namespace shunt::net
