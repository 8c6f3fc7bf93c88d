#include "actors/supervisor.hpp"

#include "actors/route_shard.hpp"
#include "net/listener.hpp"

#include <caf/all.hpp>

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <optional>
#include <set>

namespace shunt {

namespace {

using clock = std::chrono::steady_clock;

/// The life of the router, in order. `phase_over` names the phase whose wait is over.
enum phase : int { idle, waiting, serving, draining_wait, draining, cutting, finished };

constexpr auto peers_patience = std::chrono::seconds{60}; ///< For all that others know, beyond the delay.
constexpr auto look_again_after = std::chrono::milliseconds{100};
constexpr auto cut_patience = std::chrono::seconds{2}; ///< For connections to notice their end.

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

struct supervisor_state {
  static constexpr const char* name = "supervisor";
  std::shared_ptr<router_parts> parts;
  use_policy rules; ///< Read last; null: those with which the process started.
  phase now = idle;
  std::set<std::size_t> busy_loops;
  std::uint64_t incarnation = 1;
  int exit_code = 0;
  clock::time_point doors_due{};
  clock::time_point stop_began{};
  std::optional<fatal_failure> early_failure; ///< Before there was anything to stop.
  std::optional<stop_router> early_stop;
};

using supervisor_self = supervisor_actor::stateful_pointer<supervisor_state>;

class overseer {
public:
  explicit overseer(supervisor_self self) : self_{self} {}

  // -- Start.

  void start(const start_router& begin) const {
    state().parts = begin.parts;
    for (const auto& each : parts().shards)
      self_->monitor(each);
    self_->monitor(parts().registrar);
    for (const auto& each : parts().lease_caches)
      self_->monitor(each);
    for (const auto& each : parts().acceptors)
      self_->monitor(each);
    for (const auto& each : parts().context->sessions.by_loop)
      if (each)
        self_->monitor(each);
    if (parts().access_writer)
      self_->monitor(parts().access_writer);
    if (parts().health_checker)
      self_->monitor(parts().health_checker);
    if (parts().demand)
      self_->monitor(parts().demand);
    if (parts().reservation_keeper)
      self_->monitor(parts().reservation_keeper);
    if (parts().confirmer)
      self_->monitor(parts().confirmer);
    if (parts().cluster)
      self_->monitor(parts().cluster);
    state().doors_due = self_->clock().now() + settings().start_response_delay_interval;
    enter(waiting, settings().start_response_delay_interval);
    if (state().rules.rules)
      follow(use_policy{state().rules});
    if (const auto failure = std::exchange(state().early_failure, std::nullopt))
      fatal(*failure);
    if (const auto how = std::exchange(state().early_stop, std::nullopt))
      stop(*how);
  }

  /// Everybody had time to register, but a node of a cluster does not hear everything itself.
  bool waits_for_peers() const {
    if (!parts().asks_peers || !parts().asks_peers())
      return false;
    if (self_->clock().now() < state().doors_due + peers_patience)
      return true;
    log().warn(".cluster", "table-not-in-sync",
               {{"seconds", seconds(peers_patience + settings().start_response_delay_interval)},
                {"advice", "other nodes know all of the table, but this one has not taken it over; it serves what it knows"}});
    return false;
  }

  void open_doors() const {
    if (settings().disable_http)
      log().info(".router", "tcp-listener-disabled", {});
    else if (!open_listeners("port", settings().port, false))
      return;
    if (!settings().enable_ssl)
      log().info(".router", "tls-listener-not-enabled", {});
    else if (!open_listeners("ssl_port", settings().ssl_port, true))
      return;
    state().now = serving;
    parts().context->state.store(health::healthy);
    log().info(".router", "gorouter.started", {});
  }

  // -- A file that was read again.

  void follow(const use_policy& changed) const {
    state().rules = changed;
    if (state().now == idle)
      return; // Told when there are parts.
    tell(parts().acceptors);
    tell(parts().lease_caches);
    tell(parts().shards);
    tell_if_there(parts().registrar);
    tell_if_there(parts().health_checker);
    tell_if_there(parts().confirmer);
    tell_if_there(parts().reservation_keeper);
  }

  // -- Stop.

  void stop(const stop_router& how) const {
    if (state().now == idle) {
      state().early_stop = how;
      return;
    }
    if (state().now >= draining_wait) {
      log().info(".router", "gorouter.signal.ignored", {});
      return;
    }
    begin_stop();
    if (!how.drain || state().now < serving) {
      log().info(".router", "gorouter.stopping", {});
      cut();
      return;
    }
    log().info(".router", "gorouter-draining",
               {{"wait_seconds", seconds(settings().drain_wait)},
                {"timeout_seconds", seconds(settings().drain_timeout)}});
    enter(draining_wait, settings().drain_wait);
  }

