// How a request passes through the route service of its route: sent there with a signature, and, when it
// comes back, recognised by that.
#include "actors/attempt.hpp"
#include "actors/exchange.hpp"

#include <openssl/rand.h>

#include <algorithm>

namespace shunt {

using net::router_error;
using enum net::field_id;

namespace {

constexpr std::string_view not_validated = "Failed to validate Route Service Signature: ";

/// Host and target of an absolute URL, the host as in a Host header.
struct url_parts {
  std::string_view host;
  std::string_view target;
};

url_parts parts_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != url.npos)
    url.remove_prefix(scheme + 3);
  const auto host = url.substr(0, url.find_first_of("/?#"));
  return {host, url.substr(host.size())};
}

net::error_response refusal(int status, std::string_view reason) {
  net::error_response made;
  made.status = status;
  made.form = net::error_body::plain;
  made.message.append(not_validated).append(reason);
  return made;
}

} // namespace

/// What the route service's signature, if the request has one, says about it. Sets `signed_`, and `where_`
/// when the request comes back from the route service of its own route.
net::task<std::optional<net::error_response>> exchange::judge_signature(bool bound) {
  const auto signature = net::value_of(head.fields, x_cf_proxy_signature);
  if (signature.empty())
    co_return std::nullopt;
  const auto& services = rules_->route_services;
  if (services == nullptr) {
    if (bound)
      co_return net::describe(router_error::route_service_unsupported, head.host);
    co_return std::nullopt;
  }
  const auto verdict = here_.route_services.codec(services).verify(
    signature, net::value_of(head.fields, x_cf_proxy_metadata), times_.received_unix_ns,
    rules_->settings.route_services_timeout);
  if (verdict.outcome != routing::signature_outcome::valid)
    co_return refuse_signature(verdict, bound);
  signed_ = true;
  if (!bound)
    co_return std::nullopt;
  const std::string url{verdict.request.forwarded_url}; // The codec's own is gone with its next call.
  auto refused = co_await match_forwarded_url(url);
  co_return refused;
}

std::optional<net::error_response>
exchange::refuse_signature(const routing::signature_verdict& verdict, bool bound) {
  const bool expired = verdict.outcome == routing::signature_outcome::expired;
  if (!bound && !rules_->settings.route_services.strict_signature_validation)
    return std::nullopt;
  here_.requests.signature_refused(net::view(id_), verdict.reason);
  if (bound)
    return refusal(expired ? 504 : 502, verdict.reason);
  auto answer = refusal(expired ? 504 : 400, verdict.reason);
  answer.router_error = expired ? "expired_route_service_signature" : "invalid_route_service_signature";
  if (!expired)
    answer.message = "invalid route service signature detected";
  return answer;
}

/// A signature opens the route that it was made for, and no other.
net::task<std::optional<net::error_response>> exchange::match_forwarded_url(std::string_view url) {
  const auto parts = parts_of(url);
  const std::string own_host = route_host_, own_path = route_path_;
  const auto named = co_await find_route(parts.host, parts.target);
  const bool known = named.pool != nullptr;
  const bool same = known && named.pool->host() == own_host && named.pool->path() == own_path;
  std::string uri{without_port(parts.host)};
  uri.append(parts.target.substr(0, parts.target.find('?')));
  std::string reason;
  if (!known) {
    reason.append("original request URL ").append(uri).append(" does not exist in the routing table");
  } else if (!same) {
    reason.append("route service forwarded URL ").append(named.pool->host());
    reason.append(named.pool->context_path()).append(" does not match the original request URL ").append(uri);
  }
  if (!reason.empty()) {
    here_.requests.signature_refused(net::view(id_), reason);
    co_return refusal(502, reason);
  }
  where_ = net::situation::from_route_service;
  co_return std::nullopt;
}

bool exchange::may_go_to_app(const routing::leased_pool& pool) const {
  if (pool.traits().route_service_url.empty()) [[likely]]
    return true;
  return where_ == net::situation::from_route_service && pool.host() == route_host_
         && pool.path() == route_path_;
}

/// False if there is no randomness.
bool exchange::sign_request() {
  routing::signature_nonce nonce;
  if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1)
    return false;
  forwarded_url_.assign(rules_->settings.route_services_recommend_https ? "https://" : "http://");
  forwarded_url_.append(without_port(head.host));
  // gorouter appends an absolute target whole, to a URL that nobody can ask for.
  if (!head.path_and_query.starts_with('/'))
    forwarded_url_.append("/");
  forwarded_url_.append(head.path_and_query);
  return here_.route_services.codec(rules_->route_services)
    .sign({.forwarded_url = forwarded_url_, .requested = times_.received_unix_ns}, nonce, signature_);
}

net::task<void> exchange::ask_route_service(std::string url) {
  const auto& services = rules_->route_services;
  if (services == nullptr) {
    co_await respond(net::describe(router_error::route_service_unsupported, head.host));
    co_return;
  }
  if (is_websocket() && !rules_->settings.route_services.enable_websockets) {
    co_await respond(net::describe(router_error::route_service_websocket, head.host));
    co_return;
  }
  service_ = here_.route_services.find(url);
  const bool ready = service_ != nullptr && sign_request();
  if (!ready) {
    co_await respond(net::describe(router_error::route_service_failed, head.host));
    co_return;
  }
  where_ = net::situation::to_route_service;
  times_.proxying = exchange_times::clock::now();
  attempt_result last;
  for (std::size_t made = 0; made < services->attempts_max; ++made) {
    times_.attempt = exchange_times::clock::now();
    last = co_await try_endpoint(*service_->endpoint);
    if (last.ended != attempt_result::kind::failed)
      break;
    times_.last_failure = exchange_times::clock::now();
    ++failed_attempts_;
    here_.requests.route_service_failed(net::view(id_), service_->url.authority, last.detail);
    if (!last.rule.retry || body_spent_)
      break;
  }
  answered_ = last.ended == attempt_result::kind::answered;
  if (answered_ && (status_ < 200 || status_ > 299) && status_ != 101)
    here_.requests.route_service_answered(net::view(id_), service_->url.authority, status_);
  if (!answered_)
    co_await answer_failure(last);
  times_.proxied = exchange_times::clock::now();
}

} // namespace shunt
