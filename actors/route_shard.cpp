#include "actors/policy.hpp"
#include "actors/route_shard.work.hpp"
#include "net/request_id.hpp"

#include <algorithm>
#include <span>

namespace shunt {

namespace {

constexpr std::size_t warmed_together = 32; ///< Registrations whose memory is awaited at once.
constexpr std::size_t prune_budget = 2'000; ///< Routes and endpoints a step looks at.

std::int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

} // namespace

shard_behaviour::shard_behaviour(shard_self self, route_shard_options options, net::component_log& log,
                                 net::registry_metrics* metrics)
  : self_{self}, options_{std::move(options)}, log_{&log}, metrics_{metrics} {
  auto& s = state();
  auto how = replica_rules();
  how.hash_key = net::request_ids{}.random();
  s.replica.emplace(options_.rules, how, now());
  s.kept.emplace(*s.replica);
  s.wishes.emplace(options_.confirm_timeout);
  s.leases.outlive(options_.loops_to_renew);
  s.holds.emplace(options_.hold, options_.conns_per_endpoint, options_.room,
                  shard_holds::surroundings{
                    .table = table(),
                    .demand = options_.demand,
                    .in_sync = [&s] { return s.replica->in_sync(); },
                    .push = [this] { push(); },
                    .send_off =
                      [this](const routing::hold_ticket& who, bool refused) {
                        self_->send(state().leases.holders()[who.holder], hold_over{who.id, refused});
                      },
                    .announce_after =
                      [this](std::chrono::nanoseconds wait) {
                        self_->delayed_send(self_, wait, announce_demand{});
                      }});
  if (metrics_ != nullptr)
    metrics_->forget_pools(); // A predecessor's.
  count_routes();
  if (options_.board)
    s.counted_before = options_.board->counted(options_.index);
  s.lines.emplace(log, options_.rules.http2);
  prune_later();
}

void shard_behaviour::follow(const policy& rules) {
  const auto next = route_shard_options_of(rules.settings, options_.index, options_.count);
  const bool other_beat = next.prune_interval != options_.prune_interval;
  options_.rules = next.rules;
  options_.prune_interval = next.prune_interval;
  options_.suspend_pruning_without_nats = next.suspend_pruning_without_nats;
  options_.register_interval = next.register_interval;
  options_.return_interval = next.return_interval;
  options_.tombstone_life = next.tombstone_life;
  state().replica->set_rules(options_.rules, replica_rules());
  state().holds->set_limits(next.hold, next.conns_per_endpoint);
  state().wishes->set_patience(next.confirm_timeout);
  state().lines->http2 = options_.rules.http2;
  count_routes();
  tell_checker();
  push_soon();
  if (!other_beat)
    return;
  ++state().beat;
  prune_later();
}

void shard_behaviour::note_standstills() const {
  if (!options_.pauses)
    return;
  const bool was_in_sync = in_sync();
  const auto times = options_.pauses->count(net::standstill::clock::now());
  state().replica->note_standstills(times, options_.pauses->has_caught_up(times));
  if (was_in_sync && !in_sync())
    push();
}

// -- What is heard.

void shard_behaviour::apply(const registration_batch& batch) const {
  const auto now = this->now();
  const auto now_ns = unix_now_ns();
  const auto heard = brought_at(batch.source.get(), now);
  const auto waited_since = batch.source ? batch.source->waited_since : std::nullopt;
  if (!state().replica->holds())
    return;
  const std::span all{*batch.registrations};
  std::vector<const routing::registration*> awaited;
  const auto known_before = table().route_count();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % warmed_together == 0)
      table().warm(all.subspan(i, std::min(warmed_together, all.size() - i)));
    const auto& each = all[i];
    if (each.unregister) {
      const auto result = table().unregister_endpoint(each, heard, waited_since);
      state().lines->unregistered(each, result);
      count(each, result, now);
    } else {
      const auto result = table().register_endpoint(each, heard, now_ns, waited_since);
      state().lines->registered(each, result);
      count(each, result, now, now_ns);
      if (result.outcome == routing::register_outcome::added && !state().holds->empty())
        awaited.push_back(&each);
    }
  }
  count_routes();
  tell_checker();
  push_soon();
  for (const auto* each : awaited)
    state().holds->awake(each->host(), each->path());
  if (table().route_count() < known_before)
    state().holds->dismiss_strays();
  state().replica->applied(now);
}

void shard_behaviour::reserve(const reserve_routes& reservations) const {
  for (const auto& each : *reservations.made)
    table().reserve(each, now());
  count_routes();
  push_soon();
}

void shard_behaviour::unreserve(const unreserve_routes& reservations) const {
  for (const auto& [host, path] : *reservations.routes)
    table().unreserve(host, path, now());
  count_routes();
  state().holds->dismiss_strays();
  push_soon();
}

void shard_behaviour::fail(const endpoint_failed& failed) const {
  const auto endpoint = table().endpoint_at(failed.host, failed.path, failed.address);
  if (!endpoint)
    return; // It left meanwhile.
  state().lines->failed(*endpoint,
                        table().report_failure(failed.host, failed.path, failed.address,
                                                      failed.prune_tls && !options_.cluster, now()));
  if (failed.prune_tls && options_.cluster)
    state().replica->endpoint_failed({failed.host, failed.path, failed.address});
  count_routes();
  tell_checker();
  push_soon();
}

// -- Health checks.

void shard_behaviour::have_checked(const check_health& m) const {
  state().checker = m.by;
  tell_checker();
  push_soon();
}

void shard_behaviour::judge(const endpoint_judged& m) const {
  table().judge(m.said);
  push_soon();
}

