// How a request passes through the route service of its route: sent there with a signature, and, when it
// comes back, recognised by that.
#include "actors/attempt.hpp"
#include "actors/exchange.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <chrono>

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

/// What the route service's signature, which the request has, says about it. Sets `signed_`, and `where_`
/// when the request comes back from the route service of its own route.
net::task<std::optional<net::error_response>> exchange::judge_signature(bool bound) {
  const auto signature = net::value_of(head.fields, x_cf_proxy_signature);
  const auto& services = rules_->route_services;
  if (services == nullptr) {
    if (!bound)
      co_return std::nullopt;
    here_.requests.route_service_unsupported(logged());
    co_return net::describe(router_error::route_service_unsupported, head.host);
  }
  const auto verdict = here_.route_services.codec(services).verify(
    signature, net::value_of(head.fields, x_cf_proxy_metadata), times_.received_unix_ns,
    rules_->settings.route_services_timeout);
  if (bound || rules_->settings.route_services.strict_signature_validation)
    here_.requests.keys_refused(logged(), verdict.current_key_error, verdict.previous_key_error);
  if (verdict.outcome != routing::signature_outcome::valid)
    co_return refuse_signature(verdict, bound);
  // Both make up what vouches for the headers of a client: gorouter asks for both, too.
  signed_ = !net::value_of(head.fields, x_cf_forwarded_url).empty();
  const auto session = routing::session_id::parse(verdict.request.session);
  std::optional<net::error_response> refused;
  if (bound) {
    const std::string url{verdict.request.forwarded_url}; // The codec's own is gone with its next call.
    refused = co_await match_forwarded_url(url);
  }
  if (session && !refused)
    refused = co_await judge_use(*session, bound);
  co_return refused;
}

/// What the session of a genuine signature says to this use of it. A signature without one is gorouter's.
net::task<std::optional<net::error_response>> exchange::judge_use(routing::session_id session, bool bound) {
  auto verdict = co_await use_.begin(here_.sessions, session, bound);
  // Its uses are not counted any more, so where they have a limit that is reached.
  if (verdict == routing::use_verdict::over && bound
      && rules_->settings.route_services.max_signature_uses > 0)
    verdict = routing::use_verdict::used_up;
  std::optional<net::error_response> refused;
  std::string_view why;
  switch (verdict) {
    using enum routing::use_verdict;
    case admitted:
    case over:
    case unknown: co_return refused;
    case used_up:
      why = "route service signature was used too often";
      refused = refusal(502, why);
      break;
    case too_late:
      why = "route service took too long";
      refused = refusal(504, why);
      break;
    case looping:
      why = "too many requests with this signature are under way at once";
      refused = net::describe(router_error::route_service_loop, head.host);
      break;
  }
  here_.requests.signature_refused(logged(), why);
  co_return refused;
}

std::optional<net::error_response>
exchange::refuse_signature(const routing::signature_verdict& verdict, bool bound) {
  const bool expired = verdict.outcome == routing::signature_outcome::expired;
  if (!bound && !rules_->settings.route_services.strict_signature_validation)
    return std::nullopt;
  here_.requests.signature_refused(logged(), verdict.reason);
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
    here_.requests.signature_refused(logged(), reason);
    co_return refusal(502, reason);
  }
  where_ = net::situation::from_route_service;
  co_return std::nullopt;
}

bool exchange::may_go_to_app(const routing::leased_pool& pool) const {
  if (pool.traits().route_service_url.empty()) [[likely]]
    return true;
  const bool same = pool.host() == route_host_ && pool.path() == route_path_;
  return same && (where_ == net::situation::from_route_service || (bypassed_ && fails_open(pool)));
}

bool exchange::fails_open(const routing::leased_pool& pool) {
  const auto& options = pool.traits().options;
  return options != nullptr && options->open_without_service;
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
  // Not when it was received: a request that waited for an endpoint first would be sent with an old signature.
  const routing::unix_ns now = std::chrono::nanoseconds{std::chrono::system_clock::now().time_since_epoch()}.count();
  return here_.route_services.codec(rules_->route_services)
    .sign({.forwarded_url = forwarded_url_, .requested = now, .session = session_text_}, nonce, signature_);
}

