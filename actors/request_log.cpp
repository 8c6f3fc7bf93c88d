#include "actors/request_log.hpp"

#include "actors/route_json.hpp"

#include <array>
#include <string>

namespace shunt {

namespace {

constexpr std::string_view proxy_source = ".proxy";

/// gorouter's times are seconds; what did not happen took none.
double seconds_of(std::chrono::nanoseconds time) {
  return time.count() < 0 ? 0 : std::chrono::duration<double>{time}.count();
}

/// How a request's trace and span are called in its lines.
class trace_names {
public:
  explicit trace_names(const logged_request& of) : id_{of.trace_id}, span_{of.span_id} {
    if (!id_.empty())
      return;
    for (const char c : of.id)
      if (c != '-' && size_ < digits_.size())
        digits_[size_++] = c;
    id_ = {digits_.data(), size_};
    span_ = id_.substr(size_ / 2);
  }
  trace_names(const trace_names&) = delete;
  trace_names& operator=(const trace_names&) = delete;

  std::string_view id() const { return id_; }
  std::string_view span() const { return span_; }

private:
  std::array<char, 32> digits_{};
  std::size_t size_ = 0;
  std::string_view id_, span_;
};

} // namespace

void request_log::attempt_failed(const failed_attempt& attempt) {
  const trace_names trace{attempt.request};
  if (!log_.enabled(net::log_level::error))
    return;
  const auto suppressed = attempts_.admit();
  if (!suppressed)
    return;
  const auto endpoint = endpoint_summary_json(attempt.endpoint);
  log_.error(proxy_source, "backend-endpoint-failed",
             {{"route-endpoint", net::raw_json{endpoint}},
              {"error", attempt.error},
              {"attempt", attempt.number},
              {"vcap_request_id", attempt.request.id},
              {"trace-id", trace.id()},
              {"span-id", trace.span()},
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
                             const logged_request& request, std::string_view error) {
  const trace_names trace{request};
  if (const auto suppressed = limiter.admit())
    log_.error(proxy_source, message,
               {{"error", error},
                {"vcap_request_id", request.id},
                {"trace-id", trace.id()},
                {"span-id", trace.span()},
                {"suppressed", *suppressed}});
}

void request_log::timed_out(const logged_request& request, std::string_view error) {
  error_line(timeouts_, "backend-request-timeout", request, error);
}

void request_log::too_many_response_headers(const logged_request& request, std::string_view error,
                                            bool route_service) {
  error_line(header_limits_,
             route_service ? "route-service-too-many-response-headers"
                           : "backend-too-many-response-headers",
             request, error);
}

void request_log::instance_header_refused(const logged_request& request, std::string_view field,
                                          std::string_view value) {
  const bool process = field == "X-CF-Process-Instance";
  std::string error{"Incorrect "};
  error.append(field).append(" header : ").append(value);
  error_line(instances_,
             process ? "invalid-process-instance-header" : "invalid-app-instance-header", request,
             error);
}

void request_log::client_left(const logged_request& request, std::string_view error) {
  error_line(departures_, "gateway-error-and-original-request-context-cancelled", request, error);
}

void request_log::nothing_to_select(const logged_request& request, std::string_view host,
                                    std::string_view error) {
  const trace_names trace{request};
  if (const auto suppressed = selections_.admit())
    log_.error(proxy_source, "select-endpoint-failed",
               {{"host", host},
                {"error", error},
                {"trace-id", trace.id()},
                {"span-id", trace.span()},
                {"suppressed", *suppressed}});
}

void request_log::policy_denied(const logged_request& request, std::string_view host,
                                std::string_view rule, std::string_view app) {
  const trace_names trace{request};
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = denials_.admit())
    log_.info(proxy_source, "route-policy-denied",
              {{"vcap_request_id", request.id},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"host", host},
               {"rule", rule},
               {"caller_cf_app", app},
               {"suppressed", *suppressed}});
}

void request_log::signature_refused(const logged_request& request, std::string_view error) {
  error_line(signatures_, "signature-validation-failed", request, error);
}

void request_log::keys_refused(const logged_request& request, std::string_view current,
                               std::string_view previous) {
  if (!current.empty())
    error_line(keys_, "proxy-route-service-current-key", request, current);
  if (!previous.empty())
    error_line(keys_, "proxy-route-service-previous-key", request, previous);
}

void request_log::route_service_unsupported(const logged_request& request) {
  const trace_names trace{request};
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = unsupported_.admit())
    log_.info(proxy_source, "route-service-unsupported",
              {{"vcap_request_id", request.id},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"suppressed", *suppressed}});
}

