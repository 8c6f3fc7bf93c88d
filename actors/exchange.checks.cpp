// What is found out about a request before anything is done for it: whose health check it is, and why it
// must be refused.
#include "actors/exchange.hpp"

namespace shunt {

using net::router_error;

namespace {

/// What the parser counts and gorouter's sum does not.
constexpr std::size_t start_line_extra = 2;
constexpr std::size_t line_extra = 4; ///< ": " and CRLF.

} // namespace

std::string_view exchange::without_port(std::string_view host) {
  if (host.starts_with('['))
    return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool exchange::is_health_check() const {
  return net::value_of(head.fields, net::field_id::user_agent) == rules_->settings.healthcheck_user_agent;
}

bool exchange::is_websocket() const {
  return head.upgrade && net::iequals(head.upgrade_protocol, "websocket");
}

bool exchange::traced() const {
  return rules_->tracing.b3() || rules_->tracing.w3c();
}

bool exchange::wants_trace() const {
  const auto& key = rules_->settings.trace_key;
  return !key.empty() && net::value_of(head.fields, net::field_id::x_vcap_trace) == key;
}

std::optional<net::error_response> exchange::check() const {
  const auto host = without_port(head.host);
  const auto peer =
    client_->who->ip.find(':') == std::string::npos ? client_->who->ip : "[" + client_->who->ip + "]";
  if (host.empty() || host == peer)
    return net::describe(router_error::empty_host, head.host);
  if (misdirected(host))
    return net::describe(router_error::misdirected, head.host);
  return std::nullopt;
}

/// Whether the certificates of a domain of `domains` were asked for and the request is for another, or
/// the other way round: who may see one must not see the other by the same connection.
bool exchange::misdirected(std::string_view host) const {
  if (rules_->settings.domains.empty() && client_->who->domain.empty())
    return false;
  const auto meant = rules_->domains.find(host);
  return client_->who->domain
         != (meant ? std::string_view{rules_->settings.domains[*meant].name} : std::string_view{});
}

/// Whether the route's policy keeps this client out or, once an endpoint is chosen, away from that one.
bool exchange::is_denied(const routing::leased_pool& pool, const routing::endpoint* target) {
  const auto* policy = pool.policy();
  if (policy == nullptr) [[likely]]
    return false;
  const auto& caller = client_->who->caller;
  const auto verdict = target == nullptr ? policy->admits(caller) : policy->admits(caller, *target);
  policy_rule_ = verdict.rule;
  if (!verdict.allowed)
    here_.requests.policy_denied(logged(), head.host, verdict.rule, caller.app);
  return !verdict.allowed;
}

/// Whether the policy lets the client reach no endpoint at all, by its scope: then its route service is closed
/// to it, too.
bool exchange::admits_nowhere(const routing::leased_pool& pool) const {
  const auto* policy = pool.policy();
  if (policy == nullptr) [[likely]]
    return false;
  bool somewhere = false;
  pool.for_each([&](const routing::leased_endpoint& e) {
    somewhere = somewhere || policy->admits(client_->who->caller, e.about()).allowed;
  });
  return !somewhere;
}

/// Whether the part of a chunked body that came along breaks the coding. No backend need see that.
bool exchange::body_is_broken() const {
  if (head.framing != net::body_framing::chunked)
    return false;
  net::body_reader first;
  first.begin(head.framing, 0);
  return first.take(client_->wire->bytes()).malformed;
}

/// gorouter's sum over method, target, version, Host and fields is the head without its last line, and without
/// the coding, which is no field to it; HTTP/2 has none anyway.
std::optional<net::error_response> exchange::check_size() const {
  const auto& settings = rules_->settings;
  const auto bytes_max = static_cast<std::size_t>(settings.request_header_bytes_max());
  const auto fields_max = static_cast<std::size_t>(settings.max_request_headers);
  auto bytes = head.head_bytes - start_line_extra;
  auto fields = head.fields.size() - (head.host.empty() ? 0 : 1);
  if (head.framing == net::body_framing::chunked) {
    const auto* coding = net::find_field(head.fields, net::field_id::transfer_encoding);
    bytes -= coding->name.size() + coding->value.size() + line_extra;
    --fields;
  }
  if (bytes >= bytes_max || (fields_max > 0 && fields > fields_max))
    return net::describe(router_error::header_too_large, head.host);
  return std::nullopt;
}

bool exchange::has_semicolon() const {
  return head.target.find(';') != std::string_view::npos;
}

} // namespace shunt