void exchange::begin_session() {
  const auto& settings = rules_->settings.route_services;
  const routing::session_limits limits{.timeout = settings.session_timeout,
                                       .uses_max = static_cast<std::uint64_t>(settings.max_signature_uses)};
  session_.begin(here_.sessions, limits, &exchange::session_expired, this);
  session_text_.clear();
  session_->id().append_to(session_text_);
}

void exchange::session_expired(void* context) {
  const auto& self = *static_cast<exchange*>(context);
  if (self.asking_ != nullptr)
    self.asking_->give_up();
}

void exchange::leave_sessions() {
  if (use_)
    use_.end(times_.proxied.time_since_epoch().count() != 0 ? times_.proxied : exchange_times::clock::now());
  session_.end();
}

net::task<bool> exchange::ask_route_service(std::string url, bool open) {
  const auto& services = rules_->route_services;
  if (services == nullptr) {
    here_.requests.route_service_unsupported(logged());
    co_await respond(net::describe(router_error::route_service_unsupported, head.host));
    co_return false;
  }
  if (is_websocket() && !rules_->settings.route_services.enable_websockets) {
    here_.requests.route_service_unsupported(logged());
    co_await respond(net::describe(router_error::route_service_websocket, head.host));
    co_return false;
  }
  service_ = here_.route_services.find(url);
  if (service_ != nullptr)
    begin_session();
  const bool ready = service_ != nullptr && sign_request();
  if (!ready) {
    co_await respond(net::describe(router_error::route_service_failed, head.host));
    co_return false;
  }
  hairpinned_ = false;
  if (here_.router.internal)
    hairpinned_ = co_await may_hairpin();
  auto& endpoint = hairpinned_ ? here_.route_services.internal(here_.router.internal->port) : *service_->endpoint;
  where_ = net::situation::to_route_service;
  times_.proxying = exchange_times::clock::now();
  attempt_result last;
  for (std::size_t made = 0; made < services->attempts_max; ++made) {
    times_.attempt = exchange_times::clock::now();
    last = co_await try_endpoint(endpoint);
    if (last.ended != attempt_result::kind::failed)
      break;
    const bool late = session_->has_given_up();
    if (late && !client_gone_)
      last.detail = "route service took too long";
    times_.last_failure = exchange_times::clock::now();
    ++failed_attempts_;
    here_.requests.route_service_failed(logged(), service_->url.authority, last.detail);
    if (last.why == routing::failure_class::response_header_limits)
      here_.requests.too_many_response_headers(logged(), last.detail, true);
    if (!last.rule.retry || body_spent_ || late)
      break;
  }
  answered_ = last.ended == attempt_result::kind::answered;
  if (answered_ && (status_ < 200 || status_ > 299) && status_ != 101)
    here_.requests.route_service_answered(logged(), service_->url.authority, status_);
  const auto ended = exchange_times::clock::now();
  service_times_ = session_->facts().times(ended);
  if (open && is_down(last)) {
    bypass_route_service();
    co_return true;
  }
  if (answered_)
    ;
  else if (session_->facts().given_up() && last.ended == attempt_result::kind::failed && !client_gone_)
    co_await respond(net::describe(router_error::route_service_timeout, head.host));
  else
    co_await answer_failure(last);
  times_.proxied = exchange_times::clock::now();
  co_return false;
}

/// Whether the service could not be asked, or broke off before it answered: another may do its work in its
/// stead. Not if the app may have the request already, nor if there is nobody left to answer, or nothing of
/// the request left to send.
bool exchange::is_down(const attempt_result& last) const {
  return last.ended == attempt_result::kind::failed
         && last.why != routing::failure_class::response_header_limits
         && last.why != routing::failure_class::client_cancelled && !client_gone_ && !body_spent_
         && !session_->facts().has_come_back();
}

/// The request goes on as one of an unbound route. Its session is remembered, to refuse the service that wakes
/// up too late: the app would see the request twice. (Another router does not know, and lets it pass.)
void exchange::bypass_route_service() {
  bypassed_ = true;
  where_ = net::situation::unbound;
  service_ = nullptr;
  session_->give_up_service();
  std::erase_if(head.fields, [](const net::field& each) {
    return each.id == x_cf_forwarded_url || each.id == x_cf_proxy_signature || each.id == x_cf_proxy_metadata;
  });
  here_.metrics.count(net::request_event::route_service_bypassed);
}

} // namespace shunt
