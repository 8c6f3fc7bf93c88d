#include "actors/request_log.hpp"

#include "actors/route_json.hpp"

#include <string>

namespace shunt {

namespace {

constexpr std::string_view source = ".proxy";

/// gorouter's times are seconds; what did not happen took none.
double seconds_of(std::chrono::nanoseconds time) {
  return time.count() < 0 ? 0 : std::chrono::duration<double>{time}.count();
}

} // namespace

void request_log::attempt_failed(const failed_attempt& attempt) {
  if (!log_.enabled(net::log_level::error))
    return;
  const auto suppressed = attempts_.admit();
  if (!suppressed)
    return;
  const auto endpoint = endpoint_summary_json(attempt.endpoint);
  log_.error(source, "backend-endpoint-failed",
             {{"route-endpoint", net::raw_json{endpoint}},
              {"error", attempt.error},
              {"attempt", attempt.number},
              {"vcap_request_id", attempt.request_id},
              {"retriable", attempt.retriable},
              {"num-endpoints", attempt.endpoints},
              {"got-connection", attempt.got_connection},
              {"wrote-headers", attempt.wrote_head},
              {"conn-reused", attempt.reused},
              {"dns-lookup-time", seconds_of(attempt.resolve)},
              {"dial-time", seconds_of(attempt.dial)},
              {"tls-handshake-time", seconds_of(attempt.handshake)},
              {"local-address", attempt.local_address},
              {"suppressed", *suppressed}});
}

void request_log::error_line(net::log_limiter& limiter, std::string_view message,
                             std::string_view request_id, std::string_view error) {
  if (const auto suppressed = limiter.admit())
    log_.error(source, message,
               {{"error", error}, {"vcap_request_id", request_id}, {"suppressed", *suppressed}});
}

void request_log::timed_out(std::string_view request_id, std::string_view error) {
  error_line(timeouts_, "backend-request-timeout", request_id, error);
}

void request_log::too_many_response_headers(std::string_view request_id, std::string_view error) {
  error_line(header_limits_, "backend-too-many-response-headers", request_id, error);
}

void request_log::client_left(std::string_view request_id, std::string_view error) {
  error_line(departures_, "gateway-error-and-original-request-context-cancelled", request_id,
             error);
}

void request_log::nothing_to_select(std::string_view host, std::string_view error) {
  if (const auto suppressed = selections_.admit())
    log_.error(source, "select-endpoint-failed",
               {{"host", host}, {"error", error}, {"suppressed", *suppressed}});
}

void request_log::policy_denied(std::string_view request_id, std::string_view host,
                                std::string_view rule, std::string_view app) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = denials_.admit())
    log_.info(source, "route-policy-denied",
              {{"vcap_request_id", request_id},
               {"host", host},
               {"rule", rule},
               {"caller_cf_app", app},
               {"suppressed", *suppressed}});
}

void request_log::signature_refused(std::string_view request_id, std::string_view error) {
  error_line(signatures_, "signature-validation-failed", request_id, error);
}

void request_log::route_service_failed(std::string_view request_id, std::string_view service,
                                       std::string_view error) {
  if (const auto suppressed = service_failures_.admit())
    log_.error(source, "route-service-connection-failed",
               {{"route-service", service},
                {"error", error},
                {"vcap_request_id", request_id},
                {"suppressed", *suppressed}});
}

void request_log::route_service_answered(std::string_view request_id, std::string_view service,
                                         int status) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = service_answers_.admit())
    log_.info(source, "route-service-response",
              {{"route-service", service},
               {"status-code", status},
               {"vcap_request_id", request_id},
               {"suppressed", *suppressed}});
}

void request_log::connection_limit_reached(std::string_view request_id) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = connection_limits_.admit())
    log_.info(source, "connection-limit-reached",
              {{"vcap_request_id", request_id}, {"suppressed", *suppressed}});
}

void request_log::answered_error(std::string_view body) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = errors_.admit())
    log_.info(source, "status", {{"body", body}, {"suppressed", *suppressed}});
}

void request_log::page_failed(std::string_view request_id) {
  error_line(pages_, "render-error-failed", request_id, "the page would be too long");
}

void request_log::refused(std::string_view remote_address, std::string_view request_id,
                          std::string_view error) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = refusals_.admit())
    log_.info(source, "request-refused",
              {{"error", error},
               {"remote_address", remote_address},
               {"vcap_request_id", request_id},
               {"suppressed", *suppressed}});
}

void request_log::semicolon(std::string_view request_id) {
  if (const auto suppressed = semicolons_.admit())
    log_.warn(source, "deprecated-semicolon-params",
              {{"vcap_request_id", request_id}, {"suppressed", *suppressed}});
}

void request_log::not_held(std::string_view request_id, std::string_view host, std::string_view why,
                           std::chrono::nanoseconds waited) {
  if (const auto suppressed = holds_.admit())
    log_.info(source, "request-not-held",
              {{"host", host},
               {"reason", why},
               {"waited_seconds", std::chrono::duration<double>(waited).count()},
               {"vcap_request_id", request_id},
               {"suppressed", *suppressed}});
}

void request_log::ejected(const routing::endpoint& endpoint) {
  if (const auto suppressed = ejections_.admit())
    log_.warn(source, "endpoint-ejected",
              {{"route-endpoint", net::raw_json{endpoint_summary_json(endpoint)}},
               {"suppressed", *suppressed}});
}

void request_log::handshake_failed(std::string_view remote_address, std::string_view error) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = handshakes_.admit())
    log_.info(
      ".router", "tls-handshake-failed",
      {{"error", error}, {"remote_address", remote_address}, {"suppressed", *suppressed}});
}

void request_log::invalid_subject(std::string_view remote_address) {
  if (const auto suppressed = subjects_.admit())
    log_.warn(".router", "invalid-subject",
              {{"remote_address", remote_address}, {"suppressed", *suppressed}});
}

void request_log::proxy_header_refused(std::string_view remote_address, std::string_view error) {
  if (const auto suppressed = proxy_headers_.admit())
    log_.warn(
      ".router", "proxy-header-refused",
      {{"error", error}, {"remote_address", remote_address}, {"suppressed", *suppressed}});
}

} // namespace shunt
