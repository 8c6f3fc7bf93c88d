// Following the stream of changes: seeking it, hearing it, losing it.
#include "net/routing_api_client.hpp"
#include "net/routing_api_client.readers.hpp"

#include "net/component_log.hpp"

#include <algorithm>
#include <utility>

namespace shunt::net {

namespace {

constexpr std::size_t shown_bytes_max = 1024; ///< Of an event in the log.

} // namespace

void routing_api_client::tend_events(clock::time_point now) {
  if (events_ && events_->outcome())
    stream_ended(*events_->outcome());
  if (!events_ && now >= subscribe_at_ && !stopping_)
    subscribe();
}

void routing_api_client::subscribe() try {
  std::string problem;
  const auto allowed = token(problem);
  if (!allowed) {
    if (!stopping_)
      log_.error(log_source, "failed-to-fetch-token", {{"error", problem}});
    return subscribe_later(false);
  }
  log_.info(log_source, "subscribing-to-routing-api-event-stream");
  auto request = request_for("/routing/v1/events", *allowed);
  request.headers.push_back("Accept: text/event-stream");
  request.silence_patience = options_.silence_patience;
  request.body_bytes_max = 0;
  events_ = std::make_unique<event_reader>(*this);
  events_->begin(request);
} catch (const std::exception& failed) {
  events_.reset();
  counters_.subscribe_events_errors.fetch_add(1, std::memory_order_relaxed);
  log_.error(log_source, "failed-subscribing-to-routing-api-event-stream",
             {{"error", failed.what()}});
  subscribe_later(false);
}

/// The stream is there. What happened before is in the list, which is asked for now.
void routing_api_client::subscribed() {
  following_ = true;
  list_follows_subscription_ = true;
  list_at_ = clock::now();
  log_.info(log_source, "Successfully-subscribed-to-routing-api-event-stream");
}

void routing_api_client::stream_ended(const http_outcome& outcome) {
  const bool was_there = std::exchange(following_, false);
  const bool had_lasted = was_there && clock::now() - events_->following_since() >= backoff_;
  if (outcome.status == 401)
    token_.forget();
  const auto problem = outcome.status == 401 ? std::string{"unauthorized"}
                       : outcome.ok()        ? std::string{"EOF"}
                                             : outcome.problem();
  if (was_there && outcome.silent) {
    log_.info(log_source, "routing-api-event-stream-silent", {{"error", problem}});
  } else {
    counters_.subscribe_events_errors.fetch_add(1, std::memory_order_relaxed);
    log_.error(log_source,
               was_there ? "failed-getting-next-event: "
                         : "failed-subscribing-to-routing-api-event-stream",
               {{"error", problem}});
  }
  set_certain(false);
  subscribe_later(had_lasted);
  events_.reset();
}

/// Waits the longer, the more often it failed in a row, and never exactly as long as other routers.
void routing_api_client::subscribe_later(bool had_lasted) {
  if (had_lasted)
    backoff_ = options_.retry_min;
  auto wait = backoff_;
  if (const auto asked = events_ ? events_->retry() : std::nullopt)
    wait = std::clamp(*asked, options_.retry_min, options_.retry_max);
  const auto jitter = dice_.below(static_cast<std::uint64_t>(wait.count()) / 4 + 1);
  subscribe_at_ = clock::now() + wait + std::chrono::milliseconds{jitter};
  backoff_ = std::min(2 * backoff_, options_.retry_max);
}

void routing_api_client::take(const server_event& event) {
  const bool upsert = event.type == "Upsert";
  const bool known = upsert || event.type == "Delete";
  if (!known && !event.too_large)
    return;
  if (log_.enabled(log_level::debug) && !event.too_large)
    if (const auto suppressed = event_lines_.admit())
      log_.debug(log_source, "received-event",
                 {{"action", event.type},
                  {"route", event.data.substr(0, shown_bytes_max)},
                  {"suppressed", *suppressed}});
  std::optional<routing::registration> route;
  if (event.too_large)
    reject({}, "the event is too large");
  else
    route = read(event.data, !upsert);
  if (!route) { // The list will tell what this one did not.
    list_at_ = std::min(list_at_, clock::now() + options_.retry_min);
    return;
  }
  counters_.events.fetch_add(1, std::memory_order_relaxed);
  if (upsert)
    routes_.upserted(*route);
  else
    routes_.deleted(*route);
  add(std::move(*route));
}

} // namespace shunt::net
