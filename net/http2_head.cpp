#include "net/http2_head.hpp"

#include "net/head_writer.hpp"
#include "net/host_authority.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>

namespace shunt::net {

namespace {

using enum field_id;

constexpr std::size_t line_overhead_bytes = 4; // ": " and CRLF.

/// What a field is in HTTP/1.1. Pseudo-fields have no name there, and together what they have besides (spaces,
/// the version, `Host`) is as long as if each were a line: 20 bytes.
std::size_t bytes_in_http1(std::string_view name, std::string_view value) {
  return (name.starts_with(':') ? 0 : name.size()) + value.size() + line_overhead_bytes;
}

/// Without an early end, so that the compiler looks at many bytes at once.
bool is_field_value(std::string_view value) {
  bool refused = false;
  for (const unsigned char c : value)
    refused |= ((c < 0x20) & (c != '\t')) | (c == 0x7f);
  return !refused && trim(value).size() == value.size();
}

bool is_field_name(std::string_view name) {
  bool upper = false;
  for (const char c : name)
    upper |= (c >= 'A') & (c <= 'Z');
  return !upper && is_token(name);
}

/// What belongs to a connection, and has no place in a message of HTTP/2 (RFC 9113, section 8.2.2).
bool of_connection(field_id id) {
  switch (id) {
    case connection:
    case proxy_connection:
    case keep_alive:
    case transfer_encoding:
    case upgrade: return true;
    default: return false;
  }
}

/// Fields of the HTTP/1.1 handshake that RFC 8441 replaces.
bool of_handshake(std::string_view name) {
  return iequals(name, "sec-websocket-key") || iequals(name, "sec-websocket-accept");
}

bool bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                    static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

} // namespace

// -- Received heads.

void http2_head_reader::begin_request(std::string& out, bounds limits, head_outline* outline) {
  begin(kind::request, out, limits, outline);
}

void http2_head_reader::begin_response(std::string& out, bounds limits, bool tunnel_asked,
                                       head_outline* outline) {
  begin(kind::response, out, limits, outline);
  tunnel_asked_ = tunnel_asked;
}

void http2_head_reader::begin_trailers(std::string& out, bounds limits) {
  begin(kind::trailers, out, limits, nullptr);
}

void http2_head_reader::begin(kind which, std::string& out, bounds limits, head_outline* outline) {
  out_ = &out;
  outline_ = outline;
  if (outline != nullptr)
    outline->clear();
  kind_ = which;
  limits_ = limits;
  verdict_ = http2_verdict::good;
  body_ = http2_body::none;
  bytes_ = fields_ = 0;
  length_ = 0;
  started_ = tunnel_asked_ = tunnels_ = has_host_ = has_length_ = false;
  status_ = 0;
  for (auto* text : {&method_, &path_, &authority_, &scheme_, &protocol_, &cookies_})
    text->clear();
}

void http2_head_reader::fail(http2_verdict why) {
  if (verdict_ == http2_verdict::good || why == http2_verdict::malformed)
    verdict_ = why;
}

void http2_head_reader::add(std::string_view name, std::string_view value) {
  bytes_ += bytes_in_http1(name, value);
  if (bytes_ > limits_.bytes_max)
    fail(http2_verdict::too_large);
  const bool is_field = !name.starts_with(':') || name == ":authority";
  if (is_field && ++fields_ > limits_.fields_max)
    fail(http2_verdict::too_many);
  if (verdict_ != http2_verdict::good)
    return;
  if (name.starts_with(':'))
    add_pseudo(name, value);
  else
    add_field(name, value);
}

void http2_head_reader::add_pseudo(std::string_view name, std::string_view value) {
  auto* text = kind_ == kind::response ? (name == ":status" ? &method_ : nullptr)
               : name == ":method"     ? &method_
               : name == ":path"       ? &path_
               : name == ":authority"  ? &authority_
               : name == ":scheme"     ? &scheme_
               : name == ":protocol"   ? &protocol_
                                       : nullptr;
  if (text == nullptr || started_ || kind_ == kind::trailers || !text->empty() || value.empty())
    fail(http2_verdict::malformed);
  else
    text->assign(value);
}

void http2_head_reader::write_request_line() {
  started_ = true;
  if (method_ == "CONNECT") {
    if (protocol_ != "websocket")
      return fail(protocol_.empty() ? http2_verdict::connect_method : http2_verdict::not_implemented);
    method_ = "GET";
    tunnels_ = true;
  } else if (!protocol_.empty()) {
    return fail(http2_verdict::malformed);
  }
  const bool origin = path_.starts_with('/') || path_ == "*";
  if (!is_token(method_) || !origin || !parse_target(method_, path_))
    return fail(http2_verdict::malformed);
  if (!iequals(scheme_, "https") && !iequals(scheme_, "http"))
    return fail(http2_verdict::malformed);
  if (!authority_.empty() && !parse_authority(authority_))
    return fail(http2_verdict::malformed);
  start(method_, path_, "HTTP/1.1");
  if (!authority_.empty())
    line(host, "Host", authority_);
}

void http2_head_reader::write_status_line() {
  started_ = true;
  const bool digits =
    method_.size() == 3
    && std::all_of(method_.begin(), method_.end(), [](char c) { return c >= '0' && c <= '9'; });
  // 101 has no meaning here (RFC 9113, section 8.6).
  if (!digits || method_[0] == '0' || method_ == "101")
    return fail(http2_verdict::malformed);
  status_ = (method_[0] - '0') * 100 + (method_[1] - '0') * 10 + (method_[2] - '0');
  tunnels_ = tunnel_asked_ && status_ / 100 == 2;
  if (tunnels_)
    start("HTTP/1.1", "101", "Switching Protocols");
  else
    start("HTTP/1.1", method_, "");
}

void http2_head_reader::add_field(std::string_view name, std::string_view value) {
  if (!started_ && kind_ == kind::request)
    write_request_line();
  else if (!started_ && kind_ == kind::response)
    write_status_line();
  const auto id = identify(name);
  if (!is_field_name(name) || !is_field_value(value) || of_connection(id)
      || (id == te && !iequals(value, "trailers")))
    fail(http2_verdict::malformed);
  if (verdict_ != http2_verdict::good)
    return;
  if (kind_ == kind::trailers) {
    // The framing of a message is not said at its end. The chunked decoder knows what else is not.
    if (id != content_length)
      line(id, name, value);
  } else if (id == content_length) {
    add_length(name, value);
  } else if (id == host && kind_ == kind::request) {
    add_host(value);
  } else if (id == cookie && kind_ == kind::request) {
    cookies_.append(cookies_.empty() ? "" : "; ").append(value);
  } else if (id != http2_settings && !(tunnels_ && of_handshake(name))) {
    line(id, name, value);
  }
}

void http2_head_reader::add_host(std::string_view value) {
  const auto said = parse_authority(value);
  if (!said || has_host_)
    return fail(http2_verdict::malformed);
  has_host_ = true;
  if (authority_.empty())
    return line(host, "Host", value);
  const auto known = parse_authority(authority_);
  if (!known || !same_authority(*said, *known, iequals(scheme_, "https") ? 443 : 80))
    fail(http2_verdict::malformed);
}

void http2_head_reader::add_length(std::string_view name, std::string_view value) {
  const auto length = parse_content_length(value);
  if (!length || has_length_)
    return fail(http2_verdict::malformed);
  has_length_ = true;
  length_ = *length;
  // Of what never has a body no length is said (RFC 9110, section 8.6).
  const bool pointless = kind_ == kind::response && status_ != 304 && bodiless(status_);
  if (!pointless)
    line(content_length, name, value);
}

http2_verdict http2_head_reader::finish_request(bool last, std::string_view key) {
  if (!started_ && verdict_ == http2_verdict::good)
    write_request_line();
  const bool nobody = authority_.empty() && !has_host_;
  if (verdict_ == http2_verdict::good && (nobody || (tunnels_ && has_length_)))
    fail(http2_verdict::malformed);
  if (verdict_ != http2_verdict::good)
    return verdict_;
  if (!cookies_.empty())
    line(cookie, "cookie", cookies_);
  if (tunnels_) {
    body_ = http2_body::tunnel;
    line(connection, "Connection", "Upgrade");
    line(upgrade, "Upgrade", "websocket");
    line(other, "Sec-WebSocket-Key", key);
  } else if (has_length_) {
    body_ = http2_body::raw;
  } else if (!last) {
    body_ = http2_body::chunked;
    line(transfer_encoding, "Transfer-Encoding", "chunked");
  }
  end();
  return verdict_;
}

http2_verdict http2_head_reader::finish_response(bool last, bool request_was_head,
                                                 std::string_view accept) {
  if (!started_ && verdict_ == http2_verdict::good)
    write_status_line();
  if (tunnels_ && has_length_)
    fail(http2_verdict::malformed);
  if (verdict_ != http2_verdict::good)
    return verdict_;
  if (tunnels_) {
    body_ = http2_body::tunnel;
    line(connection, "Connection", "Upgrade");
    line(upgrade, "Upgrade", "websocket");
    line(other, "Sec-WebSocket-Accept", accept);
  } else if (!request_was_head && !bodiless(status_)) {
    body_ = has_length_ || last ? http2_body::raw : http2_body::chunked;
    if (!has_length_)
      last ? line(content_length, "Content-Length", "0") : line(transfer_encoding, "Transfer-Encoding", "chunked");
  }
  end();
  return verdict_;
}

void http2_head_reader::start(std::string_view first, std::string_view second,
                              std::string_view third) {
  head_writer{*out_, outline_}.start(first, second, third);
}

void http2_head_reader::line(field_id id, std::string_view name, std::string_view value) {
  head_writer{*out_, outline_}.line(id, name, value);
}

void http2_head_reader::end() {
  head_writer{*out_, outline_}.end();
}

// -- Sent heads.

namespace {

/// What differs in every message would only drive other fields out of the table of the compression.
std::uint8_t flags_for(field_id id) {
  switch (id) {
    case x_vcap_request_id:
    case x_request_start:
    case traceparent:
    case tracestate:
    case b3:
    case x_b3_traceid:
    case x_b3_spanid:
    case content_length: return NGHTTP2_NV_FLAG_NO_INDEX;
    default: return NGHTTP2_NV_FLAG_NONE;
  }
}

/// Of what outlives every session.
constexpr std::uint8_t constant = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

std::uint8_t copying_of(http2_fields::head_bytes bytes) {
  return bytes == http2_fields::head_bytes::kept ? constant : std::uint8_t{NGHTTP2_NV_FLAG_NONE};
}

} // namespace

void lower_names(std::string& text, const head_outline& outline) {
  for (const auto& line : outline.lines())
    make_lower({text.data() + line.begin, line.name_bytes});
}

void http2_fields::add(std::string_view name, std::string_view value, std::uint8_t flags) {
  // Unless a flag says otherwise, the library copies both and makes the name lower-case.
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  fields_.push_back({bytes(name), bytes(value), name.size(), value.size(), flags});
}

void http2_fields::add_status(int status) {
  status_ = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
             static_cast<char>('0' + status % 10)};
  add(":status", {status_.data(), status_.size()}, NGHTTP2_NV_FLAG_NO_COPY_NAME);
}

