#include "actors/exchange.hpp"

#include "actors/attempt.hpp"
#include "net/log_limiter.hpp"
#include "net/open_sockets.hpp"

#include <algorithm>
#include <ctime>

namespace shunt {

using namespace std::chrono_literals;
using net::router_error;

namespace {

std::int64_t wall_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

constexpr std::size_t ordinary_bytes = 8 * 1024; ///< Of each part of an exchange.
net::log_limiter upstream_limits{1}; ///< The process's, as what it tells of is.

template <class Container>
void trim(Container& reused) {
  if (reused.capacity() * sizeof(typename Container::value_type) > ordinary_bytes)
    Container{}.swap(reused);
}

} // namespace

net::task<void> exchange::serve(client_connection& client) {
  begin(client);
  const bool unnoted = head.form == net::target_form::asterisk; // As what gorouter's library answers by itself.
  const bool for_router = unnoted || is_health_check();
  std::string defect;
  try {
    co_await answer();
  } catch (const std::exception& thrown) {
    defect.append("panic: ").append(thrown.what());
  }
  if (!defect.empty())
    co_await own_up(defect);
  leave_sessions();
  if (!request_body_.done() && !tunnelled_)
    co_await finish_request_body();
  times_.ended = exchange_times::clock::now();
  if (!for_router)
    count();
  if (!unnoted)
    log();
  endpoint_ = nullptr;
  service_ = nullptr;
  held_.reset();
  rules_.reset();
}

/// One of those that know how; none waits for another here.
net::task<void> exchange::answer() {
  if (head.form == net::target_form::asterisk) {
    net::error_response nothing;
    nothing.status = 200;
    return respond(std::move(nothing));
  }
  if (is_health_check())
    return respond_health();
  if (auto refused = check())
    return respond(std::move(*refused));
  if (body_is_broken()) {
    client_->close_after = client_->unread = true;
    return respond(net::describe(router_error::malformed_body, head.host));
  }
  return proxy();
}

std::size_t exchange::extra_bytes() const noexcept {
  const auto beyond_ordinary = [](std::size_t bytes) { return bytes > ordinary_bytes ? bytes : 0; };
  return beyond_ordinary(head.fields.capacity() * sizeof(net::field))
         + beyond_ordinary(head_text.capacity()) + beyond_ordinary(outline.kept_bytes());
}

void exchange::shrink() {
  held_.reset();
  endpoint_ = nullptr;
  service_ = nullptr;
  rules_.reset();
  trim(out_);
  trim(answer_);
  trim(head.fields);
  trim(response_.fields);
  trim(key_.host);
  trim(key_.path);
  trim(router_error_);
  trim(policy_rule_);
  trim(forwarded_url_);
  trim(signature_.signature);
  trim(signature_.metadata);
  head_text.clear();
  trim(head_text);
  trim(response_text_);
  trim(logged_tags_);
  if (outline.kept_bytes() > ordinary_bytes)
    outline = {};
  leave_sessions(); // They are left already, unless the request ended by an exception.
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
  where_ = net::situation::unbound;
  signed_ = bypassed_ = proto_settled_ = false;
  service_times_ = {};
  tunnelled_ = client_gone_ = body_spent_ = answered_ = false;
  router_error_.clear();
  policy_rule_.clear();
  cookie_line_.clear();
  backend_.clear();
  local_address_.clear();
  if (has_semicolon())
    here_.requests.semicolon(logged());
}

void exchange::keep_head() {
  if (head_text.empty())
    net::move_views(head, head_text);
  client_->wire->unpin();
}

// -- The route.

void exchange::note_route(const routing::leased_pool& pool) {
  route_host_ = pool.host();
  route_path_ = pool.path();
}

std::optional<exchange::route> exchange::leased_route() {
  const route absent{here_.leases.may_deny() ? route::kind::none : route::kind::unknown, nullptr};
  // No route has so long a host. To ask for it would mean to remember it.
  if (key_.host.size() > routing::host_bytes_max)
    return absent;
  auto* const leased = here_.leases.find(key_.host);
  if (leased == nullptr)
    return std::nullopt;
  const auto matched = here_.leases.match(key_.host, leased, key_.path);
  switch (matched.what) {
    case routing::match_result::kind::found: return route{route::kind::found, matched.pool};
    case routing::match_result::kind::empty: return route{route::kind::empty, matched.pool};
    case routing::match_result::kind::none: break;
  }
  return absent;
}

std::optional<exchange::route> exchange::known_route(std::string_view host, std::string_view target) {
  routing::normalise_request(host, target, key_);
  return leased_route();
}

net::task<exchange::route> exchange::find_route(std::string_view host, std::string_view target) {
  if (const auto known = known_route(host, target))
    co_return *known;
  const bool obtained = co_await here_.leases.obtain(key_.host);
  if (obtained)
    if (const auto known = leased_route())
      co_return *known;
  co_return route{route::kind::unknown, nullptr}; // Not known, or gone meanwhile, is not "not there".
}

/// 404 only for what does not exist; 503 for what is known to exist, and for what cannot be known.
net::error_response exchange::no_route(const route& found) const {
  if (found.found == route::kind::none)
    return net::describe(router_error::unknown_route, head.host);
  if (found.found == route::kind::unknown)
    return net::describe(router_error::not_in_sync, head.host);
  static const routing::route_options nothing;
  const auto& own = found.pool->traits().options ? *found.pool->traits().options : nothing;
  auto answer = net::describe(router_error::no_endpoints, head.host);
  const auto& settings = rules_->settings;
  const auto& empty = settings.empty_pool;
  const bool legacy = settings.legacy_empty_pools();
  if (own.empty_status != 0)
    answer.status = own.empty_status;
  else if (!legacy)
    answer.status = empty.status;
  if (own.retry_after)
    answer.retry_after = *own.retry_after;
  else if (!legacy)
    answer.retry_after = std::chrono::ceil<std::chrono::seconds>(empty.retry_after);
  const bool nodes = own.empty_body.empty();
  if (nodes && (legacy || empty.body.empty()))
    return answer;
  answer.form = net::error_body::custom;
  answer.message = nodes ? empty.body : own.empty_body;
  if (const auto& type = nodes ? empty.content_type : own.empty_content_type; !type.empty())
    answer.content_type = type;
  return answer;
}

// -- Proxying.

std::optional<net::error_response> exchange::refuse_instance() const {
  using demand = routing::instance_demand;
  const bool app = wanted_.demand == demand::bad_app;
  if (!app && wanted_.demand != demand::bad_process)
    return std::nullopt;
  here_.requests.instance_header_refused(
    logged(), app ? "X-CF-App-Instance" : "X-CF-Process-Instance",
    net::value_of(head.fields, app ? net::field_id::x_cf_app_instance : net::field_id::x_cf_process_instance));
  return net::describe(app ? router_error::invalid_app_instance : router_error::invalid_process_instance, head.host);
}

/// What the route itself refuses, before its endpoints are looked at one by one.
std::optional<net::error_response> exchange::refuse_route(routing::leased_pool& pool, routing::attempt_state& attempts,
                                                          bool lonely) {
  if (is_denied(pool, nullptr)) { // The log names the app all the same.
    endpoint_ = routing::leased_endpoint_ptr{choose(pool, attempts)};
    return net::describe(router_error::policy_denied, head.host);
  }
  if (!lonely && all_overloaded(pool)) {
    loop_counters::add(here_.counters.backend_exhausted_conns);
    here_.requests.connection_limit_reached(logged());
    return net::describe(router_error::connection_limit, head.host);
  }
  auto too_large = check_size();
  if (too_large) // As above.
    endpoint_ = routing::leased_endpoint_ptr{choose(pool, attempts)};
  return too_large;
}

std::string_view exchange::hash_value(const routing::leased_pool& of) const {
  const auto& name = of.traits().hash_header;
  return name.empty() ? std::string_view{} : net::value_of(head.fields, name);
}

net::task<exchange::way> exchange::open_way(route& found, routing::attempt_state& attempts) {
  if (auto refused = refuse_instance())
    co_return way{false, std::move(refused)};
  const bool timed = here_.metrics.times_lookups();
  const auto asked = timed ? exchange_times::clock::now() : exchange_times::clock::time_point{};
  // Here and elsewhere on the way of every request: no coroutine is begun that would have nothing to wait for.
  if (const auto known = known_route(head.host, head.target))
    found = *known;
  else
    found = co_await find_route(head.host, head.target);
  if (timed)
    here_.metrics.route_found(exchange_times::clock::now() - asked);
  const bool certain = wanted_.demand == routing::instance_demand::certain;
  if (certain && found.found != route::kind::unknown && (found.pool == nullptr || candidates(*found.pool) == 0))
    co_return way{false, unknown_instance()};
  const auto has_service = [](const route& of) {
    return of.pool != nullptr && !of.pool->traits().route_service_url.empty();
  };
  bool bound = has_service(found);
  // Without endpoints nobody can tell whether a policy's scope would let the client in.
  const bool lonely = bound && found.found == route::kind::empty && found.pool->policy() == nullptr
                      && rules_->settings.route_services.without_backends;
  if (!lonely && may_hold(found)) {
    found = co_await await_endpoint(found);
    if (client_gone_)
      co_return way{};
    bound = has_service(found);
  }
  if (found.found != route::kind::found && !lonely)
    co_return way{false, no_route(found)};
  note_route(*found.pool);
  attempts.only = certain ? &wanted_.only : nullptr;
  attempts.hash_value = hash_value(*found.pool);
  if (auto refused = refuse_route(*found.pool, attempts, lonely))
    co_return way{false, std::move(refused)};
  if (!net::value_of(head.fields, net::field_id::x_cf_proxy_signature).empty()) {
    auto refused = co_await judge_signature(bound);
    if (refused)
      co_return way{false, std::move(refused)};
  }
  proto_settled_ = true;
  // A route with a route service is closed without it, unless it says otherwise: it may be what lets nobody in.
  if (bound && where_ != net::situation::from_route_service) {
    if (!lonely && admits_nowhere(*found.pool))
      co_return way{false, net::describe(router_error::policy_denied, head.host)};
    const auto& traits = found.pool->traits();
    const bool bypassed = co_await ask_route_service(traits.route_service_url, fails_open(*found.pool));
    if (!bypassed)
      co_return way{};
  }
  if (bound || use_) // While its signature was judged, or the service asked, the table may have changed.
    found = co_await find_route(head.host, head.target);
  if (may_hold(found)) {
    found = co_await await_endpoint(found);
    if (client_gone_)
      co_return way{};
  }
  if (found.found != route::kind::found)
    co_return way{false, no_route(found)};
  attempts.hash_value = hash_value(*found.pool);
  co_return way{true, std::nullopt};
}

net::task<void> exchange::proxy() {
  read_affinity();
  route found;
  routing::attempt_state attempts;
  auto opened = co_await open_way(found, attempts);
  if (!opened.open) {
    if (opened.refusal)
      co_await respond(std::move(*opened.refusal));
    co_return;
  }
  if (!bypassed_) // What the service took was not the router's own time either.
    times_.proxying = exchange_times::clock::now();
  attempt_result last;
  last.ended = attempt_result::kind::failed;
  last.rule = routing::rule_of(routing::failure_class::no_endpoint);
  constexpr std::string_view nobody = "No endpoints available";
  bool tried = false;
  for (std::size_t made = 0; made < rules_->attempts_max; ++made) {
    // The table may have changed since the attempt before: read the lease anew.
    if (made > 0)
      found = co_await find_route(head.host, head.target);
    if (found.pool != nullptr && !may_go_to_app(*found.pool))
      break; // It was bound, or bound otherwise, meanwhile.
    if (found.pool != nullptr)
      note_route(*found.pool);
    auto* chosen = found.pool == nullptr || found.found != route::kind::found
                     ? nullptr
                     : choose(*found.pool, attempts);
    if (chosen == nullptr) {
      here_.requests.nothing_to_select(logged(), head.host, tried ? std::string_view{last.detail} : nobody);
      break;
    }
    const auto endpoints = candidates(*found.pool);
    if (!routing::may_try(attempts, endpoints))
      break;
    endpoint_ = routing::leased_endpoint_ptr{chosen};
    if (is_denied(*found.pool, &chosen->about())) {
      last.ended = attempt_result::kind::denied;
      break;
    }
    times_.attempt = exchange_times::clock::now();
    last = co_await try_endpoint(*chosen);
    tried = true;
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
  if (!tried && last.ended == attempt_result::kind::failed)
    last.detail = nobody;
  if (!answered_)
    co_await answer_failure(last);
  times_.proxied = exchange_times::clock::now();
}

net::task<attempt_result> exchange::try_endpoint(routing::leased_endpoint& endpoint) {
  if (where_ != net::situation::to_route_service) { // Which is no backend.
    here_.metrics.attempt_began(labels_of(endpoint));
    backend_ = endpoint.about().address();
  }
  attempt_heard_ = heard(&policy::tells_attempts);
  times_.answering = {};
  attempt trying{*this, endpoint};
  auto ended = co_await trying.run();
  if (attempt_heard_)
    log_attempt(endpoint);
  co_return ended;
}

net::task<void> exchange::answer_failure(const attempt_result& last) {
  switch (last.ended) {
    case attempt_result::kind::bad_upgrade:
      if (is_websocket())
        loop_counters::add(here_.counters.websocket_failures);
      co_await respond(net::describe(router_error::bad_upgrade, head.host));
      break;
    case attempt_result::kind::denied:
      co_await respond(net::describe(router_error::policy_denied, head.host));
      break;
    case attempt_result::kind::overloaded:
      loop_counters::add(here_.counters.shed);
      if (upstream_limits.admit())
        here_.router.log.warn(".router", "upstream-limit-reached", {{"sockets", net::open_sockets.open()}});
      client_->close_after = true; // Which leaves one more.
      co_await respond(net::describe(router_error::overloaded, head.host));
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
      if (is_websocket())
        loop_counters::add(here_.counters.websocket_failures);
      if (last.rule.status == 502)
        loop_counters::add(here_.counters.bad_gateways);
      here_.metrics.endpoint_failure(last.rule.status);
      co_await respond(net::endpoint_failure(last.rule.status, last.detail));
  }
}

void exchange::report_failure(const attempt_result& failed, routing::leased_endpoint& endpoint,
                              std::size_t endpoints) {
  const auto id = logged();
  here_.requests.attempt_failed({.endpoint = endpoint.about(),
                                 .request = id,
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
      here_.requests.too_many_response_headers(id, failed.detail, false);
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
  endpoint.failed_until =
    std::max(endpoint.failed_until,
             times_.last_failure + rules_->settings.droplet_stale_threshold / 4);
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
  if (clients_fault || ended.ended == kind::overloaded || pool == nullptr)
    return;
  // It may have been registered anew meanwhile, otherwise than before: then another stands in its place.
  auto* judged = pool->find_address(endpoint_->about().address());
  if (judged == nullptr)
    return;
  const bool success = ended.ended == kind::answered && status_ < 500;
  if (pool->request_ended(*judged, success, exchange_times::clock::now(), rules_->outliers)) {
    loop_counters::add(here_.counters.ejections);
    here_.requests.ejected(judged->about());
  }
}

} // namespace shunt
