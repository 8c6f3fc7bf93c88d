// The thread, the token and the list. It waits in one place only, `step`, which lets the stream's
// events in at any time: also while a list or a token is awaited. Following the stream is in
// routing_api_client.events.cpp.
#include "net/routing_api_client.hpp"
#include "net/routing_api_client.readers.hpp"

#include "net/background_thread.hpp"
#include "net/component_log.hpp"
#include "net/request_id.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr auto credit_patience = 100ms;  ///< How soon stop() is noticed while shards are busy.
constexpr auto first_list_patience = 5s; ///< For the stream, which is to be there before the list.

} // namespace

routing_api_client::routing_api_client(routing_api_options options, routing_api_handler& handler,
                                       component_log& log)
  : options_(std::move(options)),
    handler_(handler),
    log_(log),
    credit_(std::make_shared<nats_credit>(std::max<std::size_t>(options_.batches_alive_max, 1))),
    token_(options_.token_expiry_buffer),
    dice_(request_ids{}.random()),
    backoff_(options_.retry_min) {
}

routing_api_client::~routing_api_client() {
  stop();
}

// -- Starting and stopping

void routing_api_client::connect() try {
  std::string problem;
  if (!token(problem))
    throw routing_api_error{"unable-to-fetch-token: " + problem};
  if (problem = fetch_list(); !problem.empty())
    throw routing_api_error{problem};
} catch (const routing_api_error&) {
  throw;
} catch (const std::runtime_error& unusable) {
  throw routing_api_error{unusable.what()};
}

void routing_api_client::start() {
  if (thread_.joinable())
    throw routing_api_error{"start() comes once"};
  list_at_ = clock::now() + std::min<clock::duration>(options_.list_interval, first_list_patience);
  thread_ = std::thread{[this] { run(); }};
}

void routing_api_client::stop() noexcept {
  stopping_ = true;
  transfers_.wake();
  if (thread_.joinable())
    thread_.join();
}

void routing_api_client::refresh() noexcept {
  refresh_asked_ = true;
  transfers_.wake();
}

void routing_api_client::use(routing_api_options options) {
  {
    const std::lock_guard lock{wish_mutex_};
    wished_ = std::move(options);
  }
  transfers_.wake();
}

void routing_api_client::take_wish() {
  std::optional<routing_api_options> wish;
  {
    const std::lock_guard lock{wish_mutex_};
    wish.swap(wished_);
  }
  if (!wish)
    return;
  const bool other_api = wish->url != options_.url;
  const bool other_token = wish->auth_disabled != options_.auth_disabled || wish->token_url != options_.token_url
                           || wish->client_name != options_.client_name
                           || wish->client_secret != options_.client_secret
                           || wish->token_tls != options_.token_tls;
  const bool other_peer = other_api || other_token || wish->tls != options_.tls;
  options_ = std::move(*wish);
  token_.set_expiry_buffer(options_.token_expiry_buffer);
  if (other_token)
    token_.forget();
  if (other_peer) // Whether they are of use shows at once.
    list_at_ = clock::now();
  if (!other_api)
    return;
  events_.reset();
  following_ = false;
  set_certain(false);
  subscribe_at_ = clock::now();
}

void routing_api_client::run() noexcept {
  yield_to_loops();
  log_.debug(log_source, "created-ticker", {{"interval_ms", options_.list_interval.count()}});
  log_.info(log_source, "syncer-started");
  running_ = true;
  hand_over(); // What connect() fetched.
  while (!stopping_) {
    take_wish();
    tend_events(clock::now());
    if (refresh_asked_.exchange(false) || clock::now() >= list_at_)
      refresh_routes();
    step(next_due());
  }
  events_.reset();
  log_.info(log_source, "stopping");
}

routing_api_client::clock::time_point routing_api_client::next_due() const {
  if (!events_)
    return std::min(list_at_, subscribe_at_);
  return events_->outcome() ? clock::now() : list_at_;
}

// -- Waiting

void routing_api_client::step(clock::time_point until) {
  if (stopping_)
    return;
  transfers_.run(until);
  hand_over();
}

void routing_api_client::pause(std::chrono::milliseconds time) {
  const auto until = clock::now() + time;
  while (!stopping_ && clock::now() < until)
    step(until);
}

http_outcome routing_api_client::fetch(const http_request& request, const http_tls& tls,
                                       http_reader& reader) {
  const auto transfer = transfers_.begin(request, tls, reader);
  while (!transfer->outcome()) {
    if (stopping_)
      return {.status = 0, .said = {}, .error = "stopped", .silent = false};
    step(clock::time_point::max());
  }
  return *transfer->outcome();
}

http_request routing_api_client::request_for(std::string_view path,
                                             const std::string& token) const {
  http_request request{.url = options_.url + std::string{path}};
  request.headers = {"Authorization: bearer " + token};
  request.connect_patience = options_.connect_patience;
  request.head_patience = options_.list_patience;
  return request;
}

// -- The token

/// None: `problem` says why.
std::optional<std::string> routing_api_client::token(std::string& problem) {
  if (options_.auth_disabled)
    return std::string{};
  if (const auto* known = token_.find(clock::now()))
    return *known;
  for (std::uint32_t retries = 0;; ++retries) {
    routing_api_token fetched;
    problem = fetch_token(fetched);
    if (problem.empty()) {
      auto text = fetched.text;
      token_.keep(std::move(fetched), clock::now());
      return text;
    }
    if (retries >= options_.token_retries_max || stopping_)
      break;
    log_.debug(log_source, "retry-fetching-token", {{"error", problem}});
    pause(options_.token_retry_interval);
  }
  counters_.token_fetch_errors.fetch_add(1, std::memory_order_relaxed);
  return std::nullopt;
}

