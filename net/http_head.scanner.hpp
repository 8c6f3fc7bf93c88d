// The first pass over a head, as bytes arrive: finds the end, and on its way refuses line endings,
// control bytes, foldings and start lines that no HTTP/1 message has. It never looks at a byte
// twice.
#pragma once

#include "net/http_head.hpp"

namespace shunt::net {

inline constexpr std::size_t reasonless_status_line_bytes = 12; ///< `HTTP/1.1 200`

inline constexpr parse_status head_complete{parse_outcome::complete, parse_error::none};

enum class head_kind : std::uint8_t { request, response, trailers };

/// Moves a scratch forward over the bytes that are new. Every verdict depends only on the bytes up
/// to the one that decided it, so it is the same however they were split.
class head_scanner {
public:
  head_scanner(std::string_view bytes, std::size_t bytes_max, head_kind kind, head_scratch& scratch)
    : window_{bytes.substr(0, bytes_max)}, bytes_max_{bytes_max}, kind_{kind}, at_{scratch} {}

  parse_status scan();

  /// After `complete`.
  std::string_view start_line() const {
    return window_.substr(at_.begin_, at_.fields_begin_ - at_.begin_ - 2);
  }
  std::string_view fields() const {
    return window_.substr(at_.fields_begin_, end() - at_.fields_begin_);
  }
  std::size_t end() const { return at_.scanned_; }

private:
  parse_status unfinished() const;
  bool start_line_done() const { return kind_ == head_kind::trailers || at_.fields_begin_ != 0; }
  /// Fields and reasons may; status lines are checked for the rest when they end.
  bool may_have_tabs() const { return kind_ != head_kind::request || start_line_done(); }
  bool folded() const;
  parse_error blame_control() const;
  std::string_view line() const {
    return window_.substr(at_.line_begin_, at_.scanned_ - at_.line_begin_);
  }
  /// Called at a CRLF; `need_more` means that the head goes on after it.
  parse_status end_line();
  parse_status end_empty_line();

  std::string_view window_;
  std::size_t bytes_max_;
  head_kind kind_;
  head_scratch& at_;
};

} // namespace shunt::net