void request_log::route_service_failed(const logged_request& request, std::string_view service,
                                       std::string_view error) {
  const trace_names trace{request};
  if (const auto suppressed = service_failures_.admit())
    log_.error(proxy_source, "route-service-connection-failed",
               {{"route-service", service},
                {"error", error},
                {"vcap_request_id", request.id},
                {"trace-id", trace.id()},
                {"span-id", trace.span()},
                {"suppressed", *suppressed}});
}

void request_log::route_service_answered(const logged_request& request, std::string_view service,
                                         int status) {
  const trace_names trace{request};
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = service_answers_.admit())
    log_.info(proxy_source, "route-service-response",
              {{"route-service", service},
               {"status-code", status},
               {"vcap_request_id", request.id},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"suppressed", *suppressed}});
}

void request_log::connection_limit_reached(const logged_request& request) {
  const trace_names trace{request};
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = connection_limits_.admit())
    log_.info(proxy_source, "connection-limit-reached",
              {{"vcap_request_id", request.id},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"suppressed", *suppressed}});
}

void request_log::answered_error(const logged_request& request, std::string_view body) {
  const trace_names trace{request};
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = errors_.admit())
    log_.info(proxy_source, "status",
              {{"body", body},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"suppressed", *suppressed}});
}

void request_log::panicked(const logged_request& request, std::string_view host,
                           std::string_view error) {
  const trace_names trace{request};
  if (const auto suppressed = panics_.admit())
    log_.error(proxy_source, "panic-check",
               {{"host", host},
                {"error", error},
                {"vcap_request_id", request.id},
                {"trace-id", trace.id()},
                {"span-id", trace.span()},
                {"suppressed", *suppressed}});
}

void request_log::page_failed(const logged_request& request) {
  error_line(pages_, "render-error-failed", request, "the page would be too long");
}

void request_log::refused(std::string_view remote_address, const logged_request& request,
                          std::string_view error) {
  const trace_names trace{request};
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = refusals_.admit())
    log_.info(proxy_source, "request-refused",
              {{"error", error},
               {"remote_address", remote_address},
               {"vcap_request_id", request.id},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"suppressed", *suppressed}});
}

void request_log::semicolon(const logged_request& request) {
  const trace_names trace{request};
  if (const auto suppressed = semicolons_.admit())
    log_.warn(proxy_source, "deprecated-semicolon-params",
              {{"vcap_request_id", request.id},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"suppressed", *suppressed}});
}

void request_log::not_held(const logged_request& request, std::string_view host,
                           std::string_view why, std::chrono::nanoseconds waited) {
  const trace_names trace{request};
  if (const auto suppressed = holds_.admit())
    log_.info(proxy_source, "request-not-held",
              {{"host", host},
               {"reason", why},
               {"waited_seconds", std::chrono::duration<double>(waited).count()},
               {"vcap_request_id", request.id},
               {"trace-id", trace.id()},
               {"span-id", trace.span()},
               {"suppressed", *suppressed}});
}

void request_log::ejected(const routing::endpoint& endpoint) {
  if (const auto suppressed = ejections_.admit())
    log_.warn(proxy_source, "endpoint-ejected",
              {{"route-endpoint", net::raw_json{endpoint_summary_json(endpoint)}},
               {"suppressed", *suppressed}});
}

void request_log::handshake_failed(std::string_view remote_address, std::string_view error) {
  if (!log_.enabled(net::log_level::info))
    return;
  if (const auto suppressed = handshakes_.admit())
    log_.info(".router", "tls-handshake-failed",
              {{"error", error}, {"remote_address", remote_address}, {"suppressed", *suppressed}});
}

void request_log::invalid_subject(std::string_view remote_address) {
  if (const auto suppressed = subjects_.admit())
    log_.warn(".router", "invalid-subject",
              {{"remote_address", remote_address}, {"suppressed", *suppressed}});
}

void request_log::proxy_header_refused(std::string_view remote_address, std::string_view error) {
  if (const auto suppressed = proxy_headers_.admit())
    log_.warn(".router", "proxy-header-refused",
              {{"error", error}, {"remote_address", remote_address}, {"suppressed", *suppressed}});
}

} // namespace shunt
