#include "actors/exchange.hpp"

#include "actors/attempt.hpp"

#include <algorithm>
#include <ctime>

namespace shunt {

using namespace std::chrono_literals;
using net::router_error;

namespace {

constexpr std::uint64_t drained_bytes_max = 256 * 1024; ///< Of a body that nobody wanted.
constexpr std::size_t start_line_extra = 2; ///< What the parser counts and gorouter's sum does not.

std::int64_t wall_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

/// A host or address without what follows its first colon; an IP literal without its port.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('['))
    return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

constexpr std::size_t ordinary_bytes = 8 * 1024; ///< Of each part of an exchange.

template <class Container>
void trim(Container& reused) {
  if (reused.capacity() * sizeof(typename Container::value_type) > ordinary_bytes)
    Container{}.swap(reused);
}

bool is_websocket(const net::request_head& head) {
  return head.upgrade && net::iequals(head.upgrade_protocol, "websocket");
}

bool has_semicolon(std::string_view target) {
  return target.find(';') != std::string_view::npos;
}

std::string_view value_of(const net::request_head& head, std::string_view name) {
  const auto* found = net::find_field(head.fields, name);
  return found == nullptr ? std::string_view{} : found->value;
}

std::string_view value_of(const net::request_head& head, net::field_id id) {
  const auto* found = net::find_field(head.fields, id);
  return found == nullptr ? std::string_view{} : found->value;
}

} // namespace

net::task<void> exchange::serve(client_connection& client) {
  begin(client);
  const bool for_health = is_health_check();
  const bool for_router = for_health || head.form == net::target_form::asterisk;
  if (for_health) {
    co_await respond_health();
  } else if (for_router) {
    net::error_response answer;
    answer.status = 200;
    co_await respond(std::move(answer));
  } else if (auto refused = check()) {
    client_->close_after = true;
    co_await respond(std::move(*refused));
  } else if (body_is_broken()) {
    client_->close_after = client_->unread = true;
    co_await respond(net::describe(router_error::malformed_body, head.host));
  } else {
    co_await proxy();
  }
  co_await finish_request_body();
  times_.ended = exchange_times::clock::now();
  if (!for_router)
    count();
  log();
  endpoint_ = nullptr;
  rules_.reset();
}

std::size_t exchange::extra_bytes() const noexcept {
  const auto bytes = head.fields.capacity() * sizeof(net::field);
  return bytes > ordinary_bytes ? bytes : 0;
}

void exchange::shrink() {
  trim(out_);
  trim(answer_);
  trim(head.fields);
  trim(response_.fields);
  trim(key_.host);
  trim(key_.path);
  trim(router_error_);
  kept_head_ = {};
}

void exchange::begin(client_connection& client) {
  client_ = &client;
  rules_ = here_.rules;
  id_ = here_.ids.next();
  if (traced()) {
    trace_.begin(rules_->tracing, head.fields, id_, here_.ids.random());
    trace_.request_id().copy(id_.data(), id_.size());
  }
  times_ = {};
  times_.received_unix_ns = wall_clock_ns();
  times_.received = exchange_times::clock::now();
  request_body_.begin(head.framing, head.content_length);
  response_body_.begin(net::body_framing::none, 0);
  status_ = 0;
  own_body_bytes_ = 0;
  failed_attempts_ = 0;
  tunnelled_ = client_gone_ = body_spent_ = answered_ = false;
  router_error_.clear();
  cookie_line_.clear();
  backend_.clear();
  local_address_.clear();
  if (has_semicolon(head.target))
    here_.requests.semicolon(net::view(id_));
}

void exchange::keep_head() {
  net::move_views(head, kept_head_);
  client_->wire->unpin();
}

// -- Checks.

bool exchange::is_health_check() const {
  return value_of(head, net::field_id::user_agent) == rules_->settings.healthcheck_user_agent;
}

bool exchange::traced() const {
  return rules_->tracing.b3() || rules_->tracing.w3c();
}

bool exchange::wants_trace() const {
  const auto& key = rules_->settings.trace_key;
  return !key.empty() && value_of(head, net::field_id::x_vcap_trace) == key;
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
  if (rules_->settings.domains.empty())
    return false;
  const auto meant = rules_->domains.find(host);
  return client_->who->domain
         != (meant ? std::string_view{rules_->settings.domains[*meant].name} : std::string_view{});
}

/// Whether the part of a chunked body that came along breaks the coding. No backend need see that.
bool exchange::body_is_broken() const {
  if (head.framing != net::body_framing::chunked)
    return false;
  net::body_reader first;
  first.begin(head.framing, 0);
  return first.take(client_->wire->bytes()).malformed;
}

/// gorouter's sum over method, target, version, Host and fields is the head without its last line.
std::optional<net::error_response> exchange::check_size() const {
  const auto& settings = rules_->settings;
  const auto bytes_max = static_cast<std::size_t>(settings.request_header_bytes_max());
  const auto fields_max = static_cast<std::size_t>(settings.max_request_headers);
  const auto fields = head.fields.size() - (head.host.empty() ? 0 : 1);
  if (head.head_bytes - start_line_extra >= bytes_max || (fields_max > 0 && fields > fields_max))
    return net::describe(router_error::header_too_large, head.host);
  return std::nullopt;
}

// -- The route.

net::task<exchange::route> exchange::find_route() {
  routing::normalise_request(head.host, head.target, key_);
  // No route has so long a host. To ask for it would mean to remember it.
  if (key_.host.size() > routing::host_bytes_max)
    co_return route{here_.leases.may_deny() ? route::kind::none : route::kind::unknown, nullptr};
  auto* leased = here_.leases.find(key_.host);
  if (leased == nullptr) {
    const bool obtained = co_await here_.leases.obtain(key_.host);
    if (!obtained)
      co_return route{route::kind::unknown, nullptr};
    leased = here_.leases.find(key_.host);
    if (leased == nullptr) // Gone before this request had its turn: not known is not "not there".
      co_return route{route::kind::unknown, nullptr};
  }
  const auto matched = here_.leases.match(key_.host, leased, key_.path);
  switch (matched.what) {
    case routing::match_result::kind::found:
      route_host_ = matched.pool->host();
      route_path_ = matched.pool->path();
      co_return route{route::kind::found, matched.pool};
    case routing::match_result::kind::empty: co_return route{route::kind::empty, matched.pool};
    case routing::match_result::kind::none: break;
  }
  co_return route{here_.leases.may_deny() ? route::kind::none : route::kind::unknown, nullptr};
}

/// 404 only for what does not exist; 503 for what is known to exist, and for what cannot be known.
net::error_response exchange::no_route(const route& found) const {
  if (found.found == route::kind::none)
    return net::describe(router_error::unknown_route, head.host);
  if (found.found == route::kind::unknown)
    return net::describe(router_error::not_in_sync, head.host);
  auto answer = net::describe(router_error::no_endpoints, head.host);
  const auto& settings = rules_->settings;
  if (settings.legacy_empty_pools())
    return answer;
  const auto& empty = settings.empty_pool;
  answer.status = empty.status;
  answer.retry_after = std::chrono::ceil<std::chrono::seconds>(empty.retry_after);
  if (!empty.body.empty()) {
    answer.form = net::error_body::custom;
    answer.message = empty.body;
    if (!empty.content_type.empty())
      answer.content_type = empty.content_type;
  }
  return answer;
}

// -- Proxying.

net::task<void> exchange::proxy() {
  read_affinity();
  using demand = routing::instance_demand;
  if (wanted_.demand == demand::bad_app || wanted_.demand == demand::bad_process) {
    const bool app = wanted_.demand == demand::bad_app;
    co_await respond(net::describe(app ? router_error::invalid_app_instance
                                       : router_error::invalid_process_instance,
                                   head.host));
    co_return;
  }
  const bool timed = here_.metrics.times_lookups();
  const auto asked = timed ? exchange_times::clock::now() : exchange_times::clock::time_point{};
  auto found = co_await find_route();
  if (timed)
    here_.metrics.route_found(exchange_times::clock::now() - asked);
  const bool certain = wanted_.demand == demand::certain;
  if (certain && found.found != route::kind::unknown
      && (found.pool == nullptr || candidates(*found.pool) == 0)) {
    co_await respond(unknown_instance());
    co_return;
  }
  if (found.found != route::kind::found) {
    co_await respond(no_route(found));
    co_return;
  }
  routing::attempt_state attempts;
  attempts.only = certain ? &wanted_.only : nullptr;
  if (const auto& name = found.pool->traits().hash_header; !name.empty())
    attempts.hash_value = value_of(head, name);
  if (all_overloaded(*found.pool)) {
    loop_counters::add(here_.counters.backend_exhausted_conns);
    here_.requests.connection_limit_reached(net::view(id_));
    co_await respond(net::describe(router_error::connection_limit, head.host));
    co_return;
  }
  if (auto too_large = check_size()) { // The log names the app all the same.
    endpoint_ = routing::leased_endpoint_ptr{choose(*found.pool, attempts)};
    co_await respond(std::move(*too_large));
    co_return;
  }
  // A route with a route service is closed without it, never open: it may be what lets nobody in.
  if (!found.pool->traits().route_service_url.empty()) {
    co_await respond(net::describe(router_error::route_service_unsupported, head.host));
    co_return;
  }
  times_.proxying = exchange_times::clock::now();
  attempt_result last;
  last.ended = attempt_result::kind::failed;
  last.rule = routing::rule_of(routing::failure_class::no_endpoint);
  last.detail = "No endpoints available";
  for (std::size_t made = 0; made < rules_->attempts_max; ++made) {
    // The table may have changed since the attempt before: read the lease anew.
    if (made > 0)
      found = co_await find_route();
    auto* chosen = found.pool == nullptr || found.found != route::kind::found
                     ? nullptr
                     : choose(*found.pool, attempts);
    if (chosen == nullptr) {
      here_.requests.nothing_to_select(head.host, last.detail);
      break;
    }
    const auto endpoints = candidates(*found.pool);
    if (!routing::may_try(attempts, endpoints))
      break;
    endpoint_ = routing::leased_endpoint_ptr{chosen};
    times_.attempt = exchange_times::clock::now();
    last = co_await try_endpoint(*chosen);
    if (rules_->outliers.enabled())
      judge(last);
    if (last.ended != attempt_result::kind::failed)
      break;
    times_.last_failure = exchange_times::clock::now();
    ++failed_attempts_;
    report_failure(last, *endpoint_, endpoints);
    if (!last.rule.retry || body_spent_)
      break;
  }
  answered_ = last.ended == attempt_result::kind::answered;
  if (!answered_)
    co_await answer_failure(last);
  times_.proxied = exchange_times::clock::now();
}

net::task<attempt_result> exchange::try_endpoint(routing::leased_endpoint& endpoint) {
  here_.metrics.attempt_began(labels_of(endpoint));
  backend_ = endpoint.about().address();
  attempt trying{*this, endpoint};
  co_return co_await trying.run();
}

net::task<void> exchange::answer_failure(const attempt_result& last) {
  switch (last.ended) {
    case attempt_result::kind::bad_upgrade:
      if (is_websocket(head))
        loop_counters::add(here_.counters.websocket_failures);
      co_await respond(net::describe(router_error::bad_upgrade, head.host));
      break;
    case attempt_result::kind::malformed_request:
    case attempt_result::kind::late_request: {
      auto answer = net::describe(router_error::malformed_body, head.host);
      if (last.ended == attempt_result::kind::late_request) {
        answer = {};
        answer.status = 408;
      }
      client_->close_after = client_->unread = true;
      co_await respond(std::move(answer));
      // The deadline has ended the wire: only the socket itself can still say why.
      if (last.ended == attempt_result::kind::late_request)
        client_->wire->send_anyway(answer_);
      break;
    }
    default:
      if (is_websocket(head))
        loop_counters::add(here_.counters.websocket_failures);
      if (last.rule.status == 502)
        loop_counters::add(here_.counters.bad_gateways);
      here_.metrics.endpoint_failure(last.rule.status);
      co_await respond(net::endpoint_failure(last.rule.status, last.detail));
  }
}

void exchange::report_failure(const attempt_result& failed, routing::leased_endpoint& endpoint,
                              std::size_t endpoints) {
  const auto id = net::view(id_);
  here_.requests.attempt_failed({.endpoint = endpoint.about(),
                                 .request_id = id,
                                 .error = failed.detail,
                                 .local_address = progress_.local_address,
                                 .number = failed_attempts_,
                                 .endpoints = endpoints,
                                 .got_connection = progress_.got_connection,
                                 .wrote_head = progress_.wrote_head,
                                 .reused = progress_.reused,
                                 .retriable = failed.rule.retry,
                                 .resolve = times_.resolve,
                                 .dial = times_.dial,
                                 .handshake = times_.handshake});
  switch (failed.why) {
    case routing::failure_class::timeout: here_.requests.timed_out(id, failed.detail); break;
    case routing::failure_class::response_header_limits:
      here_.requests.too_many_response_headers(id, failed.detail);
      break;
    case routing::failure_class::client_cancelled:
      here_.requests.client_left(id, failed.detail);
      break;
    default: break;
  }
  // Who asks for a certain instance says nothing about how others should be routed.
  const bool pinned = wanted_.demand == routing::instance_demand::certain;
  if (pinned || (!failed.rule.mark && !failed.rule.prune_tls))
    return;
  // Here at once, elsewhere when the shard's push arrives.
  endpoint.failed_until = times_.last_failure + rules_->settings.droplet_stale_threshold / 4;
  here_.leases.endpoint_failed(route_host_, route_path_, endpoint.about().address(),
                               failed.rule.prune_tls);
}

/// What the end of an attempt says about its endpoint, if it says anything.
void exchange::judge(const attempt_result& ended) {
  using kind = attempt_result::kind;
  const bool clients_fault = ended.ended == kind::malformed_request
                             || ended.ended == kind::late_request
                             || ended.why == routing::failure_class::client_cancelled || client_gone_;
  auto* leased = here_.leases.find(route_host_);
  auto* pool = leased == nullptr ? nullptr : leased->pool(route_path_);
  if (clients_fault || pool == nullptr)
    return;
  const bool success = ended.ended == kind::answered && status_ < 500;
  if (pool->request_ended(*endpoint_, success, exchange_times::clock::now(), rules_->outliers)) {
    loop_counters::add(here_.counters.ejections);
    here_.requests.ejected(endpoint_->about());
  }
}

// -- The router's own answers.

net::task<void> exchange::respond(net::error_response answer) {
  // Requests that could not be routed, not those that were broken off.
  if (answer.form == net::error_body::plain && (answer.status == 400 || answer.status == 404))
    loop_counters::add(here_.counters.rejected_requests);
  status_ = answer.status;
  router_error_ = answer.router_error;
  if (answer.status != 404
      && (answer.form == net::error_body::plain || answer.form == net::error_body::custom))
    here_.requests.answered_error(net::body_of(answer));
  here_.dress(answer, net::view(id_), *rules_);
  own_body_bytes_ = head.method == "HEAD" ? 0 : net::body_of(answer).size();
  if (client_gone_) {
    own_body_bytes_ = 0;
    client_->close_after = true;
    co_return;
  }
  if (!head.keep_alive || here_.draining || head.expect_continue)
    client_->close_after = true;
  if (!request_body_.done() && head.content_length > drained_bytes_max)
    client_->close_after = client_->unread = true;
  answer_.clear();
  net::append_response(answer_, answer,
                       {.request_id = net::view(id_),
                        .date = here_.date.at(times_.received_unix_ns / 1'000'000'000),
                        .http_1_0 = head.version_minor == 0,
                        .keep_alive = !client_->close_after,
                        .head_request = head.method == "HEAD",
                        .rewrite = &rules_->rewrite});
  co_await client_->wire->send(answer_);
}

net::task<void> exchange::respond_health() {
  const bool healthy = here_.router.state.load(std::memory_order_relaxed) == health::healthy;
  if (!head.keep_alive || here_.draining || head.expect_continue || !request_body_.done())
    client_->close_after = true;
  status_ = healthy ? 200 : 503;
  answer_.assign("HTTP/1.1 ").append(std::to_string(status_)).append(" ");
  answer_.append(net::reason_of(status_));
  answer_.append("\r\nCache-Control: private, max-age=0\r\nExpires: 0\r\nX-Vcap-Request-Id: ");
  answer_.append(net::view(id_)).append("\r\n");
  rules_->rewrite.apply(answer_, 0);
  answer_.append(healthy ? "Content-Length: 3" : "Content-Length: 0");
  own_body_bytes_ = healthy && head.method != "HEAD" ? 3 : 0;
  if (client_->close_after)
    answer_.append("\r\nConnection: close");
  else if (head.version_minor == 0)
    answer_.append("\r\nConnection: keep-alive");
  answer_.append("\r\n\r\n");
  if (healthy && head.method != "HEAD")
    answer_.append("ok\n");
  co_await client_->wire->send(answer_);
}

/// What the backend, or the router, did not want of the request's body stands before the next
/// request. A little is read and forgotten; for more, or for a client that waits to be asked, the
/// connection ends.
net::task<void> exchange::finish_request_body() {
  if (request_body_.done() || tunnelled_ || client_->http_major == 2)
    co_return; // What is left of a stream is nobody's next request.
  bool read = false;
  if (!client_->close_after && !head.expect_continue)
    read = co_await net::discard_body(client_->wire, request_body_, drained_bytes_max,
                                      rules_->settings.read_body_timeout);
  if (!read)
    client_->close_after = client_->unread = true;
}

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
    outcome.own = outcome.total - (times_.proxied - times_.proxying);
  }
  here_.metrics.request_ended(outcome);
}