void http2_fields::put_status(int status) {
  clear();
  add_status(status);
  add("content-length", "0");
}

void http2_fields::put_response(const response_head& head, int status, bool with_length,
                                head_bytes bytes) {
  clear();
  add_status(status);
  const auto copying = copying_of(bytes);
  const bool tunnel = head.status == 101;
  for (const auto& each : head.fields) {
    const bool dropped = of_connection(each.id) || each.id == te || each.id == http2_settings
                         || (each.id == content_length && !with_length)
                         || (tunnel && of_handshake(each.name));
    if (!dropped)
      add(each.name, each.value, static_cast<std::uint8_t>(flags_for(each.id) | copying));
  }
}

void http2_fields::put_request(const request_head& head, std::string_view scheme, bool websocket,
                               head_bytes bytes) {
  clear();
  const auto copying = copying_of(bytes);
  add(":method", websocket ? "CONNECT" : head.method, copying);
  if (websocket)
    add(":protocol", "websocket", constant);
  add(":scheme", scheme, constant);
  if (!head.host.empty())
    add(":authority", head.host, copying);
  const bool rooted = head.path_and_query.starts_with('/') || head.form == target_form::asterisk;
  if (!rooted) // `http://host?query`
    (path_ = '/').append(head.path_and_query);
  add(":path", rooted ? head.path_and_query : path_, rooted ? copying : std::uint8_t{NGHTTP2_NV_FLAG_NO_COPY_NAME});
  for (const auto& each : head.fields) {
    const bool dropped = of_connection(each.id) || each.id == host || each.id == te
                         || each.id == http2_settings || (websocket && of_handshake(each.name))
                         || (websocket && each.id == content_length);
    if (!dropped)
      add(each.name, each.value, static_cast<std::uint8_t>(flags_for(each.id) | copying));
  }
  if (has_token(head.fields, te, "trailers"))
    add("te", "trailers", constant);
}

void http2_fields::put_trailers(std::span<const field> trailers) {
  clear();
  for (const auto& each : trailers)
    add(each.name, each.value);
}

// -- WebSockets.

std::string websocket_accept(std::string_view key) {
  std::string text{key};
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest);
}

std::string websocket_key(std::uint64_t high, std::uint64_t low) {
  std::array<unsigned char, 16> bytes;
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[i] = static_cast<unsigned char>(high >> (8 * i));
    bytes[i + 8] = static_cast<unsigned char>(low >> (8 * i));
  }
  return base64(bytes);
}

} // namespace shunt::net
