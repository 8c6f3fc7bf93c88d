#include "actors/route_shard.hpp"

#include "actors/heard_at.hpp"
#include "actors/kept_slice.hpp"
#include "actors/policy.hpp"
#include "actors/registry_log.hpp"
#include "actors/shard_changes.hpp"
#include "actors/shard_holds.hpp"
#include "actors/shard_leases.hpp"
#include "actors/shard_lists.hpp"
#include "actors/shard_wishes.hpp"
#include "routing/peer_pace.hpp"
#include "routing/shard_replica.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <span>

namespace shunt {

namespace {

constexpr auto push_every = std::chrono::milliseconds{10};
constexpr std::size_t warmed_together = 32; ///< Registrations whose memory is awaited at once.
constexpr std::size_t prune_budget = 2'000; ///< Routes and endpoints a step looks at.
constexpr std::size_t told_together = 256;  ///< Hosts in a piece of a snapshot.
constexpr auto restore_pause = std::chrono::milliseconds{10};
constexpr std::chrono::nanoseconds restored_within = std::chrono::seconds{10}; ///< By all shards, of what nobody waits for.

using clock = caf::actor_clock; // The steady clock, unless a test moves it.

std::int64_t unix_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
           std::chrono::system_clock::now().time_since_epoch())
    .count();
}

/// What a shard knows, and whom it tells.
struct route_shard_state {
  static constexpr const char* name = "route-shard";

  std::optional<routing::shard_replica> replica;
  std::optional<registry_log> lines;
  std::optional<shard_holds> holds;
  health_checker_actor checker; ///< Null: nobody checks.
  shard_leases leases;
  shard_changes changes;
  std::optional<shard_wishes> wishes;
  bool looking_at_changes = false; ///< `look_at_changes` is on its way.
  std::uint64_t sequence = 0; ///< Of pushes.
  clock::time_point push_not_before{};
  bool push_scheduled = false;
  std::optional<kept_slice> kept;
  foreign_lists lists;
  routing::peer_pace pace;
  std::map<routing::peer_id, std::deque<from_peer>> unheard; ///< Until these have been told less. Links wait with them.
  std::optional<clock::time_point> tick_at; ///< When `shard_tick` comes.
  shard_sync sync_told{}; ///< To the cluster.
  routing::replica_counters counted_before{}; ///< By predecessors.
  clock::time_point cycle_began{};
  std::uint64_t beat = 0; ///< Of pruning; another one with each interval.
};

using shard_self = route_shard_actor::stateful_pointer<route_shard_state>;

/// The shard's behaviour: each handler makes one call into the slice.
class shard {
public:
  shard(shard_self self, route_shard_options options, net::component_log& log,
        net::registry_metrics* metrics)
    : self_{self}, options_{std::move(options)}, log_{&log}, metrics_{metrics} {
    auto& s = state();
    s.replica.emplace(options_.rules, replica_rules(), now());
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
    s.lines.emplace(log);
    prune_later();
  }

  /// What it shares with others stays as it is.
  void follow(const policy& rules) {
    const auto next = route_shard_options_of(rules.settings, options_.index, options_.count);
    const bool other_beat = next.prune_interval != options_.prune_interval;
    options_.rules = next.rules;
    options_.prune_interval = next.prune_interval;
    options_.suspend_pruning_without_nats = next.suspend_pruning_without_nats;
    options_.register_interval = next.register_interval;
    options_.tombstone_life = next.tombstone_life;
    state().replica->set_rules(options_.rules, replica_rules());
    state().holds->set_limits(next.hold, next.conns_per_endpoint);
    state().wishes->set_patience(next.confirm_timeout);
    count_routes();
    push_soon();
    if (!other_beat)
      return;
    ++state().beat;
    prune_later();
  }

  /// Before every message: this may be the first thing that happens since the process stood still. Whoever relies on
  /// this shard hears of the doubt before anything else.
  void note_standstills() const {
    if (!options_.pauses)
      return;
    const bool was_in_sync = in_sync();
    const auto times = options_.pauses->count(net::standstill::clock::now());
    state().replica->note_standstills(times, options_.pauses->has_caught_up(times));
    if (was_in_sync && !in_sync())
      push();
  }

