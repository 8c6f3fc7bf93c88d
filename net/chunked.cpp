// The chunked coding, one byte of framing at a time and data in bulk. Beast's parser is not used
// here: it wants the whole line of a size, and the whole last chunk with its trailers, in one
// buffer; it bounds neither extensions nor trailers; and it lets control bytes into quoted
// extension values. Trailers go through the same two passes as heads.
#include "net/chunked.hpp"

#include <algorithm>

namespace shunt::net {

namespace {

/// RFC 9110, 5.6.3
constexpr bool is_bws(char c) {
  return c == ' ' || c == '\t';
}

constexpr bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

bool is_token_byte(char c) {
  return is_token({&c, 1});
}

/// 16 for what is no digit.
constexpr unsigned hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return static_cast<unsigned>(c - '0');
  const char folded = static_cast<char>(c | 0x20);
  return folded >= 'a' && folded <= 'f' ? static_cast<unsigned>(folded - 'a') + 10 : 16;
}

} // namespace

chunked_result chunked_decoder::decode(std::string_view in) {
  chunked_result result;
  while (result.consumed < in.size() && step_ < step::done) {
    if (step_ == step::trailers) {
      take_trailers(in, result);
    } else if (step_ == step::data) {
      if (result.piece_count == chunked_result::pieces_max)
        break;
      take_data(in, result);
    } else {
      take_byte(in[result.consumed++]);
    }
  }
  if (step_ >= step::done)
    result.state = step_ == step::done ? chunked_state::done : chunked_state::error;
  return result;
}

void chunked_decoder::reset() noexcept {
  step_ = step::size_first;
  error_ = chunked_error::none;
  digits_ = 0;
  left_ = 0;
  extension_bytes_ = 0;
  body_extension_bytes_ = 0;
  trailer_scratch_.reset();
  trailer_bytes_.clear();
  trailers_.clear();
}

void chunked_decoder::take_data(std::string_view in, chunked_result& result) noexcept {
  const auto piece = in.substr(result.consumed, std::min<std::uint64_t>(left_, in.size()));
  result.pieces[result.piece_count++] = piece;
  result.consumed += piece.size();
  left_ -= piece.size();
  if (left_ == 0)
    step_ = step::data_cr;
}

void chunked_decoder::take_trailers(std::string_view in, chunked_result& result) {
  const auto rest = in.substr(result.consumed);
  if (trailer_bytes_.empty() && rest.starts_with("\r\n")) { // As good as always.
    result.consumed += 2;
    step_ = step::done;
    return;
  }
  // In slices, because what follows the trailers may be long and is somebody else's.
  const auto slice = rest.substr(0, 256);
  const auto before = trailer_bytes_.size();
  trailer_bytes_ += slice;
  std::size_t used = 0;
  const auto status =
    parse_trailers(trailer_bytes_, trailers_, used, trailer_limits, trailer_scratch_);
  if (status.failed())
    fail(kind_of(status.error) == parse_error_kind::malformed ? chunked_error::malformed_trailers
                                                              : chunked_error::trailers_too_large);
  else if (status.complete())
    step_ = step::done;
  result.consumed += status.complete() ? used - before : slice.size();
}

void chunked_decoder::take_byte(char c) noexcept {
  switch (step_) {
    case step::size_first:
    case step::size: take_size(c); break;
    case step::size_lf:
      if (c == '\n')
        begin_data_or_trailers();
      else
        fail(chunked_error::malformed_line_end);
      break;
    case step::data_cr: expect('\r', c, step::data_lf); break;
    case step::data_lf: expect('\n', c, step::size_first); break;
    default: take_extension(c);
  }
}

void chunked_decoder::take_size(char c) noexcept {
  if (const auto digit = hex_digit(c); digit < 16) {
    // Over 2^63-1 some implementations count backwards.
    if (++digits_ > size_digits_max || left_ >> 59 != 0)
      return fail(chunked_error::malformed_size);
    left_ = left_ << 4 | digit;
    step_ = step::size;
  } else if (step_ == step::size && c == '\r') {
    step_ = step::size_lf;
  } else if (step_ == step::size && (c == ';' || is_bws(c))) {
    take_extension(c);
  } else {
    fail(c == '\n' ? chunked_error::malformed_line_end : chunked_error::malformed_size);
  }
}

void chunked_decoder::take_extension(char c) noexcept {
  step_ = after_extension_byte(c);
  if (step_ == step::failed)
    return fail(c == '\n' ? chunked_error::malformed_line_end : chunked_error::malformed_extension);
  if (step_ == step::size_lf)
    return;
  if (++extension_bytes_ > extension_bytes_max
      || ++body_extension_bytes_ > body_extension_bytes_max)
    fail(chunked_error::extension_too_large);
}

/// chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), as a table. The
/// line may end where an extension is complete, and only without whitespace.
chunked_decoder::step chunked_decoder::after_extension_byte(char c) const noexcept {
  const bool token = is_token_byte(c);
  switch (step_) {
    case step::name_first: return is_bws(c) ? step_ : token ? step::name : step::failed;
    case step::value_first:
      return is_bws(c) ? step_ : token ? step::value : c == '"' ? step::quoted : step::failed;
    case step::quoted:
      return c == '"'     ? step::after_quoted
             : c == '\\'  ? step::quoted_pair
             : is_text(c) ? step_
                          : step::failed;
    case step::quoted_pair: return is_text(c) ? step::quoted : step::failed;
    default: break;
  }
  if (c == ';')
    return step::name_first;
  const bool named = step_ == step::name || step_ == step::after_name;
  if (named && c == '=')
    return step::value_first;
  if (is_bws(c))
    return named ? step::after_name : step::padding;
  const bool may_end = step_ == step::name || step_ == step::value || step_ == step::after_quoted;
  if (may_end && c == '\r')
    return step::size_lf;
  return token && (step_ == step::name || step_ == step::value) ? step_ : step::failed;
}

void chunked_decoder::begin_data_or_trailers() noexcept {
  step_ = left_ == 0 ? step::trailers : step::data;
  digits_ = 0;
  extension_bytes_ = 0;
}

void chunked_decoder::expect(char wanted, char c, step next) noexcept {
  if (c == wanted)
    step_ = next;
  else
    fail(chunked_error::malformed_line_end);
}

void chunked_decoder::fail(chunked_error error) noexcept {
  error_ = error;
  step_ = step::failed;
}

std::string_view describe(chunked_error error) noexcept {
  switch (error) {
    case chunked_error::none: return "no error";
    case chunked_error::malformed_size: return "malformed chunk size";
    case chunked_error::malformed_extension: return "malformed chunk extension";
    case chunked_error::extension_too_large: return "chunk extensions too large";
    case chunked_error::malformed_line_end: return "malformed end of a chunk or its line";
    case chunked_error::malformed_trailers: return "malformed trailers";
    case chunked_error::trailers_too_large: return "trailers too large";
  }
  return "unknown error";
}

} // namespace shunt::net
