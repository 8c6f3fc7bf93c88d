// The responses that the router itself gives instead of a backend's: one table, after gorouter's
// (status, X-Cf-RouterError, body, Cache-Control), plus the id and Retry-After that gorouter lacks.
// Pure: values in, bytes out.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::net {

class response_rewrite;

/// What went wrong. Who is at fault: the client down to `policy_denied`, then the table, then
/// the backend, then the router.
enum class router_error : std::uint8_t {
  empty_host,
  invalid_app_instance,
  invalid_process_instance,
  unknown_instance,
  header_too_large,
  malformed_body,
  misdirected,
  policy_denied,
  unknown_route,
  no_endpoints,
  not_in_sync,
  connection_limit,
  route_service_unsupported,
  route_service_websocket,
  route_service_failed,
  route_service_timeout,
  route_service_loop,
  endpoint_failure,
  bad_upgrade,
  overloaded,
  unknown_failure,
};

/// How a body is made: `plain` is `<code> <reason>: <message>\n`, `text` is the text alone
/// (gorouter's "H" rows), `empty` has none, `custom` is the operator's own.
enum class error_body : std::uint8_t { plain, text, empty, custom };

struct error_response {
  int status = 502;
  std::string router_error; ///< X-Cf-RouterError; empty = none.
  error_body form = error_body::empty;
  std::string message;      ///< Or the operator's body, for `custom`.
  std::string_view cache_control;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::chrono::seconds retry_after{0}; ///< 0 = none.
  bool rejected = false;    ///< The request could not be routed, which is counted.
};

/// The row of the table for errors whose text depends on the host at most.
error_response describe(router_error error, std::string_view host);

/// `502 Bad Gateway: Registered endpoint failed to handle the request.` and its relatives, by status.
error_response endpoint_failure(int status, std::string_view detail);

/// The reason phrase of a status; `status code N` where there is no standard one, as gorouter does.
std::string reason_of(int status);

/// The body as it goes out.
std::string body_of(const error_response& error);

/// What every response of the router carries besides.
struct error_facts {
  std::string_view request_id; ///< Empty = none yet.
  std::string_view date;
  bool http_1_0 = false;
  bool keep_alive = false;
  bool head_request = false; ///< The body is announced but not sent.
  const response_rewrite* rewrite = nullptr; ///< The operator's rules; null = none.
};

/// Appends the whole response.
void append_response(std::string& out, const error_response& error, const error_facts& facts);

} // namespace shunt::net
