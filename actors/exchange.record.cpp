// What is kept of a request when it is over: counts for the metrics, and a line of the access log.
#include "actors/exchange.hpp"

#include "net/forwarding.hpp"
#include "net/metron.hpp"

#include <chrono>
#include <limits>

namespace shunt {

using namespace std::chrono_literals;

namespace {

std::int64_t ns(std::chrono::nanoseconds duration) {
  return duration.count();
}

/// Keys and values in turn.
void read_tags(std::vector<std::string_view>& to, const routing::endpoint& from) {
  to.clear();
  for (std::size_t i = 0; i < from.tag_count(); ++i) {
    const auto [key, value] = from.tag(i);
    to.push_back(key);
    to.push_back(value);
  }
}

} // namespace

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

bool exchange::heard(bool policy::*tells) const {
  const auto* agent = here_.router.loggregator;
  return (*rules_).*tells && agent != nullptr && agent->hears(times_.received);
}

void exchange::log() {
  const bool is_heard = heard(&policy::tells_requests);
  if (here_.router.access_log == nullptr || !(rules_->logs_access || is_heard))
    return;
  const bool proxied = times_.proxied.time_since_epoch().count() != 0;
  const bool forwarded = times_.proxying.time_since_epoch().count() != 0;
  const bool reached = endpoint_ != nullptr && !backend_.empty();
  const auto& protected_names = rules_->settings.hop_by_hop_headers_to_filter;
  out_.clear();
  if (forwarded)
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
    forwarded ? std::string_view{out_} : net::value_of(head.fields, net::field_id::x_forwarded_for);
  record.x_forwarded_proto = proto_settled_
                               ? net::forwarded_proto(head, client_->who->tls, proto_source(), protected_names)
                               : net::value_of(head.fields, net::field_id::x_forwarded_proto);
  record.vcap_request_id = net::view(id_);
  if (endpoint_ != nullptr) {
    record.app_id = endpoint_->about().app();
    record.app_index = endpoint_->about().instance_index();
    record.instance_id = endpoint_->about().instance_id();
  }
  if (reached && (rules_->logs_tags || is_heard)) {
    read_tags(logged_tags_, endpoint_->about());
    record.tags = logged_tags_;
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
  record.tls = client_->who->tls;
  record.failed_attempts = failed_attempts_;
  record.status = static_cast<std::uint16_t>(status_);
  here_.log_access(record, *rules_);
}

void exchange::log_attempt(const routing::leased_endpoint& endpoint) {
  if (here_.router.access_log == nullptr)
    return;
  const bool answered = times_.answering.time_since_epoch().count() != 0;
  const auto end = answered ? times_.answering : exchange_times::clock::now();
  const auto& about = endpoint.about();
  out_.clear();
  net::append_forwarded_for(out_, head, client_->who->ip, rules_->settings.hop_by_hop_headers_to_filter);
  routing::access_record record;
  record.kind = routing::record_kind::attempt;
  record.host = head.host;
  record.method = head.method;
  record.target = head.form == net::target_form::absolute ? head.path_and_query : head.target;
  if (where_ == net::situation::to_route_service) {
    record.host = service_->url.authority;
    record.target = service_->url.target;
  }
  record.user_agent = net::value_of(head.fields, net::field_id::user_agent);
  record.remote_address = client_->who->address;
  record.x_forwarded_for = out_;
  record.vcap_request_id = net::view(id_);
  record.app_id = about.app();
  record.app_index = about.instance_index();
  record.instance_id = about.instance_id();
  record.started_at_ns = times_.received_unix_ns + ns(times_.attempt - times_.received);
  record.response_time_ns = ns(end - times_.attempt);
  record.tls = client_->who->tls;
  if (answered) {
    record.status = static_cast<std::uint16_t>(response_.status);
    // -1: nobody can know yet.
    record.tx_bytes = response_.framing == net::body_framing::length  ? response_.content_length
                      : response_.framing == net::body_framing::none ? 0
                                                                     : std::numeric_limits<std::uint64_t>::max();
  }
  here_.log_access(record, *rules_);
}

} // namespace shunt
