// What is kept of a request when it is over: counts for the metrics, and a line of the access log.
#include "actors/exchange.hpp"

#include "net/forwarding.hpp"

#include <chrono>

namespace shunt {

using namespace std::chrono_literals;

// -- Metrics.

const routing::metric_labels& exchange::labels_of(routing::leased_endpoint& endpoint) {
  if (!endpoint.labels.known())
    endpoint.labels = here_.router.request_metrics.labels_of(endpoint.about());
  return endpoint.labels;
}

void exchange::count() {
  net::request_outcome outcome;
  outcome.endpoint = endpoint_ == nullptr ? nullptr : &labels_of(*endpoint_);
  outcome.status = status_;
  outcome.total = times_.ended - times_.received;
  if (times_.proxied.time_since_epoch().count() != 0) {
    outcome.proxied = times_.proxied - times_.received;
    outcome.own = outcome.total - (times_.proxied - times_.proxying) - times_.held;
  }
  here_.metrics.request_ended(outcome);
  if (service_times_.service < 0ns) [[likely]]
    return;
  here_.metrics.route_service_left(service_times_);
  if (!bypassed_)
    here_.metrics.route_service_response(status_);
}

// -- The logs.

logged_request exchange::logged() const {
  if (traced())
    return {net::view(id_), trace_.trace_id(), trace_.span_id()};
  return {net::view(id_)};
}

std::string_view exchange::protocol() const {
  if (client_->http_major == 2)
    return "HTTP/2.0";
  return head.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

void exchange::log() {
  if (!rules_->logs_access || here_.router.access_log == nullptr)
    return;
  const auto ns = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  };
  const bool proxied = times_.proxied.time_since_epoch().count() != 0;
  const bool reached = endpoint_ != nullptr && !backend_.empty();
  const auto& protected_names = rules_->settings.hop_by_hop_headers_to_filter;
  out_.clear();
  if (reached)
    net::append_forwarded_for(out_, head, client_->who->ip, protected_names);
  const auto& names = rules_->logged_headers;
  logged_values_.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    logged_values_[i] = traced() ? trace_.logged(names[i], head.fields) : net::value_of(head.fields, names[i]);

  routing::access_record record;
  record.host = head.host;
  record.method = head.method;
  record.target = head.form == net::target_form::absolute ? head.path_and_query : head.target;
  record.protocol = protocol();
  record.referer = net::value_of(head.fields, net::field_id::referer);
  record.user_agent = net::value_of(head.fields, net::field_id::user_agent);
  record.remote_address = client_->who->address;
  record.backend_address = backend_;
  record.x_forwarded_for =
    reached ? std::string_view{out_} : net::value_of(head.fields, net::field_id::x_forwarded_for);
  record.x_forwarded_proto = reached
                               ? net::forwarded_proto(head, client_->who->tls, proto_source(), protected_names)
                               : net::value_of(head.fields, net::field_id::x_forwarded_proto);
  record.vcap_request_id = net::view(id_);
  if (endpoint_ != nullptr) {
    record.app_id = endpoint_->about().app();
    record.app_index = endpoint_->about().instance_index();
    record.instance_id = endpoint_->about().instance_id();
  }
  record.tls_sni = client_->who->requested_name;
  record.caller_cf_app = client_->who->caller.app;
  record.caller_cf_space = client_->who->caller.space;
  record.caller_cf_org = client_->who->caller.organization;
  record.route_policy = policy_rule_;
  record.x_cf_routererror = router_error_;
  if (router_error_.empty() && has_semicolon())
    record.x_cf_routererror = "deprecated-semicolon-params";
  record.extra_headers = logged_values_;
  record.started_at_ns = times_.received_unix_ns;
  record.response_time_ns = ns(times_.ended - times_.received);
  if (proxied) {
    record.gorouter_time_ns =
      record.response_time_ns - ns(times_.proxied - times_.proxying) - times_.held.count();
    if (failed_attempts_ > 0)
      record.failed_attempts_time_ns = ns(times_.last_failure - times_.proxying);
    if (answered_) { // These tell of the successful attempt alone.
      record.backend_time_ns = ns(times_.proxied - times_.attempt);
      record.dial_time_ns = times_.dial.count();
      record.dns_time_ns = times_.resolve.count();
      record.tls_time_ns = times_.handshake.count();
      record.local_address = local_address_;
    }
  }
  record.route_service_time_ns = service_times_.service.count();
  record.app_time_ns = service_times_.app.count();
  record.route_service_bypassed = bypassed_;
  record.rx_bytes = tunnelled_ ? 0 : request_body_.bytes_taken();
  record.tx_bytes = tunnelled_ ? 0 : response_body_.bytes_taken() + own_body_bytes_;
  record.failed_attempts = failed_attempts_;
  record.status = static_cast<std::uint16_t>(status_);
  here_.log_access(record, *rules_);
}

} // namespace shunt