// -- Requests that wait for a first endpoint.

void shard_behaviour::hold(const hold_request& asked) const {
  state().holds->hold(asked, {know(asked.holder), asked.id});
}

void shard_behaviour::release(const release_hold& over) const {
  state().holds->release(over, {state().leases.position_of(over.holder), over.id});
}

// -- Ageing.

void shard_behaviour::prune(const prune_routes& step) const {
  auto& s = state();
  if (step.begin && step.beat != s.beat)
    return;
  if (step.begin) {
    prune_later();
    if (!s.replica->may_prune(now())) {
      if (options_.index == 0) // All shards suspend at once; one of them says so.
        log_->info(".registry", "prune-suspended", {});
      return;
    }
    if (options_.index == 0) // Here, too, for all.
      log_->debug(".registry", "start-pruning-routes", {});
    s.cycle_began = now();
  }
  if (options_.cluster && !s.replica->holds())
    return; // What is borrowed ages elsewhere.
  routing::prune_result pruned;
  const bool done = s.replica->prune_step(s.cycle_began, prune_budget, now(), pruned);
  s.lines->pruned(pruned);
  if (metrics_ != nullptr)
    metrics_->pruned(pruned.endpoints);
  count_routes();
  tell_checker();
  s.holds->dismiss_strays();
  push_soon();
  if (!done)
    self_->send(self_, prune_routes{false});
  else if (options_.index == 0)
    log_->debug(".registry", "finished-pruning-routes", {});
}

void shard_behaviour::prune_later() const {
  if (options_.prune_interval.count() > 0)
    self_->delayed_send(self_, options_.prune_interval, prune_routes{true, state().beat});
}

void shard_behaviour::count(const routing::registration& heard, routing::register_result result,
           clock::time_point now, std::int64_t now_ns) const {
  const auto action = net::action_of(result.outcome);
  if (metrics_ == nullptr || !action)
    return;
  metrics_->registered(heard.target->tag("component"), *action);
  if (result.route_added)
    metrics_->route_registered();
  metrics_->heard(now);
  if (const auto stamp = heard.target->updated_at_ns();
      stamp != 0 && result.outcome == routing::register_outcome::added)
    metrics_->registered_after(std::chrono::nanoseconds{now_ns - stamp});
}

void shard_behaviour::count(const routing::registration& heard, routing::unregister_result result,
           clock::time_point now) const {
  if (metrics_ == nullptr || result.outcome == routing::unregister_outcome::not_accepted)
    return;
  metrics_->unregistered(heard.target->tag("component"));
  if (result.route_emptied || result.route_gone)
    metrics_->route_unregistered();
  metrics_->heard(now);
}

void shard_behaviour::count_routes() const {
  if (metrics_ == nullptr)
    return;
  metrics_->holds(table().route_count(), table().endpoint_count());
  for (const auto& pool : table().take_hash_pools())
    metrics_->pool(pool.uri, pool.endpoints);
}

void shard_behaviour::tell_checker() const {
  if (!state().checker || !table().has_changed_checks())
    return;
  auto routes =
    std::make_shared<const std::vector<routing::checked_route>>(table().take_checks());
  self_->send(state().checker, check_routes{options_.index, self_, std::move(routes)});
}

namespace {

/// The handler that makes this call, after which the replica is asked what follows.
template <class Message>
auto on(std::shared_ptr<const shard_behaviour> it, void (shard_behaviour::*handle)(const Message&) const) {
  return [it = std::move(it), handle](const Message& m) {
    it->note_standstills();
    ((*it).*handle)(m);
    it->follow();
  };
}

route_shard_actor::behavior_type shard_behavior(shard_self self, route_shard_options options,
                                        net::component_log* log, net::registry_metrics* metrics) {
  const auto it = std::make_shared<shard_behaviour>(self, std::move(options), *log, metrics);
  it->follow();
  return {
    on(it, &shard_behaviour::apply),
    on(it, &shard_behaviour::reserve),
    on(it, &shard_behaviour::unreserve),
    on(it, &shard_behaviour::lease),
    on(it, &shard_behaviour::drop),
    on(it, &shard_behaviour::lease_wildcard_hosts),
    on(it, &shard_behaviour::note_applied),
    on(it, &shard_behaviour::hold),
    on(it, &shard_behaviour::release),
    [it](announce_demand) { it->announce_all(); },
    on(it, &shard_behaviour::fail),
    on(it, &shard_behaviour::have_checked),
    on(it, &shard_behaviour::judge),
    on(it, &shard_behaviour::nats),
    on(it, &shard_behaviour::routing_api),
    on(it, &shard_behaviour::doubt),
    [it](const list_routes& m) { return it->list(m); },
    on(it, &shard_behaviour::prune),
    on(it, &shard_behaviour::push_now),
    on(it, &shard_behaviour::tick),
    on(it, &shard_behaviour::hear),
    on(it, &shard_behaviour::see),
    on(it, &shard_behaviour::lose),
    on(it, &shard_behaviour::confirm),
    on(it, &shard_behaviour::ask),
    on(it, &shard_behaviour::look),
    on(it, &shard_behaviour::restore),
    on(it, &shard_behaviour::read),
    [it](const tell_slice& m) { return it->tell(m); },
    [it](const use_policy& m) {
      it->follow(*m.rules);
      it->follow();
    },
  };
}

} // namespace

route_shard_actor spawn_route_shard(caf::actor_system& system, route_shard_options options,
                                    net::component_log& log, net::registry_metrics* metrics) {
  return system.spawn(shard_behavior, std::move(options), &log, metrics);
}

} // namespace shunt
