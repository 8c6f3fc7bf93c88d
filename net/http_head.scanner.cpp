#include "net/http_head.scanner.hpp"

#include "net/host_authority.hpp"
#include "routing/ascii.hpp"

#include <algorithm>
#include <bit>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace shunt::net {

namespace {

constexpr parse_status need_more{parse_outcome::need_more, parse_error::none};

constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

// -- Start lines, without their line ends.

parse_error check_version(std::string_view version) {
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5])
      || version[6] != '.' || !is_digit(version[7]))
    return parse_error::malformed_start_line;
  if (version[5] != '1')
    return parse_error::unsupported_version;
  return version[7] > '1' ? parse_error::unsupported_minor_version : parse_error::none;
}

/// The version comes before the target, so that `PRI * HTTP/2.0` is refused for what it is.
parse_error check_request_line(std::string_view line) {
  const auto method_end = line.find(' ');
  const auto target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end)
    return parse_error::malformed_start_line;
  const auto method = line.substr(0, method_end);
  const auto target = line.substr(method_end + 1, target_end - method_end - 1);
  if (!is_token(method) || target.empty())
    return parse_error::malformed_start_line;
  if (const auto error = check_version(line.substr(target_end + 1)); error != parse_error::none)
    return error;
  if (method == "CONNECT")
    return parse_error::connect_method;
  return parse_target(method, target) ? parse_error::none : parse_error::malformed_target;
}

/// Some servers leave out the space before an empty reason; there is no second way to read that.
parse_error check_status_line(std::string_view line) {
  const bool well_formed = line.size() >= reasonless_status_line_bytes
                           && check_version(line.substr(0, 8)) == parse_error::none
                           && line[8] == ' ' && line[9] != '0'
                           && std::all_of(line.begin() + 9, line.begin() + 12, is_digit)
                           && (line.size() == reasonless_status_line_bytes || line[12] == ' ');
  return well_formed ? parse_error::none : parse_error::malformed_start_line;
}

// -- The first pass.

/// The first control byte at or after `from`, tabs included, or the end.
std::size_t find_control(std::string_view bytes, std::size_t from) {
#ifdef __SSE2__ // On other machines the loop below does it all.
  const auto largest_control = _mm_set1_epi8(0x1f);
  const auto del = _mm_set1_epi8(0x7f);
  for (; from + 16 <= bytes.size(); from += 16) {
    const auto block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + from));
    const auto low = _mm_cmpeq_epi8(_mm_min_epu8(block, largest_control), block);
    const auto found = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(block, del)));
    if (found != 0)
      return from + static_cast<std::size_t>(std::countr_zero(static_cast<unsigned>(found)));
  }
#endif
  while (from < bytes.size() && !is_control(bytes[from]))
    ++from;
  return from;
}

parse_status fail(parse_error error) {
  return {parse_outcome::error, error};
}

} // namespace

parse_status head_scanner::scan() {
  for (;;) {
    if (folded())
      return fail(parse_error::obsolete_folding);
    at_.scanned_ = find_control(window_, at_.scanned_);
    if (at_.scanned_ == window_.size())
      return unfinished();
    if (window_[at_.scanned_] == '\t' && may_have_tabs()) {
      ++at_.scanned_;
      continue;
    }
    if (window_[at_.scanned_] != '\r')
      return fail(blame_control());
    if (at_.scanned_ + 1 == window_.size())
      return unfinished();
    if (window_[at_.scanned_ + 1] != '\n')
      return fail(parse_error::bare_cr);
    if (const auto status = end_line(); !status.need_more())
      return status;
  }
}

parse_status head_scanner::unfinished() const {
  return window_.size() == bytes_max_ ? fail(parse_error::head_too_large) : need_more;
}

bool head_scanner::folded() const {
  return start_line_done() && at_.line_begin_ < window_.size()
         && (window_[at_.line_begin_] == ' ' || window_[at_.line_begin_] == '\t');
}

parse_error head_scanner::blame_control() const {
  if (window_[at_.scanned_] == '\n')
    return parse_error::bare_lf;
  if (!start_line_done())
    return parse_error::malformed_start_line;
  return line().find(':') == std::string_view::npos ? parse_error::malformed_field_name
                                                    : parse_error::malformed_field_value;
}

parse_status head_scanner::end_line() {
  const auto ended = line();
  at_.scanned_ += 2;
  at_.line_begin_ = at_.scanned_;
  if (ended.empty())
    return end_empty_line();
  if (!start_line_done()) {
    const auto error =
      kind_ == head_kind::request ? check_request_line(ended) : check_status_line(ended);
    if (error != parse_error::none)
      return fail(error);
    at_.fields_begin_ = at_.scanned_;
  }
  return need_more;
}

parse_status head_scanner::end_empty_line() {
  if (start_line_done())
    return head_complete;
  if (kind_ != head_kind::request || at_.begin_ != 0)
    return fail(parse_error::malformed_start_line);
  at_.begin_ = at_.scanned_;
  return need_more;
}

} // namespace shunt::net