/// Empty, or what went wrong.
std::string routing_api_client::fetch_token(routing_api_token& into) {
  log_.debug(log_source, "fetching-token");
  http_request request{.url = options_.token_url};
  request.headers = {"Accept: application/json"};
  request.form = "grant_type=client_credentials&token_format=jwt";
  request.user = options_.client_name;
  request.password = options_.client_secret;
  request.connect_patience = options_.connect_patience;
  request.whole_patience = options_.token_patience;
  kept_answer answer;
  const auto outcome = fetch(request, options_.token_tls, answer);
  if (!outcome.ok())
    return outcome.problem();
  auto [token, reason] = read_token(answer.text);
  if (!token)
    return reason;
  into = std::move(*token);
  log_.debug(log_source, "token-fetched-successfully");
  return {};
}

// -- The list

/// Empty, or what went wrong.
std::string routing_api_client::fetch_list() {
  for (bool again = false;; again = true) {
    log_.debug(log_source, "syncer-fetching-token");
    std::string problem;
    const auto allowed = token(problem);
    if (!allowed)
      return problem;
    log_.debug(log_source, "syncer-fetching-routes");
    auto request = request_for("/routing/v1/routes", *allowed);
    request.whole_patience = options_.list_patience;
    request.body_bytes_max = options_.list_bytes_max;
    list_reader reader{*this};
    routes_.begin_list();
    const auto outcome = fetch(request, options_.tls, reader);
    if (outcome.status != 401 || again)
      return finish_list(reader, outcome);
    token_.forget();
  }
}

std::string routing_api_client::finish_list(const list_reader& reader,
                                            const http_outcome& outcome) {
  if (!reader.error().empty())
    return "the list of routes: " + std::string{reader.error()};
  if (!outcome.ok())
    return outcome.status == 401 ? "unauthorized" : outcome.problem();
  if (!reader.complete())
    return "the list of routes: it has no end";
  log_.debug(log_source, "syncer-refreshing-endpoints", {{"number-of-routes", reader.listed()}});
  for (auto& gone : routes_.end_list())
    add(std::move(gone));
  hand_over();
  counters_.lists.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void routing_api_client::refresh_routes() {
  log_.debug(log_source, "syncer-fetch-routes-started");
  const bool first_of_stream = std::exchange(list_follows_subscription_, false);
  const bool followed = following_;    // All the while: its end is noticed elsewhere.
  list_at_ = clock::time_point::max(); // Unless it is brought forward while this list is fetched.
  std::string problem;
  try {
    problem = fetch_list();
  } catch (const std::exception& failed) {
    problem = failed.what();
  }
  auto wait = options_.list_interval;
  if (!problem.empty() && !stopping_) {
    log_.error(log_source, first_of_stream ? "failed-to-refresh-routes" : "failed-to-fetch-routes",
               {{"error", problem}});
    wait = std::min(wait, options_.retry_max);
  }
  list_at_ = std::min(list_at_, clock::now() + wait);
  if (problem.empty() && followed)
    set_certain(true);
  log_.debug(log_source, "syncer-fetch-routes-completed");
}

// -- Handing over

std::optional<routing::registration> routing_api_client::read(std::string_view json,
                                                              bool unregister) {
  const auto route = reader_.read(json);
  if (!route) {
    reject(json, route.reason());
    return std::nullopt;
  }
  auto made = make_registration(*route, unregister);
  if (!made)
    reject(json, "route: no host in it, or more text than a route may have");
  return made;
}

void routing_api_client::reject(std::string_view json, std::string_view reason) {
  constexpr std::size_t shown_bytes_max = 1024;
  counters_.rejected.fetch_add(1, std::memory_order_relaxed);
  if (const auto suppressed = rejections_.admit())
    log_.error(log_source, "validation-error",
               {{"error", reason},
                {"payload", json.substr(0, shown_bytes_max)},
                {"suppressed", *suppressed}});
}

void routing_api_client::add(routing::registration registration) {
  batch_.push_back(std::move(registration));
  if (batch_.size() >= options_.batch_routes_max)
    hand_over();
}

void routing_api_client::hand_over() {
  if (!running_)
    return;
  auto waiting = std::exchange(batch_, {});
  const auto most = std::max<std::size_t>(options_.batch_routes_max, 1);
  for (auto from = waiting.begin(); from != waiting.end();) {
    while (!credit_->take(credit_patience))
      if (stopping_)
        return;
    const auto left = static_cast<std::size_t>(waiting.end() - from);
    const auto to = from + static_cast<std::ptrdiff_t>(std::min(left, most));
    handler_.on_registrations({std::move_iterator{from}, std::move_iterator{to}},
                              nats_batch{{}, credit_});
    from = to;
  }
}

void routing_api_client::set_certain(bool certain) {
  if (std::exchange(certain_, certain) == certain)
    return;
  if (certain)
    handler_.on_synchronised();
  else
    handler_.on_out_of_date();
}

} // namespace shunt::net