  void over(phase_over ended) const {
    if (ended.phase != state().now)
      return;
    switch (state().now) {
      case waiting:
        if (waits_for_peers())
          enter(waiting, look_again_after);
        else
          open_doors();
        break;
      case draining_wait: drain(); break;
      case draining:
        log().info(".router", "router.drain.timed-out", {});
        log().error(".router", "gorouter-draining-error", {{"error", "router: Drain timeout"}});
        log().info(".router", "gorouter.stopping", {});
        cut();
        break;
      case cutting: finish(); break;
      default: break;
    }
  }

  void quiet(loop_quiet who) const {
    state().busy_loops.erase(who.loop);
    if (!state().busy_loops.empty())
      return;
    if (state().now == draining) {
      log().info(".router", "gorouter.stopping", {});
      finish();
    } else if (state().now == cutting) {
      finish();
    }
  }

  void fatal(const fatal_failure& failure) const {
    if (state().now == idle) {
      state().early_failure = failure;
      return;
    }
    log().error({}, failure.message, {{"error", failure.error}});
    state().exit_code = 1;
    if (state().now < draining_wait)
      begin_stop();
    if (state().now < cutting)
      cut();
  }

  // -- Death.

  void down(const caf::down_msg& lost) const {
    if (state().now >= cutting || state().now == idle)
      return;
    const auto reason = self_->system().render(lost.reason);
    auto& shards = parts().shards;
    const auto shard = std::find_if(shards.begin(), shards.end(),
                                    [&](const auto& each) { return each == lost.source; });
    if (shard != shards.end()) {
      const auto index = static_cast<std::size_t>(shard - shards.begin());
      log().error({}, "route-shard-died", {{"shard", index}, {"error", reason}});
      count(&restart_counters::route_shards);
      replace_shard(index);
    } else if (parts().registrar == lost.source) {
      log().error({}, "registrar-died", {{"error", reason}});
      count(&restart_counters::registrars);
      replace_registrar();
    } else if (parts().reservation_keeper == lost.source) {
      log().error({}, "reservation-keeper-died", {{"error", reason}});
      count(&restart_counters::reservation_keepers);
      replace_reservation_keeper();
    } else if (parts().access_writer == lost.source) {
      fatal({"access-log-writer-died", reason});
    } else {
      fatal({"loop-actor-died", reason});
    }
  }

private:
  supervisor_state& state() const { return self_->state; }
  router_parts& parts() const { return *state().parts; }
  const config::settings& settings() const {
    return state().rules.rules ? state().rules.rules->settings : parts().context->settings;
  }

  template <class Actors>
  void tell(const Actors& all) const {
    for (const auto& each : all)
      self_->send(each, state().rules);
  }
  /// Or what its predecessor was told is told to a successor.
  template <class Actor>
  void tell_if_there(const Actor& one) const {
    if (one && state().rules.rules)
      self_->send(one, state().rules);
  }
  net::component_log& log() const { return parts().context->log; }

  void count(std::atomic<std::uint64_t> restart_counters::*which) const {
    if (parts().restarts != nullptr)
      (parts().restarts->*which).fetch_add(1, std::memory_order_relaxed);
  }

  void enter(phase next, std::chrono::nanoseconds wait) const {
    state().now = next;
    if (wait.count() > 0)
      self_->delayed_send(self_, wait, phase_over{next});
    else
      self_->send(self_, phase_over{next});
  }

  bool open_listeners(const std::string& key, std::uint16_t port, bool tls) const {
    const std::string kind = tls ? "tls" : "tcp";
    try {
      const auto sockets = net::open_listening_sockets(port, parts().acceptors.size());
      log().info(".router", kind + "-listener-started",
                 {{"address", "0.0.0.0:" + std::to_string(net::port_of(sockets.front()))}});
      for (std::size_t i = 0; i < sockets.size(); ++i)
        self_->send(parts().acceptors[i], open_listener{sockets[i], tls});
      return true;
    } catch (const boost::system::system_error& failed) {
      fatal({kind + "-listener-error", key + " " + std::to_string(port) + ": " + failed.what()
                                         + "; is another process listening there?"});
      return false;
    }
  }

  void begin_stop() const {
    state().stop_began = clock::now();
    parts().context->state.store(health::degraded);
    if (parts().cluster)
      self_->send(parts().cluster, leave_cluster{});
  }

  void all_loops_busy() const {
    for (std::size_t i = 0; i < parts().acceptors.size(); ++i)
      state().busy_loops.insert(i);
  }

