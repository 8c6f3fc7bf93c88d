#include "net/router_error.hpp"

#include "net/response_rewrite.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace shunt::net {

namespace {

constexpr std::string_view no_store = "no-cache, no-store";
constexpr std::string_view two_seconds = "public,max-age=2";

std::string quoted_route(std::string_view host, std::string_view rest) {
  std::string text = "Requested route ('";
  return text.append(host).append("') ").append(rest);
}

error_response plain(int status, std::string_view name, std::string message,
                     std::string_view cache_control) {
  error_response made;
  made.status = status;
  made.router_error = name;
  made.form = error_body::plain;
  made.message = std::move(message);
  made.cache_control = cache_control;
  return made;
}

/// Of a request that says no place to go, or one that is not there.
error_response rejected(int status, std::string_view name, std::string message,
                         std::string_view cache_control) {
  auto made = plain(status, name, std::move(message), cache_control);
  made.rejected = true;
  return made;
}

error_response empty(int status, std::string_view name) {
  error_response made;
  made.status = status;
  made.router_error = name;
  return made;
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  if (!value.empty())
    out.append(name).append(": ").append(value).append("\r\n");
}

} // namespace

error_response describe(router_error error, std::string_view host) {
  using enum router_error;
  switch (error) {
    case empty_host:
      return rejected(400, "empty_host", "Request had empty Host header", two_seconds);
    case invalid_app_instance:
      return rejected(400, "invalid_cf_app_instance_header", "Invalid X-CF-App-Instance Header",
                       no_store);
    case invalid_process_instance:
      return rejected(400, "invalid_cf_process_instance_header",
                       "Invalid X-CF-Process-Instance Header", no_store);
    case unknown_instance: // The caller knows the instance and writes the message.
      return rejected(400, "unknown_route", {}, no_store);
    case header_too_large: return empty(431, "max-request-size-exceeded");
    case misdirected: return empty(421, "");
    case policy_denied:
      return plain(403, "route_policy_denied", quoted_route(host, "is not open to this client."),
                   no_store);
    case malformed_body:
      return plain(400, "malformed_body", "The body breaks the chunked coding", no_store);
    case unknown_route:
      return rejected(404, "unknown_route", quoted_route(host, "does not exist."), no_store);
    case no_endpoints:
      return plain(503, "no_endpoints", quoted_route(host, "has no available endpoints."),
                   two_seconds);
    case not_in_sync: {
      auto made = plain(503, "not_in_sync", quoted_route(host, "is not known yet."), no_store);
      made.retry_after = std::chrono::seconds{5};
      return made;
    }
    case connection_limit:
      return plain(503, "Connection Limit Reached",
                   quoted_route(host, "has reached the connection limit."), {});
    case route_service_unsupported:
      return plain(502, "route_service_unsupported", "Support for route services is disabled.", {});
    case route_service_websocket:
      return plain(503, "route_service_unsupported",
                   "Websocket requests are not supported for routes bound to Route Services.", {});
    case route_service_failed: return plain(500, {}, "Route service request failed.", {});
    case route_service_timeout:
      return plain(504, "route_service_timeout", "Route service did not answer in time.", {});
    case route_service_loop:
      return plain(508, "route_service_loop",
                   "Too many requests with one Route Service Signature are under way at once.", {});
    case endpoint_failure: return net::endpoint_failure(502, {});
    case bad_upgrade: return empty(502, {});
    case overloaded: {
      auto made = plain(503, "overloaded", "The router has reached its own limits.", no_store);
      made.retry_after = std::chrono::seconds{1};
      return made;
    }
    case unknown_failure: break;
  }
  return empty(502, "unknown_failure");
}

error_response endpoint_failure(int status, std::string_view detail) {
  error_response made;
  made.status = status;
  made.form = error_body::text;
  made.router_error = "endpoint_failure (";
  made.router_error.append(detail).append(")");
  switch (status) {
    case 503: made.message = "503 Service Unavailable"; break;
    case 525: made.message = "525 SSL Handshake Failed"; break;
    case 526: made.message = "526 Invalid SSL Certificate"; break;
    case 496: made.message = "496 SSL Certificate Required"; break;
    case 499: made.message = "499 Request Cancelled"; break;
    default: made.message = "502 Bad Gateway: Registered endpoint failed to handle the request.";
  }
  return made;
}

std::string reason_of(int status) {
  // Go's names. Operators may choose any error status for routes without endpoints.
  constexpr std::pair<int, std::string_view> names[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Request Entity Too Large"},
    {414, "Request URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Requested Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {418, "I'm a teapot"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
  };
  for (const auto& [known, name] : names)
    if (known == status)
      return std::string{name};
  return "status code " + std::to_string(status);
}

std::string body_of(const error_response& error) {
  switch (error.form) {
    case error_body::empty: return {};
    case error_body::custom: return error.message;
    case error_body::text: return error.message + "\n";
    case error_body::plain: break;
  }
  return std::to_string(error.status) + " " + reason_of(error.status) + ": " + error.message + "\n";
}

void append_response(std::string& out, const error_response& error, const error_facts& facts) {
  const auto begin = out.size();
  const auto body = body_of(error);
  out.append(facts.http_1_0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(error.status));
  out.append(" ").append(reason_of(error.status)).append("\r\n");
  append_field(out, "Cache-Control", error.cache_control);
  if (error.form != error_body::empty) {
    append_field(out, "Content-Type", error.content_type);
    append_field(out, "X-Content-Type-Options", "nosniff");
  }
  append_field(out, "X-Cf-RouterError", error.router_error);
  append_field(out, "X-Vcap-Request-Id", facts.request_id);
  if (error.retry_after.count() > 0) {
    out.append("Retry-After: ");
    append_number(out, static_cast<std::uint64_t>(error.retry_after.count()));
    out.append("\r\n");
  }
  append_field(out, "Date", facts.date);
  if (facts.rewrite != nullptr)
    facts.rewrite->apply(out, begin);
  out.append("Content-Length: ");
  append_number(out, body.size());
  out.append("\r\n");
  if (!facts.keep_alive)
    out.append("Connection: close\r\n");
  else if (facts.http_1_0)
    out.append("Connection: keep-alive\r\n");
  out.append("\r\n");
  if (!facts.head_request)
    out.append(body);
}

} // namespace shunt::net
