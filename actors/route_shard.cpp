#include "actors/route_shard.hpp"

#include "actors/registry_log.hpp"
#include "actors/route_json.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <span>
#include <unordered_set>

namespace shunt {

namespace {

constexpr auto push_every = std::chrono::milliseconds{10};
constexpr auto announce_every = std::chrono::seconds{1};
constexpr std::size_t announced_at_once_max = 100; ///< Routes; the others have their turn later.
constexpr std::size_t warmed_together = 32; ///< Registrations whose memory is awaited at once.
constexpr std::size_t prune_budget = 2'000; ///< Routes and endpoints a step looks at.
constexpr std::size_t list_budget = 500;    ///< Hosts a piece of a list shows.

using clock = caf::actor_clock; // The steady clock, unless a test moves it.

std::int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

/// What a shard knows, and whom it tells.
struct route_shard_state {
  static constexpr const char* name = "route-shard";

  std::optional<routing::slice> slice;
  std::optional<registry_log> lines;
  std::optional<routing::hold_queue> holds;
  std::unordered_set<std::string> announced; ///< Routes, since the last `announce_demand`.
  std::string announced_last;     ///< Up to which route the last round came; empty: all.
  bool announcing = false;        ///< `announce_demand` is on its way.
  health_checker_actor checker; ///< Null: nobody checks.
  std::vector<lease_cache_actor> holders;
  /// Leased hosts, and by whom: positions in `holders`, a few.
  std::unordered_map<std::string, std::vector<std::uint16_t>> leased;
  std::uint64_t sequence = 0;
  clock::time_point push_not_before{};
  bool push_scheduled = false;
  bool in_sync = true;
  bool sync_changed = false;
  std::uint64_t doubts = 0;
  bool nats_connected = true;
  bool nats_drops = false; ///< Messages, and it is not over yet.
  bool routing_api_followed = true;
  bool refresh_before_pruning = false;
  clock::time_point cycle_began{};
  routing::prune_result pruned;
};

using shard_self = route_shard_actor::stateful_pointer<route_shard_state>;

/// The shard's behaviour: each handler makes one call into the slice.
class shard {
public:
  shard(shard_self self, route_shard_options options, net::component_log& log,
        net::registry_metrics* metrics)
    : self_{self}, options_{std::move(options)}, log_{&log}, metrics_{metrics} {
    state().slice.emplace(options_.rules);
    state().holds.emplace(options_.hold, options_.conns_per_endpoint, *options_.room);
    count_routes();
    state().lines.emplace(log);
    state().in_sync = options_.in_sync;
    if (options_.prune_interval.count() > 0)
      self_->delayed_send(self_, options_.prune_interval, prune_routes{true});
  }

  // -- What is heard.

  void apply(const registration_batch& batch) const {
    const auto now = this->now();
    const auto now_ns = unix_now_ns();
    const std::span all{*batch.registrations};
    std::vector<const routing::registration*> awaited;
    const auto known_before = state().slice->route_count();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i % warmed_together == 0)
        state().slice->warm(all.subspan(i, std::min(warmed_together, all.size() - i)));
      const auto& each = all[i];
      if (each.unregister) {
        const auto result = state().slice->unregister_endpoint(each, now);
        state().lines->unregistered(each, result);
        count(each, result, now);
      } else {
        const auto result = state().slice->register_endpoint(each, now, now_ns);
        state().lines->registered(each, result);
        count(each, result, now, now_ns);
        if (result.outcome == routing::register_outcome::added && !state().holds->empty())
          awaited.push_back(&each);
      }
    }
    count_routes();
    tell_checker();
    push_soon();
    for (const auto* each : awaited) {
      let_go(each->host(), each->path());
      for (const auto& below : state().holds->below(uri_of(each->host(), each->path())))
        send_off(state().holds->dismiss(below)); // For longer paths without endpoints it may serve.
    }
    if (state().slice->route_count() < known_before)
      dismiss_strays();
  }