  void drain() const {
    const auto open = parts().context->connections();
    const auto idle = std::min(open, parts().context->idle_connections());
    const auto say = [this](std::size_t connections, const char* kind) {
      log().info(".router", "Draining with " + std::to_string(connections) + " outstanding " + kind + " connections", {});
    };
    say(open - idle, "active");
    say(idle, "idle");
    all_loops_busy();
    state().now = draining;
    if (settings().drain_timeout.count() > 0)
      self_->delayed_send(self_, settings().drain_timeout, phase_over{draining});
    for (const auto& each : parts().acceptors)
      self_->send(each, drain_loop{});
  }

  void cut() const {
    all_loops_busy();
    enter(cutting, cut_patience);
    for (const auto& each : parts().acceptors)
      self_->send(each, cut_loop{});
  }

  void finish() const {
    state().now = finished;
    log().info(".router", "gorouter.stopped", {{"took", seconds(clock::now() - state().stop_began)}});
    parts().finished(state().exit_code);
  }

  void replace_shard(std::size_t index) const {
    auto options = route_shard_options_of(settings(), index, parts().shards.size());
    options.incarnation = ++state().incarnation;
    options.in_sync = false;
    options.loops_to_renew = parts().lease_caches.size();
    options.confirmer = parts().confirmer;
    if (parts().cluster)
      options.cluster = parts().cluster;
    options.roles = parts().roles;
    options.board = parts().board;
    options.room = parts().context->hold_room;
    options.pauses = parts().context->pauses;
    options.demand = parts().demand;
    auto* metrics = parts().shard_metrics.empty() ? nullptr : parts().shard_metrics[index];
    const auto successor = spawn_route_shard(self_->system(), std::move(options), log(), metrics);
    self_->monitor(successor);
    parts().shards[index] = successor;
    if (parts().shard_replaced_by)
      parts().shard_replaced_by(index, successor);
    self_->send(parts().registrar, shard_replaced{index, successor});
    if (parts().confirmer)
      self_->send(parts().confirmer, shard_replaced{index, successor});
    if (parts().cluster)
      self_->send(parts().cluster, shard_replaced{index, successor});
    if (parts().snapshots)
      self_->send(parts().snapshots, shard_replaced{index, successor});
    for (const auto& each : parts().lease_caches)
      self_->send(each, shard_replaced{index, successor});
    if (parts().health_checker) {
      self_->send(parts().health_checker, shard_replaced{index, successor});
      self_->send(successor, check_health{parts().health_checker});
    }
    if (parts().reservation_keeper)
      self_->send(parts().reservation_keeper, shard_replaced{index, successor});
    self_->send(successor, registrations_asked{});
    parts().announce(); // So that everybody registers again, at once.
  }

  void replace_registrar() const {
    parts().registrar = spawn_registrar(self_->system(), parts().shards, log(), *parts().counters,
                                        registrar_options_of(settings(), parts().roles),
                                        parts().registrar_metrics);
    self_->monitor(parts().registrar);
    parts().registrar_replaced(parts().registrar);
    // What waited in its mailbox is lost, and nobody knows what it was.
    for (const auto& each : parts().shards)
      self_->send(each, registrations_asked{});
    parts().announce();
  }

  void replace_reservation_keeper() const {
    parts().reservation_keeper = parts().replace_reservation_keeper(parts().shards);
    self_->monitor(parts().reservation_keeper);
    tell_if_there(parts().reservation_keeper);
  }

  supervisor_self self_;
};

supervisor_actor::behavior_type supervisor_behavior(supervisor_self self, phase first) {
  self->state.now = first;
  const overseer it{self};
  self->set_down_handler([it](const caf::down_msg& lost) { it.down(lost); });
  return {
    [it](const start_router& m) { it.start(m); },
    [it](stop_router m) { it.stop(m); },
    [it](loop_quiet m) { it.quiet(m); },
    [it](const fatal_failure& m) { it.fatal(m); },
    [it](phase_over m) { it.over(m); },
    [it](table_ready) { it.over({waiting}); },
    [it](const use_policy& m) { it.follow(m); },
  };
}

} // namespace

void router_parts::shut_down() {
  const auto end = [](const auto& each) {
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  };
  std::for_each(shards.begin(), shards.end(), end);
  end(registrar);
  if (demand)
    end(demand);
  std::for_each(lease_caches.begin(), lease_caches.end(), end);
  std::for_each(acceptors.begin(), acceptors.end(), end);
  if (context != nullptr)
    for (const auto& each : context->sessions.by_loop)
      if (each)
        end(each);
  if (health_checker)
    end(health_checker);
  if (reservation_keeper)
    end(reservation_keeper);
  if (confirmer)
    end(confirmer);
  if (snapshots)
    end(snapshots);
  if (cluster)
    end(cluster);
}

supervisor_actor spawn_supervisor(caf::actor_system& system) {
  return system.spawn(supervisor_behavior, idle);
}

} // namespace shunt
