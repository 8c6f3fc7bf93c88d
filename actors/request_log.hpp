// What the component log says of single requests, in the words that gorouter's operators look for.
// Clients and backends can cause any of it as often as they like, so each kind of line is limited to
// some a second and says how many were left out. One a loop; its thread only.
#pragma once

#include "net/component_log.hpp"
#include "net/log_limiter.hpp"
#include "routing/endpoint.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>

namespace shunt {

/// Which request a line is about. Its `data` names it by all three, as gorouter's does.
struct logged_request {
  std::string_view id;          ///< X-Vcap-Request-Id.
  std::string_view trace_id{};  ///< Empty: nobody traces it, so that its id is that of its trace, too.
  std::string_view span_id{};
};

/// How far a failed attempt got. Durations below zero did not happen.
struct failed_attempt {
  const routing::endpoint& endpoint;
  logged_request request;
  std::string_view error;
  std::string_view local_address; ///< Empty: no connection.
  std::uint32_t number = 1;       ///< Of the request's attempts.
  std::size_t endpoints = 0;      ///< In the pool.
  bool got_connection = false;
  bool wrote_head = false;
  bool reused = false; ///< The connection came from the pool.
  bool retriable = false;
  std::chrono::nanoseconds resolve{-1};
  std::chrono::nanoseconds dial{-1};
  std::chrono::nanoseconds handshake{-1};
};

class request_log {
public:
  explicit request_log(net::component_log& log) : log_{log} {}

  void attempt_failed(const failed_attempt& attempt);
  /// The backend did not answer within `endpoint_timeout`.
  void timed_out(const logged_request& request, std::string_view error);
  /// The head of the backend, or of the route service, broke the operator's limits.
  void too_many_response_headers(const logged_request& request, std::string_view error, bool route_service);
  /// `field`, by which the client wants a certain instance, cannot be understood.
  void instance_header_refused(const logged_request& request, std::string_view field, std::string_view value);
  /// The client left before its response had begun.
  void client_left(const logged_request& request, std::string_view error);
  /// No endpoint could be selected for an attempt.
  void nothing_to_select(const logged_request& request, std::string_view host, std::string_view error);
  /// A request that was to wait for a backend is not, or not any longer.
  void not_held(const logged_request& request, std::string_view host, std::string_view why,
                std::chrono::nanoseconds waited);
  /// The route's policy refuses the client, by `rule`; `app` is empty if nobody knows whose it is.
  void policy_denied(const logged_request& request, std::string_view host, std::string_view rule,
                     std::string_view app);
  /// What came back from a route service, or pretends to, is not let through.
  void signature_refused(const logged_request& request, std::string_view error);
  /// The current secret, and the previous one if there is one, do not open a signature. Empty: it does.
  void keys_refused(const logged_request& request, std::string_view current, std::string_view previous);
  /// The route has a route service, but there is no secret, or it may not have the request.
  void route_service_unsupported(const logged_request& request);
  /// An attempt at reaching a route service failed.
  void route_service_failed(const logged_request& request, std::string_view service, std::string_view error);
  /// A route service answered by itself, with something else than 2xx.
  void route_service_answered(const logged_request& request, std::string_view service, int status);
  /// All endpoints of a route have as many requests as they may.
  void connection_limit_reached(const logged_request& request);
  /// The router answered with an error of its own; `body` as the client sees it.
  void answered_error(const logged_request& request, std::string_view body);
  /// Serving the request ended by an exception.
  void panicked(const logged_request& request, std::string_view host, std::string_view error);
  /// The operator's page for errors could not be made for one.
  void page_failed(const logged_request& request);
  /// A request that could not be parsed.
  void refused(std::string_view remote_address, const logged_request& request, std::string_view error);
  /// An endpoint is avoided for a while because its requests fail.
  void ejected(const routing::endpoint& endpoint);
  /// A client's TLS handshake that came to nothing.
  void handshake_failed(std::string_view remote_address, std::string_view error);
  /// A client's certificate broke a rule of `verify_client_certificate_metadata`.
  void invalid_subject(std::string_view remote_address);
  void proxy_header_refused(std::string_view remote_address, std::string_view error);
  /// A semicolon in a target: between parameters it is deprecated, and servers disagree on it.
  void semicolon(const logged_request& request);

private:
  static constexpr std::uint32_t lines_per_second = 20;

  void error_line(net::log_limiter& limiter, std::string_view message, const logged_request& request,
                  std::string_view error);

  net::component_log& log_;
  net::log_limiter attempts_{lines_per_second};
  net::log_limiter timeouts_{lines_per_second};
  net::log_limiter header_limits_{lines_per_second};
  net::log_limiter departures_{lines_per_second};
  net::log_limiter selections_{lines_per_second};
  net::log_limiter holds_{lines_per_second};
  net::log_limiter denials_{lines_per_second};
  net::log_limiter instances_{lines_per_second};
  net::log_limiter signatures_{lines_per_second};
  net::log_limiter keys_{lines_per_second};
  net::log_limiter unsupported_{lines_per_second};
  net::log_limiter service_failures_{lines_per_second};
  net::log_limiter service_answers_{lines_per_second};
  net::log_limiter connection_limits_{lines_per_second};
  net::log_limiter pages_{lines_per_second};
  net::log_limiter panics_{lines_per_second};
  net::log_limiter errors_{lines_per_second};
  net::log_limiter refusals_{lines_per_second};
  net::log_limiter semicolons_{lines_per_second};
  net::log_limiter ejections_{lines_per_second};
  net::log_limiter handshakes_{lines_per_second};
  net::log_limiter subjects_{lines_per_second};
  net::log_limiter proxy_headers_{lines_per_second};
};

} // namespace shunt