  // -- What is heard.

  void apply(const registration_batch& batch) const {
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

  void reserve(const reserve_routes& reservations) const {
    for (const auto& each : *reservations.made)
      table().reserve(each, now());
    count_routes();
    push_soon();
  }

  void unreserve(const unreserve_routes& reservations) const {
    for (const auto& [host, path] : *reservations.routes)
      table().unreserve(host, path, now());
    count_routes();
    state().holds->dismiss_strays();
    push_soon();
  }

  void fail(const endpoint_failed& failed) const {
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

  void have_checked(const check_health& m) const {
    state().checker = m.by;
    tell_checker();
    push_soon();
  }

  void judge(const endpoint_judged& m) const {
    table().judge(m.said);
    push_soon();
  }

  // -- Requests that wait for a first endpoint.

  void hold(const hold_request& asked) const {
    state().holds->hold(asked, {know(asked.holder), asked.id});
  }

  void release(const release_hold& over) const {
    state().holds->release(over, {state().leases.position_of(over.holder), over.id});
  }

  void announce_all() const { state().holds->announce_all(); }

  // -- Leases.

  void lease(const lease_host& wanted) const {
    note_restored(state().kept->restore_host(wanted.host, now()));
    push();
    const auto holder = know(wanted.holder);
    state().leases.add(wanted.host, holder);
    if (state().replica->want(wanted.host, now()))
      grant(wanted.holder, table().grant(wanted.host));
    else
      state().leases.await(wanted.host, holder);
  }

  void restore(const restore_slice& m) const {
    state().kept->take(m.from);
    if (in_sync())
      note_restored(state().kept->restore_all(now()));
    else // At first whoever asks has the processor.
      self_->delayed_send(self_, after_half(m.turn), read_slice{});
  }

  std::chrono::nanoseconds after_half(double turn) const {
    const auto half = std::min(options_.register_interval / 2, restored_within);
    return half + std::chrono::duration_cast<std::chrono::nanoseconds>(half * turn);
  }

  void read(const read_slice&) const {
    if (!state().kept->restore_some(now()))
      return;
    note_restored(true);
    self_->delayed_send(self_, restore_pause, read_slice{});
  }

  void note_restored(bool any) const {
    if (!any)
      return;
    count_routes();
    push_soon();
  }

  slice_piece tell(const tell_slice& from) const {
    note_restored(state().kept->restore_all(now()));
    auto hosts = std::make_shared<std::vector<routing::told_host>>();
    auto next = routing::slice::tell_end;
    if (state().replica->holds() && options_.cluster)
      next = table().tell_piece(from.cursor, told_together, now(), *hosts);
    return {std::move(hosts), next};
  }

  void drop(const drop_lease& dropped) const {
    if (state().leases.drop(dropped.host, dropped.holder))
      state().replica->release(dropped.host, now());
  }

  void lease_wildcard_hosts(const lease_wildcards& wanted) const {
    note_restored(state().kept->restore_host({}, now()));
    push();
    know(wanted.holder);
    for (auto& each : table().grant_wildcards())
      grant(wanted.holder, std::move(each));
    self_->send(wanted.holder, host_granted{options_.index, options_.incarnation, state().sequence,
                                            in_sync(), nullptr});
    push_soon();
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

  void push_now(const push_changes&) const { push(); }

  void push() const {
    state().push_scheduled = false;
    if (!anything_to_push())
      return;
    state().push_not_before = now() + push_every;
    auto changes = std::make_shared<const std::vector<routing::host_change>>(
      state().replica->take_changes(now()));
    if (changes->empty())
      changes = nullptr;
    ++state().sequence;
    if (in_sync())
      state().leases.note_pushed(state().sequence);
    for (const auto& holder : state().leases.holders())
      self_->send(holder, hosts_changed{options_.index, options_.incarnation, state().sequence,
                                        in_sync(), changes});
    if (changes && !state().holds->empty())
      awake(*changes);
  }

  /// Whoever waits for one of these, wherever it was heard.
  void awake(const std::vector<routing::host_change>& changes) const {
    for (const auto& host : changes)
      for (const auto& path : host.paths)
        if (path.now == routing::path_change::state::live)
          state().holds->awake(host.host, path.path);
  }

  // -- Doubt.

  void nats(const nats_changed& change) const {
    state().replica->nats(change.connected, change.dropped, now());
    push_soon();
  }

  void routing_api(const routing_api_changed& change) const {
    state().replica->routing_api(change.followed, now());
    push_soon();
  }

  void doubt(const registrations_asked&) const {
    state().replica->doubt(now());
    push_soon();
  }

  // -- Other nodes.

  void hear(const from_peer& m) const {
    auto& s = state();
    if (!s.unheard.contains(m.from) && !s.pace.is_enough(m.from, now()))
      return heed(m);
    s.unheard[m.from].push_back(m);
  }

  void hear_unheard() const {
    auto& s = state();
    for (auto at = s.unheard.begin(); at != s.unheard.end();) {
      auto& [peer, said] = *at;
      for (; !said.empty() && !s.pace.is_enough(peer, now()); said.pop_front()) {
        heed(said.front());
        send_outgoing();
      }
      at = said.empty() ? s.unheard.erase(at) : std::next(at);
    }
  }

  void heed(const from_peer& m) const {
    note_restored(state().kept->restore_asked(*m.what, now()));
    if (const auto* part = std::get_if<routing::slice_told>(m.what.get()))
      state().lists.collect(m.from, *part);
    if (std::holds_alternative<routing::lease_end>(*m.what))
      state().lists.lose(m.from);
    if (const auto* asked = std::get_if<routing::change_asked>(m.what.get()))
      state().changes.ask(m.from, *asked, now());
    else if (const auto* told = std::get_if<routing::change_told>(m.what.get()))
      tell_confirmer(m.from, *told);
    else if (const auto* piece = std::get_if<routing::transfer_piece>(m.what.get());
             piece != nullptr && state().lists.show(m.from, *piece, options_.rules, now()))
      return;
    else
      state().replica->receive(m.from, *m.what, now());
    changed_by_peers();
  }

  void see(const shard_view_changed& m) const {
    state().replica->see(m.view, now());
    changed_by_peers();
  }

  void lose(const peer_gone& m) const {
    state().replica->peer_gone(m.peer, now());
    state().changes.forget(m.peer);
    state().lists.lose(m.peer);
    state().unheard.erase(m.peer);
    state().pace.forget(m.peer);
    changed_by_peers();
  }

  // -- Changes that somebody waits for.

  void confirm(const confirm_change& wished) const {
    if (options_.confirmer)
      state().wishes->keep(wished, now());
  }

  void hand_on_wishes() const {
    auto& wishes = *state().wishes;
    if (wishes.empty())
      return;
    if (!state().replica->answers())
      return wishes.forget_old(now());
    for (auto& each : wishes.take(now()))
      self_->send(options_.confirmer, std::move(each));
  }

  void ask(const ask_change& m) const {
    state().changes.ask(routing::this_node, m.question, now());
  }

  void note_applied(const changes_applied& m) const {
    if (m.incarnation == options_.incarnation)
      state().leases.note_applied(m.holder, m.sequence);
  }

  void look(const look_at_changes&) const { state().looking_at_changes = false; }

  void look_at_waiting_changes() const {
    auto& s = state();
    if (s.changes.empty())
      return;
    for (const auto& each : s.changes.look(*s.replica, s.leases.applied_by_all(s.sequence), now(), [this] {
           push();
           return state().sequence;
         }))
      if (each.to == routing::this_node)
        tell_confirmer(each.to, each.told);
      else
        self_->send(options_.cluster,
                    to_peer{each.to, options_.index,
                            std::make_shared<const routing::replica_message>(each.told)});
    if (!s.changes.empty() && !std::exchange(s.looking_at_changes, true))
      self_->delayed_send(self_, shard_changes::look_every, look_at_changes{});
  }

  void tell_confirmer(routing::peer_id by, const routing::change_told& told) const {
    if (options_.confirmer)
      self_->send(options_.confirmer, change_answered{by, options_.index, told});
  }

  void tick(const shard_tick&) const {
    auto& at = state().tick_at;
    if (at && now() < *at)
      return; // That one is still to come. (Each brings the next about: two would go on for ever.)
    at.reset();
    note_restored(state().kept->restore_in_time(now()));
    state().replica->tick(now());
    changed_by_peers();
    hear_unheard();
  }

  void changed_by_peers() const {
    state().lines->pruned(state().replica->take_pruned());
    for (const auto& host : state().replica->take_answered())
      if (const auto awaiting = state().leases.take_awaiting(host); !awaiting.empty()) {
        push();
        for (const auto position : awaiting)
          grant(state().leases.holders()[position], table().grant(host));
      }
    count_routes();
    tell_checker();
    state().holds->dismiss_strays();
    push_soon();
  }

  /// What the replica has to say, and when it wants to be asked next. After every message.
  void follow() const {
    auto& s = state();
    hand_on_wishes();
    look_at_waiting_changes();
    if (options_.cluster) {
      send_outgoing();
      const shard_sync sync{options_.index, s.replica->holds_in_sync(), s.replica->has_caught_up()};
      if (sync.in_sync != s.sync_told.in_sync || sync.ready != s.sync_told.ready)
        self_->send(options_.cluster, s.sync_told = sync);
      if (options_.roles)
        options_.roles->set(options_.index, s.replica->holds());
      if (options_.board)
        options_.board->set(options_.index, *s.replica, s.counted_before);
      if (s.replica->take_wish_for_registrations())
        self_->send(options_.cluster, registrations_wished{});
    }
    auto due = s.replica->due();
    if (!s.unheard.empty())
      due = std::min(due.value_or(clock::time_point::max()), now() + routing::peer_pace::window);
    if (!due || (s.tick_at && *s.tick_at <= *due))
      return;
    s.tick_at = std::max(*due, now());
    self_->delayed_send(self_, *s.tick_at - now(), shard_tick{});
  }

  // -- Ageing.

  void prune(const prune_routes& step) const {
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
      log_->debug(".registry", "start-pruning-routes", {{"shard", options_.index}});
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
    if (done)
      log_->debug(".registry", "finished-pruning-routes", {{"shard", options_.index}});
    else
      self_->send(self_, prune_routes{false});
  }

  /// What is borrowed here a holder shows.
  caf::typed_response_promise<route_list> list(const list_routes& from) const {
    note_restored(state().kept->restore_all(now()));
    auto promise = self_->make_response_promise<route_list>();
    const auto lender = state().replica->lender();
    if (state().replica->holds())
      promise.deliver(list_some(table(), from.cursor));
    else if (!lender)
      promise.deliver(caf::make_error(caf::sec::request_receiver_down));
    else
      list_foreign(*lender, from.cursor, promise);
    return promise;
  }

private:
  void send_outgoing() const {
    for (auto& each : state().replica->take_outgoing()) {
      state().pace.said(each.to, each.what, now());
      self_->send(options_.cluster,
                  to_peer{each.to, options_.index,
                          std::make_shared<const routing::replica_message>(std::move(each.what))});
    }
  }

  routing::replica_rules replica_rules() const {
    return {.clustered = options_.cluster != nullptr,
            .in_sync = options_.in_sync,
            .register_interval = options_.register_interval,
            .suspend_pruning_without_nats = options_.suspend_pruning_without_nats,
            .history = {.tombstone_life = options_.tombstone_life}};
  }

  void prune_later() const {
    if (options_.prune_interval.count() > 0)
      self_->delayed_send(self_, options_.prune_interval, prune_routes{true, state().beat});
  }

  route_shard_state& state() const { return self_->state; }
  routing::slice& table() const { return state().replica->table(); }
  bool in_sync() const { return state().replica->in_sync(); }
  clock::time_point now() const { return self_->clock().now(); }

  void list_foreign(routing::peer_id lender, std::uint64_t cursor,
                    caf::typed_response_promise<route_list> promise) const {
    state().lists.expect(lender, cursor, std::move(promise));
    self_->send(options_.cluster,
                to_peer{lender, options_.index,
                        std::make_shared<const routing::replica_message>(
                          routing::transfer_pull{cursor})});
  }

  // -- What is counted.

  void count(const routing::registration& heard, routing::register_result result,
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

  void count(const routing::registration& heard, routing::unregister_result result,
             clock::time_point now) const {
    if (metrics_ == nullptr || result.outcome == routing::unregister_outcome::not_accepted)
      return;
    metrics_->unregistered(heard.target->tag("component"));
    if (result.route_emptied || result.route_gone)
      metrics_->route_unregistered();
    metrics_->heard(now);
  }

  void count_routes() const {
    if (metrics_ == nullptr)
      return;
    metrics_->holds(table().route_count(), table().endpoint_count());
    for (const auto& pool : table().take_hash_pools())
      metrics_->pool(pool.uri, pool.endpoints);
  }

  /// Before a push: routes that are not checked any more lose their verdicts here.
  void tell_checker() const {
    if (!state().checker || !table().has_changed_checks())
      return;
    auto routes =
      std::make_shared<const std::vector<routing::checked_route>>(table().take_checks());
    self_->send(state().checker, check_routes{options_.index, self_, std::move(routes)});
  }

  bool anything_to_push() const {
    return state().replica->has_changes() || (in_sync() && state().leases.wants_renewal());
  }

  std::uint16_t know(const lease_cache_actor& holder) const {
    return state().leases.know(holder, state().sequence);
  }

  void grant(const lease_cache_actor& holder, routing::host_grant granted) const {
    self_->send(
      holder, host_granted{options_.index, options_.incarnation, state().sequence, in_sync(),
                           std::make_shared<routing::host_grant>(std::move(granted))});
  }

  shard_self self_;
  route_shard_options options_;
  net::component_log* log_;
  net::registry_metrics* metrics_;
};

/// The handler that makes this call, after which the replica is asked what follows.
template <class Message>
auto on(std::shared_ptr<const shard> it, void (shard::*handle)(const Message&) const) {
  return [it = std::move(it), handle](const Message& m) {
    it->note_standstills();
    ((*it).*handle)(m);
    it->follow();
  };
}

route_shard_actor::behavior_type behave(shard_self self, route_shard_options options,
                                        net::component_log* log, net::registry_metrics* metrics) {
  const auto it = std::make_shared<shard>(self, std::move(options), *log, metrics);
  it->follow();
  return {
    on(it, &shard::apply),
    on(it, &shard::reserve),
    on(it, &shard::unreserve),
    on(it, &shard::lease),
    on(it, &shard::drop),
    on(it, &shard::lease_wildcard_hosts),
    on(it, &shard::note_applied),
    on(it, &shard::hold),
    on(it, &shard::release),
    [it](announce_demand) { it->announce_all(); },
    on(it, &shard::fail),
    on(it, &shard::have_checked),
    on(it, &shard::judge),
    on(it, &shard::nats),
    on(it, &shard::routing_api),
    on(it, &shard::doubt),
    [it](const list_routes& m) { return it->list(m); },
    on(it, &shard::prune),
    on(it, &shard::push_now),
    on(it, &shard::tick),
    on(it, &shard::hear),
    on(it, &shard::see),
    on(it, &shard::lose),
    on(it, &shard::confirm),
    on(it, &shard::ask),
    on(it, &shard::look),
    on(it, &shard::restore),
    on(it, &shard::read),
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
  return system.spawn(behave, std::move(options), &log, metrics);
}

} // namespace shunt