  void reserve(const reserve_routes& reservations) const {
    for (const auto& each : *reservations.made)
      state().slice->reserve(each, now());
    count_routes();
    push_soon();
  }

  void unreserve(const unreserve_routes& reservations) const {
    for (const auto& [host, path] : *reservations.routes)
      state().slice->unreserve(host, path, now());
    count_routes();
    dismiss_strays();
    push_soon();
  }

  void fail(const endpoint_failed& failed) const {
    const auto endpoint = state().slice->endpoint_at(failed.host, failed.path, failed.address);
    if (!endpoint)
      return; // It left meanwhile.
    state().lines->failed(*endpoint,
                          state().slice->report_failure(failed.host, failed.path, failed.address,
                                                        failed.prune_tls, now()));
    count_routes();
    tell_checker();
    push_soon();
  }

  // -- Health checks.

  void have_checked(const check_health& m) const {
    state().checker = m.by;
    tell_checker();
    push_soon();
  }

  void judge(const endpoint_judged& m) const {
    state().slice->judge(m.said);
    push_soon();
  }

  // -- Requests that wait for a first endpoint.

  void hold(const hold_request& asked) const {
    const auto route = state().slice->state_of(asked.host, asked.path);
    const routing::hold_ticket who{know(asked.holder), asked.id};
    if (asked.again && route.endpoints > 0) {
      state().holds->rejoin(uri_of(asked.host, asked.path), who, asked.bytes);
      look_again_soon();
      return;
    }
    // A successor that does not know the route yet may be about to hear of it.
    if (route.endpoints > 0 || (!route.known && state().in_sync)) {
      push(); // So that the holder sees what it was late to hear of.
      self_->send(asked.holder, hold_over{asked.id});
      return;
    }
    const auto uri = uri_of(asked.host, asked.path);
    if (!state().holds->join(uri, who, asked.bytes)) {
      self_->send(asked.holder, hold_over{asked.id, true});
      return;
    }
    if (state().holds->waiting(uri) == 1)
      announce(uri, route.app, 1);
  }

  void release(const release_hold& over) const {
    state().holds->leave(uri_of(over.host, over.path), {position_of(over.holder), over.id});
    let_go(over.host, over.path);
  }

  /// Sends off whom the endpoints may take, after what they must know to find these.
  void let_go(std::string_view host, std::string_view path) const {
    if (state().holds->empty())
      return;
    const auto endpoints = state().slice->state_of(host, path).endpoints;
    send_off(state().holds->let_go(uri_of(host, path), endpoints));
  }

  void send_off(const std::vector<routing::hold_ticket>& off) const {
    if (!off.empty())
      push();
    for (const auto& each : off)
      self_->send(state().holders[each.holder], hold_over{each.id});
  }

  /// Nobody waits for a route that is not known any more.
  void dismiss_strays() const {
    if (!state().in_sync)
      return;
    std::vector<std::string> gone;
    state().holds->for_each([&](std::string_view uri, std::size_t) {
      const auto [host, path] = key_of(uri);
      if (!state().slice->state_of(host, path).known)
        gone.emplace_back(uri);
    });
    for (const auto& uri : gone)
      send_off(state().holds->dismiss(uri));
  }

  /// At once, and then once a second for as long as somebody waits.
  void announce(std::string_view uri, std::string_view app, std::size_t waiting) const {
    auto& s = state();
    if (!options_.demand)
      return;
    look_again_soon();
    if (s.announced.size() < announced_at_once_max && s.announced.emplace(uri).second)
      self_->send(options_.demand, route_demand{std::string{uri}, std::string{app}, waiting});
  }

  void look_again_soon() const {
    if (!std::exchange(state().announcing, true))
      self_->delayed_send(self_, announce_every, announce_demand{});
  }