// -- The access log.

std::string_view exchange::protocol() const {
  if (client_->http_major == 2)
    return "HTTP/2.0";
  return head.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

void exchange::log() {
  if (here_.router.access_log == nullptr)
    return;
  const auto ns = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
  };
  const bool proxied = times_.proxying.time_since_epoch().count() != 0;
  const bool reached = endpoint_ != nullptr;
  const auto& protected_names = rules_->settings.hop_by_hop_headers_to_filter;
  out_.clear();
  if (reached)
    net::append_forwarded_for(out_, head, client_->who->ip, protected_names);
  const auto& names = rules_->logged_headers;
  logged_values_.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    logged_values_[i] = traced() ? trace_.logged(names[i], head.fields) : value_of(head, names[i]);

  routing::access_record record;
  record.host = head.host;
  record.method = head.method;
  record.target = head.form == net::target_form::absolute ? head.path_and_query : head.target;
  record.protocol = protocol();
  record.referer = value_of(head, net::field_id::referer);
  record.user_agent = value_of(head, net::field_id::user_agent);
  record.remote_address = client_->who->address;
  record.backend_address = backend_;
  record.x_forwarded_for =
    reached ? std::string_view{out_} : value_of(head, net::field_id::x_forwarded_for);
  record.x_forwarded_proto = reached
                               ? net::forwarded_proto(head, client_->who->tls, proto_source(), protected_names)
                               : value_of(head, net::field_id::x_forwarded_proto);
  record.vcap_request_id = net::view(id_);
  if (reached) {
    record.app_id = endpoint_->about().app();
    record.app_index = endpoint_->about().instance_index();
    record.instance_id = endpoint_->about().instance_id();
  }
  record.x_cf_routererror = router_error_;
  if (router_error_.empty() && has_semicolon(head.target))
    record.x_cf_routererror = "deprecated-semicolon-params";
  record.extra_headers = logged_values_;
  record.started_at_ns = times_.received_unix_ns;
  record.response_time_ns = ns(times_.ended - times_.received);
  if (proxied) {
    record.gorouter_time_ns = record.response_time_ns - ns(times_.proxied - times_.proxying);
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
  record.rx_bytes = tunnelled_ ? 0 : request_body_.bytes_taken();
  record.tx_bytes = tunnelled_ ? 0 : response_body_.bytes_taken() + own_body_bytes_;
  record.failed_attempts = failed_attempts_;
  record.status = static_cast<std::uint16_t>(status_);
  here_.log_access(record);
}

} // namespace shunt
