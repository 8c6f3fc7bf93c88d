// Heads between HTTP/2 (RFC 9113, section 8) and HTTP/1.1. What arrives as a list of fields leaves
// as the text of a head that `parse_request` or `parse_response` reads, and the other way round.
// Nothing reaches the text that could end a line, a start line or a message early: names, values,
// methods, targets and authorities are checked here, whatever the library below has checked. No
// I/O, no clock.
#pragma once

#include "net/http_head.hpp"

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::net {

/// What a received list of fields turned out to be.
enum class http2_verdict : std::uint8_t {
  good,
  malformed,       ///< RFC 9113, section 8.1.1: a stream error.
  too_large,       ///< More bytes than allowed.
  too_many,        ///< More fields than allowed.
  connect_method,  ///< CONNECT, of RFC 9113.
  not_implemented, ///< Extended CONNECT to something else than a WebSocket.
};

/// How the body of a received message follows its head.
enum class http2_body : std::uint8_t {
  none,
  raw,     ///< By Content-Length.
  chunked, ///< Chunks are to be written around it.
  tunnel,  ///< Everything, both ways.
};

/// Takes the fields of one head after the other, as they are decoded, and appends the text.
class http2_head_reader {
public:
  /// Of what a head would have in HTTP/1.1; pseudo-fields count as what becomes of them.
  struct bounds {
    std::size_t bytes_max;
    std::size_t fields_max;
  };

  /// Notes in `outline`, if there is one, what stands where in the text; `out` must be empty for that.
  void begin_request(std::string& out, bounds limits, head_outline* outline = nullptr);
  /// `tunnel_asked` = of an extended CONNECT, which 2xx answers as 101 does in HTTP/1.1.
  void begin_response(std::string& out, bounds limits, bool tunnel_asked,
                      head_outline* outline = nullptr);
  void begin_trailers(std::string& out, bounds limits); ///< Field lines only.
  void add(std::string_view name, std::string_view value);
  /// For a head that cannot become anything.
  void refuse() { fail(http2_verdict::malformed); }

  /// Completes the text. With a verdict but `good` it is not to be used. `last` = nothing follows
  /// the head; `websocket_key` is for a request that becomes an upgrade.
  http2_verdict finish_request(bool last, std::string_view websocket_key);
  /// `accept` is for a tunnel.
  http2_verdict finish_response(bool last, bool request_was_head, std::string_view accept);
  http2_verdict finish_trailers() const { return verdict_; }

  http2_body body() const { return body_; }
  std::size_t bytes() const {
    return bytes_;
  } ///< Of all fields, those that were too many included.
  bool asks_for_tunnel() const { return tunnels_; }
  std::string_view method() const { return method_; } ///< Empty if it was not seen.
  bool request_is_head() const { return method_ == "HEAD"; }
  /// Of the body of a response that is `raw`.
  std::uint64_t body_bytes() const { return length_; }
  int status() const { return status_; }
  /// What its texts hold between heads.
  std::size_t kept_bytes() const {
    return method_.capacity() + path_.capacity() + authority_.capacity() + scheme_.capacity()
           + protocol_.capacity() + cookies_.capacity();
  }

private:
  enum class kind : std::uint8_t { request, response, trailers };

  void begin(kind which, std::string& out, bounds limits, head_outline* outline);
  void fail(http2_verdict why);
  void add_pseudo(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::string_view value);
  void add_host(std::string_view value);
  void add_length(std::string_view name, std::string_view value);
  void write_request_line();
  void write_status_line();
  void start(std::string_view first, std::string_view second, std::string_view third);
  void line(field_id id, std::string_view name, std::string_view value);
  void end();

  std::string* out_ = nullptr;
  head_outline* outline_ = nullptr;
  kind kind_ = kind::request;
  http2_verdict verdict_ = http2_verdict::good;
  http2_body body_ = http2_body::none;
  bounds limits_{};
  std::size_t bytes_ = 0;
  std::size_t fields_ = 0;
  bool started_ = false; ///< The start line is written.
  bool tunnel_asked_ = false;
  bool tunnels_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
  std::uint64_t length_ = 0;
  int status_ = 0;
  std::string method_, path_, authority_, scheme_, protocol_;
  std::string cookies_; ///< Crumbs are joined again (RFC 9113, section 8.2.3).
};

/// Makes the field names of a head lower-case, as HTTP/2 wants them.
void lower_names(std::string& text, const head_outline& outline);

/// The fields of a head on its way into HTTP/2. Views: the head they were taken from must outlive
/// their use. Reused.
class http2_fields {
public:
  /// How long the bytes of a head stay where they are.
  enum class head_bytes : std::uint8_t {
    passing, ///< Until the fields are submitted: the library copies them.
    kept,    ///< Until the frame has been sent. Names are in lower case already.
  };

  void clear() { fields_.clear(); }
  void add(std::string_view name, std::string_view value, std::uint8_t flags = 0);

  /// A final or interim response; `with_length` = its Content-Length is true.
  void put_response(const response_head& head, int status, bool with_length,
                    head_bytes bytes = head_bytes::passing);
  /// `websocket` = as an extended CONNECT.
  void put_request(const request_head& head, std::string_view scheme, bool websocket,
                   head_bytes bytes = head_bytes::passing);
  void put_trailers(std::span<const field> trailers);
  /// An answer without a body of the router's own.
  void put_status(int status);

  const nghttp2_nv* data() const { return fields_.data(); }
  std::size_t size() const { return fields_.size(); }
  std::size_t kept_bytes() const { return fields_.capacity() * sizeof(nghttp2_nv) + path_.capacity(); }

private:
  void add_status(int status);

  std::vector<nghttp2_nv> fields_;
  std::array<char, 3> status_{};
  std::string path_; ///< Where what a target has for a path needs one.
};

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, section 4.2.2).
std::string websocket_accept(std::string_view key);
/// A Sec-WebSocket-Key of 16 bytes.
std::string websocket_key(std::uint64_t high, std::uint64_t low);

} // namespace shunt::net
