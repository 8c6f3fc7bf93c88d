#include "actors/shard_holds.hpp"

#include <algorithm>
#include <utility>

namespace shunt {

namespace {

constexpr auto announce_every = std::chrono::seconds{1};
constexpr std::size_t announced_at_once_max = 100; ///< Routes; the others have their turn later.

std::string uri_of(std::string_view host, std::string_view path) {
  return std::string{host}.append("/").append(path);
}

std::pair<std::string_view, std::string_view> key_of(std::string_view uri) {
  const auto slash = uri.find('/');
  return {uri.substr(0, slash), uri.substr(slash + 1)};
}

} // namespace

shard_holds::shard_holds(routing::hold_limits limits, std::size_t conns_per_endpoint,
                         std::shared_ptr<routing::hold_room> room, surroundings around)
  : around_{std::move(around)}, room_{std::move(room)},
    queue_{limits, conns_per_endpoint, *room_} {
}

void shard_holds::hold(const hold_request& asked, routing::hold_ticket who) {
  const auto route = around_.table.state_of(asked.host, asked.path);
  if (asked.again && route.endpoints > 0) {
    queue_.rejoin(uri_of(asked.host, asked.path), who, asked.bytes);
    look_again_soon();
    return;
  }
  // A copy that is not in sync may be about to hear of a route that it does not know.
  if (route.endpoints > 0 || (!route.known && around_.in_sync())) {
    around_.push(); // So that the holder sees what it was late to hear of.
    around_.send_off(who, false);
    return;
  }
  const auto uri = uri_of(asked.host, asked.path);
  if (!queue_.join(uri, who, asked.bytes)) {
    around_.send_off(who, true);
    return;
  }
  if (queue_.waiting(uri) == 1)
    announce(uri, route.app, 1);
}

void shard_holds::release(const release_hold& over, routing::hold_ticket who) {
  queue_.leave(uri_of(over.host, over.path), who);
  let_go(over.host, over.path);
}

void shard_holds::awake(std::string_view host, std::string_view path) {
  let_go(host, path);
  for (const auto& below : queue_.below(uri_of(host, path)))
    send_off(queue_.dismiss(below)); // For longer paths without endpoints it may serve.
}

/// Sends off whom the endpoints may take, after what they must know to find these.
void shard_holds::let_go(std::string_view host, std::string_view path) {
  if (queue_.empty())
    return;
  const auto endpoints = around_.table.state_of(host, path).endpoints;
  send_off(queue_.let_go(uri_of(host, path), endpoints));
}

void shard_holds::send_off(const std::vector<routing::hold_ticket>& off) {
  if (!off.empty())
    around_.push();
  for (const auto& each : off)
    around_.send_off(each, false);
}

void shard_holds::dismiss_strays() {
  if (queue_.empty() || !around_.in_sync())
    return;
  std::vector<std::string> gone;
  queue_.for_each([&](std::string_view uri, std::size_t) {
    const auto [host, path] = key_of(uri);
    if (!around_.table.state_of(host, path).known)
      gone.emplace_back(uri);
  });
  for (const auto& uri : gone)
    send_off(queue_.dismiss(uri));
}

/// At once, and then once a second for as long as somebody waits.
void shard_holds::announce(std::string_view uri, std::string_view app, std::size_t waiting) {
  if (!around_.demand)
    return;
  look_again_soon();
  if (announced_.size() < announced_at_once_max && announced_.emplace(uri).second)
    caf::anon_send(around_.demand, route_demand{std::string{uri}, std::string{app}, waiting});
}

void shard_holds::look_again_soon() {
  if (!std::exchange(announcing_, true))
    around_.announce_after(announce_every);
}

void shard_holds::announce_all() {
  announcing_ = false;
  announced_.clear();
  std::vector<std::pair<std::string_view, std::size_t>> due;
  queue_.for_each([&](std::string_view uri, std::size_t waiting) { due.emplace_back(uri, waiting); });
  // From where the last round ended, so that all have their turn.
  const auto from = std::find_if(due.begin(), due.end(),
                                 [&](const auto& each) { return each.first > announced_last_; });
  std::rotate(due.begin(), from, due.end());
  if (due.size() > announced_at_once_max)
    due.resize(announced_at_once_max);
  announced_last_ = due.empty() ? std::string{} : std::string{due.back().first};
  std::vector<std::string> filled; // By requests that never waited, of whose ends nobody tells.
  for (const auto& [uri, waiting] : due) {
    const auto [host, path] = key_of(uri);
    const auto route = around_.table.state_of(host, path);
    if (route.endpoints > 0)
      filled.emplace_back(uri);
    else
      announce(uri, route.app, waiting);
  }
  if (!filled.empty())
    look_again_soon();
  for (const auto& uri : filled) {
    const auto [host, path] = key_of(uri);
    let_go(host, path);
  }
}

} // namespace shunt