  void announce_all() const {
    auto& s = state();
    s.announcing = false;
    s.announced.clear();
    std::vector<std::pair<std::string_view, std::size_t>> due;
    s.holds->for_each([&](std::string_view uri, std::size_t waiting) { due.emplace_back(uri, waiting); });
    // From where the last round ended, so that all have their turn.
    const auto from = std::find_if(due.begin(), due.end(),
                                   [&](const auto& each) { return each.first > s.announced_last; });
    std::rotate(due.begin(), from, due.end());
    if (due.size() > announced_at_once_max)
      due.resize(announced_at_once_max);
    s.announced_last = due.empty() ? std::string{} : std::string{due.back().first};
    std::vector<std::string> filled; // By requests that never waited, of whose ends nobody tells.
    for (const auto& [uri, waiting] : due) {
      const auto [host, path] = key_of(uri);
      const auto route = s.slice->state_of(host, path);
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

  // -- Leases.

  void lease(const lease_host& wanted) const {
    push();
    const auto holder = know(wanted.holder);
    auto& of_host = state().leased[wanted.host];
    if (of_host.empty())
      state().slice->watch(wanted.host);
    if (std::find(of_host.begin(), of_host.end(), holder) == of_host.end())
      of_host.push_back(holder);
    grant(wanted.holder, state().slice->grant(wanted.host));
  }

  void drop(const drop_lease& dropped) const {
    const auto found = state().leased.find(dropped.host);
    if (found == state().leased.end() || std::erase(found->second, position_of(dropped.holder)) == 0
        || !found->second.empty())
      return;
    state().slice->unwatch(dropped.host);
    state().leased.erase(found);
  }

  void lease_wildcard_hosts(const lease_wildcards& wanted) const {
    push();
    know(wanted.holder);
    for (auto& each : state().slice->grant_wildcards())
      grant(wanted.holder, std::move(each));
    self_->send(wanted.holder, host_granted{options_.index, options_.incarnation, state().sequence,
                                            state().in_sync, nullptr});
  }

  /// Pushes at once after a quiet time, and at most every 10 ms while things change.
  void push_soon() const {
    if (state().push_scheduled || !anything_to_push())
      return;
    const auto wait = state().push_not_before - now();
    if (wait.count() <= 0) {
      push();
      return;
    }
    state().push_scheduled = true;
    self_->delayed_send(self_, wait, push_changes{});
  }

  void push() const {
    state().push_scheduled = false;
    if (!anything_to_push())
      return;
    state().push_not_before = now() + push_every;
    std::shared_ptr<const std::vector<routing::host_change>> changes;
    if (state().slice->has_changes())
      changes =
        std::make_shared<const std::vector<routing::host_change>>(state().slice->take_changes());
    state().sync_changed = false;
    ++state().sequence;
    for (const auto& holder : state().holders)
      self_->send(holder, hosts_changed{options_.index, options_.incarnation, state().sequence,
                                        state().in_sync, changes});
  }

  // -- Doubt.

  void nats(const nats_changed& change) const {
    auto& s = state();
    s.nats_drops = change.dropped;
    if (!change.dropped)
      s.nats_connected = change.connected;
    if (!s.nats_connected)
      s.refresh_before_pruning = true;
    doubt();
  }

  void routing_api(const routing_api_changed& change) const {
    state().routing_api_followed = change.followed;
    doubt();
  }

  /// Nothing unknown is denied from now on until everybody had time to register; and nobody is
  /// heard for certain while NATS is away or loses messages, or the Routing API is away.
  void doubt() const {
    auto& s = state();
    s.sync_changed = s.sync_changed || s.in_sync;
    s.in_sync = false;
    ++s.doubts;
    if (s.nats_connected && !s.nats_drops && s.routing_api_followed)
      self_->delayed_send(self_, options_.register_interval, heard_all{s.doubts});
    push_soon();
  }

  void certain(const heard_all& since) const {
    if (since.generation != state().doubts)
      return;
    state().in_sync = state().sync_changed = true;
    dismiss_strays();
    push_soon();
  }

  // -- Ageing.

  void prune(const prune_routes& step) const {
    auto& s = state();
    if (step.begin) {
      self_->delayed_send(self_, options_.prune_interval, prune_routes{true});
      if (!s.nats_connected && options_.suspend_pruning_without_nats) {
        if (options_.index == 0) // All shards suspend at once; one of them says so.
          log_->info(".registry", "prune-suspended", {});
        return;
      }
      log_->debug(".registry", "start-pruning-routes", {{"shard", options_.index}});
      s.cycle_began = now();
      s.pruned = {};
      if (std::exchange(s.refresh_before_pruning, false) && options_.suspend_pruning_without_nats)
        s.slice->refresh_all(s.cycle_began);
    }
    const bool done = s.slice->prune_step(s.cycle_began, prune_budget, s.pruned);
    state().lines->pruned(s.pruned);
    if (metrics_ != nullptr)
      metrics_->pruned(s.pruned.endpoints);
    count_routes();
    s.pruned = {};
    tell_checker();
    dismiss_strays();
    push_soon();
    if (done)
      log_->debug(".registry", "finished-pruning-routes", {{"shard", options_.index}});
    else
      self_->send(self_, prune_routes{false});
  }

  route_list list(const list_routes& from) const {
    route_list piece;
    piece.next = state().slice->for_each_route(
      from.cursor, list_budget, [&](const routing::slice::route_view& route) {
        auto uri = std::string{route.host};
        if (!route.path.empty())
          uri.append("/").append(route.path);
        piece.routes.emplace_back(std::move(uri), route_json(route));
      });
    return piece;
  }

private:
  route_shard_state& state() const { return self_->state; }
  clock::time_point now() const { return self_->clock().now(); }

  // -- What is counted.

  void count(const routing::registration& heard, routing::register_result result,
             clock::time_point now, std::int64_t now_ns) const {
    const auto action = net::action_of(result.outcome);
    if (metrics_ == nullptr || !action)
      return;
    metrics_->registered(heard.target->tag("component"), *action);
    metrics_->heard(now);
    if (const auto stamp = heard.target->updated_at_ns();
        stamp != 0 && result.outcome == routing::register_outcome::added)
      metrics_->registered_after(std::chrono::nanoseconds{now_ns - stamp});
  }

  void count(const routing::registration& heard, routing::unregister_result result,
             clock::time_point now) const {
    if (metrics_ == nullptr || result.outcome == routing::unregister_outcome::not_accepted)
      return;
    metrics_->unregistered(heard.target->tag("component"));
    metrics_->heard(now);
  }

  void count_routes() const {
    if (metrics_ != nullptr)
      metrics_->holds(state().slice->route_count(), state().slice->endpoint_count());
  }

  /// Before a push: routes that are not checked any more lose their verdicts here.
  void tell_checker() const {
    if (!state().checker || !state().slice->has_changed_checks())
      return;
    auto routes =
      std::make_shared<const std::vector<routing::checked_route>>(state().slice->take_checks());
    self_->send(state().checker, check_routes{options_.index, self_, std::move(routes)});
  }

  static std::string uri_of(std::string_view host, std::string_view path) {
    return std::string{host}.append("/").append(path);
  }
  static std::pair<std::string_view, std::string_view> key_of(std::string_view uri) {
    const auto slash = uri.find('/');
    return {uri.substr(0, slash), uri.substr(slash + 1)};
  }

  bool anything_to_push() const { return state().slice->has_changes() || state().sync_changed; }

  /// Where `holder` stands among the holders; behind them all if it is none.
  std::uint16_t position_of(const lease_cache_actor& holder) const {
    const auto& holders = state().holders;
    return static_cast<std::uint16_t>(std::find(holders.begin(), holders.end(), holder)
                                      - holders.begin());
  }

  std::uint16_t know(const lease_cache_actor& holder) const {
    const auto position = position_of(holder);
    if (position == state().holders.size())
      state().holders.push_back(holder);
    return position;
  }

  void grant(const lease_cache_actor& holder, routing::host_grant granted) const {
    self_->send(
      holder, host_granted{options_.index, options_.incarnation, state().sequence, state().in_sync,
                           std::make_shared<routing::host_grant>(std::move(granted))});
  }

  shard_self self_;
  route_shard_options options_;
  net::component_log* log_;
  net::registry_metrics* metrics_;
};

route_shard_actor::behavior_type behave(shard_self self, route_shard_options options,
                                        net::component_log* log, net::registry_metrics* metrics) {
  const shard it{self, std::move(options), *log, metrics};
  return {
    [it](const registration_batch& m) { it.apply(m); },
    [it](const reserve_routes& m) { it.reserve(m); },
    [it](const unreserve_routes& m) { it.unreserve(m); },
    [it](const lease_host& m) { it.lease(m); },
    [it](const drop_lease& m) { it.drop(m); },
    [it](const lease_wildcards& m) { it.lease_wildcard_hosts(m); },
    [](const changes_applied&) {}, // Confirmation will rest on these.
    [it](const hold_request& m) { it.hold(m); },
    [it](const release_hold& m) { it.release(m); },
    [it](announce_demand) { it.announce_all(); },
    [it](const endpoint_failed& m) { it.fail(m); },
    [it](const check_health& m) { it.have_checked(m); },
    [it](const endpoint_judged& m) { it.judge(m); },
    [it](const nats_changed& m) { it.nats(m); },
    [it](const routing_api_changed& m) { it.routing_api(m); },
    [it](registrations_asked) { it.doubt(); },
    [it](const list_routes& m) { return it.list(m); },
    [it](const prune_routes& m) { it.prune(m); },
    [it](push_changes) { it.push(); },
    [it](const heard_all& m) { it.certain(m); },
  };
}

} // namespace

route_shard_options route_shard_options_of(const config::settings& settings, std::size_t index,
                                           std::size_t shards) {
  route_shard_options options;
  options.index = index;
  options.prune_interval = settings.prune_stale_droplets_interval;
  options.suspend_pruning_without_nats = settings.suspend_pruning_if_nats_unavailable;
  options.register_interval = settings.start_response_delay_interval;
  auto& rules = options.rules;
  rules.stale_threshold = settings.droplet_stale_threshold;
  switch (settings.routing_table_sharding_mode) {
    case config::routing_table_sharding_mode::all:
      rules.sharding = routing::segment_mode::all;
      break;
    case config::routing_table_sharding_mode::segments:
      rules.sharding = routing::segment_mode::segments;
      break;
    case config::routing_table_sharding_mode::shared_and_segments:
      rules.sharding = routing::segment_mode::shared_and_segments;
      break;
  }
  rules.isolation_segments = settings.isolation_segments;
  rules.keep = settings.empty_pool.keep;
  rules.keep_routes_max =
    (static_cast<std::size_t>(settings.empty_pool.keep_routes_max) + shards - 1) / shards;
  rules.legacy = settings.legacy_empty_pools();
  rules.response_503 = settings.empty_pool_response_code_503.value_or(false);
  rules.empty_timeout = settings.empty_pool_timeout;
  options.hold = {.requests_per_route = static_cast<std::size_t>(settings.hold.requests_per_route),
                  .bytes_per_route = static_cast<std::size_t>(settings.hold.bytes_per_route),
                  .requests = static_cast<std::size_t>(settings.hold.requests),
                  .bytes = static_cast<std::size_t>(settings.hold.bytes)};
  options.conns_per_endpoint = static_cast<std::size_t>(settings.backends.max_conns);
  return options;
}

route_shard_actor spawn_route_shard(caf::actor_system& system, route_shard_options options,
                                    net::component_log& log, net::registry_metrics* metrics) {
  return system.spawn(behave, std::move(options), &log, metrics);
}

} // namespace shunt
