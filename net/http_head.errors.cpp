// What is said about heads that were refused: a few words to logs, and to clients what gorouter
// says.
#include "net/http_head.hpp"

namespace shunt::net {

parse_error_kind kind_of(parse_error error) noexcept {
  switch (error) {
    case parse_error::head_too_large: return parse_error_kind::too_large;
    case parse_error::too_many_fields: return parse_error_kind::too_many;
    default: return parse_error_kind::malformed;
  }
}

std::string_view describe(parse_error error) noexcept {
  switch (error) {
    case parse_error::none: return "no error";
    case parse_error::malformed_start_line: return "malformed start line";
    case parse_error::malformed_target: return "malformed request target";
    case parse_error::connect_method: return "CONNECT is not supported";
    case parse_error::unsupported_version: return "unsupported protocol version";
    case parse_error::unsupported_minor_version: return "unsupported minor protocol version";
    case parse_error::bare_cr: return "CR without LF";
    case parse_error::bare_lf: return "LF without CR";
    case parse_error::obsolete_folding: return "folded field line";
    case parse_error::malformed_field_name: return "malformed field name";
    case parse_error::malformed_field_value: return "malformed field value";
    case parse_error::missing_host: return "no Host";
    case parse_error::repeated_host: return "more than one Host";
    case parse_error::malformed_host: return "malformed Host";
    case parse_error::conflicting_host: return "Host differs from the request target";
    case parse_error::malformed_content_length: return "malformed or repeated Content-Length";
    case parse_error::conflicting_framing: return "both Content-Length and Transfer-Encoding";
    case parse_error::malformed_transfer_encoding: return "ambiguous Transfer-Encoding";
    case parse_error::unsupported_transfer_encoding: return "unsupported Transfer-Encoding";
    case parse_error::unsupported_expectation: return "unsupported Expect";
    case parse_error::unsupported_protocol: return "unsupported protocol of a CONNECT";
    case parse_error::head_too_large: return "head too large";
    case parse_error::too_many_fields: return "too many fields";
  }
  return "unknown error";
}

// The status line repeats the body's text, as gorouter's does.
#define SHUNT_REJECTION(status, line, text)                                                        \
  rejection {                                                                                      \
    status, text,                                                                                  \
      "HTTP/1.1 " line "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"        \
  }
#define SHUNT_REJECTION_REPEATED(status, text) SHUNT_REJECTION(status, text, text)

rejection rejection_of(parse_error error) noexcept {
  switch (error) {
    case parse_error::missing_host:
      return SHUNT_REJECTION_REPEATED(400, "400 Bad Request: missing required Host header");
    case parse_error::malformed_host:
      return SHUNT_REJECTION_REPEATED(400, "400 Bad Request: malformed Host header");
    case parse_error::malformed_field_name:
      return SHUNT_REJECTION_REPEATED(400, "400 Bad Request: invalid header name");
    case parse_error::malformed_field_value:
      return SHUNT_REJECTION_REPEATED(400, "400 Bad Request: invalid header value");
    case parse_error::unsupported_version:
      return SHUNT_REJECTION_REPEATED(
        505, "505 HTTP Version Not Supported: unsupported protocol version");
    case parse_error::unsupported_minor_version:
      return {400, "", "HTTP/1.0 400 Bad Request\r\n"};
    case parse_error::unsupported_transfer_encoding:
      return SHUNT_REJECTION(501, "501 Not Implemented", "Unsupported transfer encoding");
    case parse_error::unsupported_protocol:
      return SHUNT_REJECTION(501, "501 Not Implemented", "Unsupported protocol");
    case parse_error::unsupported_expectation:
      return {417, "",
              "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n"};
    case parse_error::head_too_large:
    case parse_error::too_many_fields:
      return SHUNT_REJECTION_REPEATED(431, "431 Request Header Fields Too Large");
    default: return SHUNT_REJECTION_REPEATED(400, "400 Bad Request");
  }
}

void append_rejection(std::string& out, parse_error error, std::string_view request_id,
                      bool head_request) {
  const auto refused = rejection_of(error);
  out.append(refused.head);
  if (!request_id.empty())
    out.append("X-Vcap-Request-Id: ").append(request_id).append("\r\n");
  out.append("\r\n");
  if (!head_request)
    out.append(refused.body);
}

} // namespace shunt::net
