#include "app/router.hpp"

#include "actors/acceptor.hpp"
#include "actors/demand_publisher.hpp"
#include "actors/health_checker.hpp"
#include "actors/internal_listener.hpp"
#include "actors/registrar.hpp"
#include "actors/route_shard.hpp"
#include "actors/scheduler.hpp"
#include "actors/supervisor.hpp"
#include "app/active_apps_publisher.hpp"
#include "app/cluster_wiring.hpp"
#include "app/component_discovery.hpp"
#include "app/followers.hpp"
#include "app/metron_reporter.hpp"
#include "app/nats_outlet.hpp"
#include "app/pid_file.hpp"
#include "app/registry_bridge.hpp"
#include "app/reloader.hpp"
#include "app/reports.hpp"
#include "app/route_listing.hpp"
#include "app/start_facts.hpp"
#include "app/start_watch.hpp"
#include "app/status_server.hpp"
#include "cluster/beacon.hpp"
#include "cluster/change_confirmer.hpp"
#include "cluster/reservation_keeper.hpp"
#include "cluster/snapshot_keeper.hpp"
#include "net/nats_bus.hpp"
#include "net/open_sockets.hpp"
#include "net/routing_api_client.hpp"

#include <caf/all.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <limits>
#include <future>
#include <optional>
#include <thread>

namespace shunt::app {

namespace {

/// Slices of the table. Those of a lone node are enough for all cores to work on registrations at once.
std::size_t shard_count_of(const config::settings& settings) {
  return settings.cluster.enabled() ? static_cast<std::size_t>(settings.cluster.shards) : 8;
}

struct actor_config : caf::actor_system_config {
  actor_config() {
    add_message_types<caf::id_block::shunt>();
    use_router_scheduler(*this);
    set("logger.verbosity", caf::atom("quiet"));
  }
};

sigset_t router_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int each : {SIGUSR1, SIGTERM, SIGINT, SIGHUP, SIGUSR2})
    sigaddset(&signals, each);
  return signals;
}

/// One loop and everything on it. Made and destroyed by the main thread while the loop stands still.
struct loop_parts {
  net::event_loop events;
  loop unit;
  std::unique_ptr<loop_context> context;

  loop_parts(std::size_t index, caf::actor_system& system, router_context& shared,
             const policy& rules)
    : events{index, shared.buffers}, unit{system, events},
      context{std::make_unique<loop_context>(shared, unit, rules)} {}
};

/// Takes as many descriptors as the system lets a process have. Some are for listeners, NATS and logs; of what backends
/// may have of the others (net/open_sockets) clients get half at most, since each may need one more for its backend.
void divide_descriptors(router_context& context) {
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0)
    return;
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  const auto reserve = std::clamp<rlim_t>(descriptors.rlim_cur / 16, 64, 1024);
  const auto sockets = std::max(descriptors.rlim_cur, reserve + 2) - reserve;
  net::open_sockets.set_most(sockets);
  context.connections_fit = net::open_sockets.most_with_upstreams() / 2;
  context.log.info({}, "file-descriptor-limit",
                   {{"descriptors", descriptors.rlim_cur}, {"connections", context.connections_fit}});
}

/// What the writers of the route table count: the registrar, and each shard. A successor goes on where
/// its predecessor ended.
struct table_metrics {
  net::registry_metrics_rules rules;
  net::registry_metrics registrar{rules};
  std::vector<std::unique_ptr<net::registry_metrics>> shards;

  explicit table_metrics(const config::settings& settings) : rules{settings} {
    for (std::size_t i = 0; i < shard_count_of(settings); ++i)
      shards.push_back(std::make_unique<net::registry_metrics>(rules));
  }
};

metrics_sources sources_of(const router_context& context, const registrar_counters& counters,
                           const table_metrics& table, const net::nats_bus& bus) {
  metrics_sources from{.router = context,
                       .registrar = counters,
                       .requests = context.request_metrics,
                       .loops = {},
                       .registry = table.rules,
                       .writers = {&table.registrar},
                       .buffered_messages = [&bus] { return bus.buffered_messages(); },
                       .dropped_messages = [&bus] { return bus.total_dropped_messages(); }};
  for (const auto& each : context.metrics)
    from.loops.push_back(each.get());
  for (const auto& each : table.shards)
    from.writers.push_back(each.get());
  return from;
}

/// Ends what lives on the loops, then the loops, however the router ends: CAF's clock may send to a
/// pinned actor as long as that actor is not told to exit.
class loops_end {
public:
  loops_end(router_parts& parts, std::vector<std::unique_ptr<loop_parts>>& loops,
            supervisor_actor supervisor, access_log_writer_actor writer)
    : parts_{parts}, loops_{loops}, supervisor_{std::move(supervisor)},
      writer_{std::move(writer)} {}
  loops_end(const loops_end&) = delete;
  loops_end& operator=(const loops_end&) = delete;
  ~loops_end() {
    parts_.shut_down();
    for (auto& each : loops_) {
      each->events.run([&each] { each->context->flush_access_log(); });
      each->events.stop();
    }
    caf::anon_send_exit(writer_, caf::exit_reason::user_shutdown); // It first writes all that was submitted.
    caf::anon_send_exit(supervisor_, caf::exit_reason::kill);
  }

private:
  router_parts& parts_;
  std::vector<std::unique_ptr<loop_parts>>& loops_;
  supervisor_actor supervisor_;
  access_log_writer_actor writer_;
};

/// Reservations are there before anybody is served.
void await_loaded(caf::actor_system& system, const reservation_keeper_actor& keeper) {
  caf::scoped_actor self{system};
  std::string problem;
  self->request(keeper, caf::infinite, await_reservations{})
    .receive([&](const reservations_loaded& m) { problem = m.problem; },
             [&](const caf::error& error) { problem = system.render(error); });
  if (!problem.empty())
    throw std::runtime_error{std::string{"store.path: "}.append(problem)};
}

/// What the node knows at its end, for its next start.
void keep_snapshot(caf::actor_system& system, const snapshot_keeper_actor& keeper) {
  caf::scoped_actor self{system};
  self->request(keeper, std::chrono::milliseconds{3500}, await_snapshot{}) // Of the five seconds that there are.
    .receive([](snapshot_written) {}, [](const caf::error&) {}); // It has told the log why not.
}

/// It calls what lives here, until it has ended.
void end_cluster_node(caf::actor_system& system, const cluster_node_actor& node) {
  caf::scoped_actor self{system};
  caf::anon_send_exit(node, caf::exit_reason::user_shutdown);
  self->wait_for(node);
}

/// Turns signals into messages, until everything has stopped. SIGUSR2 only wakes the thread to see
/// that; from outside it means nothing.
class signal_thread {
public:
  signal_thread(supervisor_actor supervisor, std::function<void()> hang_up)
    : supervisor_{std::move(supervisor)}, hang_up_{std::move(hang_up)}, thread_{[this] { run(); }} {}
  signal_thread(const signal_thread&) = delete;
  signal_thread& operator=(const signal_thread&) = delete;
  ~signal_thread() {
    ending_ = true;
    pthread_kill(thread_.native_handle(), SIGUSR2);
    thread_.join();
  }

private:
  void run() const {
    const auto signals = router_signals();
    for (int caught = 0; sigwait(&signals, &caught) == 0 && !ending_;) {
      if (caught == SIGHUP)
        hang_up_();
      else if (caught != SIGUSR2)
        caf::anon_send(supervisor_, stop_router{caught == SIGUSR1});
    }
  }

  supervisor_actor supervisor_;
  std::function<void()> hang_up_;
  std::atomic<bool> ending_{false};
  std::thread thread_; // Last: it uses all of the above.
};

} // namespace

void block_router_signals() {
  const auto signals = router_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

std::string_view message_of(const std::exception& failed) {
  if (dynamic_cast<const error_page_failure*>(&failed) != nullptr)
    return "new-html-error-template-from-file";
  if (dynamic_cast<const net::routing_api_error*>(&failed) != nullptr)
    return "routing-api-connection-failed";
  return dynamic_cast<const net::nats_error*>(&failed) != nullptr ? "nats-connection-error"
                                                                  : "start-failed";
}

int run_router(const config::settings& settings, const std::string& file,
               net::component_log& log) {
  // Without this it would be healthy, and deaf.
  if (settings.disable_http && !settings.enable_ssl)
    throw std::runtime_error{"disable_http: true leaves no listener; set enable_ssl, too"};
  log.info({}, "starting", {});
  start_watch watch{log}; // Servers that do not answer are waited for.
  const auto facts = read_start_facts(settings);
  if (!settings.zone.empty())
    log.debug({}, "local-az-set", {{"AvailabilityZone", settings.zone}});
  log.info({}, "retrieved-isolation-segments",
           {{"isolation_segments", settings.isolation_segments}});
  if (settings.max_request_header_bytes > settings.request_header_bytes_max()) // gorouter's spelling.
    log.warn({}, "innefectual-max-header-bytes-value",
             {{"error", "Values over " + std::to_string(settings.request_header_bytes_max()) + " are limited"}});

  registrar_counters counters;
  health_check_counters health_counters;
  reservation_counters reservation_counts;
  restart_counters restarts;
  confirmation_counters confirmations;
  const auto cluster_counters = std::make_shared<cluster::cluster_metrics>();
  snapshot_counters snapshot_counts;
  table_metrics table{settings};
  actor_config config;
  caf::actor_system system{config}; // Outlives every handle to its actors, and waits for them.

  // NATS first: a router that cannot hear of routes is no use, unless others tell it.
  registry_bridge bridge;
  const auto start = router_start_of(settings);
  const auto pauses = settings.cluster.enabled() ? std::make_shared<net::standstill>() : nullptr;
  net::nats_bus bus{nats_options_of(settings, start), bridge, log, pauses};
  log.info({}, "setting-up-nats-connection", {});
  bus.connect();
  if (const auto server = bus.address(); !server.empty())
    log.info({}, "Successfully-connected-to-nats", {{"host", server}});
  std::optional<net::routing_api_client> api;
  if (settings.routing_api_enabled()) {
    log.info({}, "setting-up-routing-api", {});
    api.emplace(net::routing_api_options_of(settings), bridge, log);
    api->connect();
  }

  // What all loops share, then the actors that need no loop.
  net::buffer_budget buffers{static_cast<std::size_t>(settings.limits.connection_buffer_bytes)};
  router_context context{settings, log, buffers};
  context.own_ip = start.host;
  context.pauses = pauses;
  divide_descriptors(context);
  const auto loops_wanted = settings.loop_count(std::thread::hardware_concurrency());
  context.count_for(loops_wanted);

  const net::log_trouble trouble = [&log](std::string_view message, std::string_view error) {
    log.error(".access-grlog", message, {{"error", error}});
  };
  const auto access_queue = std::make_shared<access_log_queue>(access_log_limits_of(settings), trouble);
  const auto loggregator = std::make_shared<net::metron>(
    settings.logging.metron_address,
    [&log](std::string_view message, std::string_view error) { log.info(".metron", message, {{"error", error}}); });
  const auto access_writer = spawn_access_log_writer(
    system, access_queue, {.sinks = net::open_access_sinks(settings, trouble, loggregator)});
  context.access_log = access_queue.get();
  context.loggregator = loggregator.get();
  watch.end(); // No other machine is waited for any more. Signals that come now are read when the router serves.

  auto parts = std::make_shared<router_parts>();
  parts->context = &context;
  nats_outlet outlet{bus};
  parts->demand = spawn_demand_publisher(system, outlet.publisher());
  parts->confirmer = spawn_change_confirmer(
    system, {.node = settings.cluster.node.name, .timeout = settings.cluster.confirm_timeout, .id = start.id},
    outlet.publisher(), confirmations);
  const auto shard_count = shard_count_of(settings);
  const auto supervisor = spawn_supervisor(system);
  const auto ask_everybody = [&bus, &api] {
    bus.announce();
    if (api)
      api->refresh();
  };
  if (settings.cluster.enabled()) {
    auto options = cluster_node_options_of(settings, facts.cluster_tls);
    options.ask_for_registrations = ask_everybody;
    options.confirmer = parts->confirmer;
    options.supervisor = supervisor;
    options.isolated = [&context](bool isolated) { context.isolated.store(isolated); };
    const bool finds = settings.cluster.discovery == config::cluster_discovery::nats;
    if (finds)
      options.beacon = beacon_of(options, [&bus](std::string_view json) {
        bus.publish_soon(cluster::beacon_subject, json);
      });
    options.board = parts->board = std::make_shared<replica_board>(shard_count);
    parts->cluster = spawn_cluster_node(system, std::move(options), log, cluster_counters);
    parts->roles = std::make_shared<shard_roles>(shard_count);
    bridge.tell_cluster(parts->cluster);
    if (finds)
      bridge.hear_beacons(beacon_ear_of(settings, parts->cluster));
  }
  for (std::size_t i = 0; i < shard_count; ++i) {
    auto options = route_shard_options_of(settings, i, shard_count);
    options.room = context.hold_room;
    options.pauses = pauses;
    options.demand = parts->demand;
    options.confirmer = parts->confirmer;
    if (parts->cluster)
      options.cluster = parts->cluster;
    options.roles = parts->roles;
    options.board = parts->board;
    parts->shard_metrics.push_back(table.shards[i].get());
    parts->shards.push_back(
      spawn_route_shard(system, std::move(options), log, parts->shard_metrics[i]));
  }
  confirmer_contacts contacts{parts->shards, {}};
  if (parts->cluster)
    contacts.cluster = parts->cluster;
  caf::anon_send(parts->confirmer, std::move(contacts));
  parts->counters = &counters;
  parts->restarts = &restarts;
  if (parts->cluster)
    parts->asks_peers = [cluster_counters] {
      return cluster_counters->shards_asked_for.load(std::memory_order_relaxed) > 0;
    };
  parts->registrar_metrics = &table.registrar;
  parts->registrar = spawn_registrar(system, parts->shards, log, counters,
                                     registrar_options_of(settings, parts->roles),
                                     parts->registrar_metrics);
  parts->access_writer = access_writer;

  // The loops, and who lives on them.
  std::vector<std::unique_ptr<loop_parts>> loops;
  acceptor_directory acceptors;
  for (std::size_t i = 0; i < loops_wanted; ++i)
    loops.push_back(std::make_unique<loop_parts>(i, system, context, *facts.rules));
  for (auto& each : loops) {
    parts->lease_caches.push_back(each->context->leases.open(parts->shards));
    parts->acceptors.push_back(spawn_acceptor(*each->context, acceptors, supervisor));
  }
  acceptors.by_loop = parts->acceptors;
  parts->health_checker = spawn_health_checker(*loops.front()->context, health_counters);
  for (const auto& each : parts->shards)
    caf::anon_send(each, check_health{parts->health_checker});
  for (auto& each : loops)
    each->events.start();
  std::optional<loops_end> ending{std::in_place, *parts, loops, supervisor, access_writer};

  bridge.open(parts->registrar, parts->shards, supervisor);
  open_internal_listener(context, parts->acceptors);
  const auto keep_reservations = [&, options = reservation_keeper_options_of(settings, log)](
                                   const std::vector<route_shard_actor>& shards) {
    auto keeper = spawn_reservation_keeper(system, shards, options, log, reservation_counts);
    bridge.keep_reservations(keeper);
    return keeper;
  };
  parts->reservation_keeper = keep_reservations(parts->shards);
  await_loaded(system, parts->reservation_keeper);
  auto sources = sources_of(context, counters, table, bus);
  sources.health_checks = &health_counters;
  sources.reservations = &reservation_counts;
  sources.restarts = &restarts;
  if (parts->cluster) {
    sources.cluster = cluster_counters.get();
    sources.replicas = parts->board.get();
    sources.confirmations = &confirmations;
    sources.snapshots = &snapshot_counts;
  }
  sources.routing_api = api ? &api->counters() : nullptr;
  sources.loggregator = loggregator.get();
  metron_reporter tells_loggregator{sources, settings, loggregator};
  std::optional<active_apps_publisher> tells_active_apps;
  if (const auto every = settings.publish_active_apps_interval; every > every.zero())
    tells_active_apps.emplace(
      [sources] { return read_metrics(sources, std::chrono::steady_clock::now()).requests.app_requests; },
      outlet.publisher(), every);
  reports tells{std::move(sources), settings, start.id};
  status_server status{context, facts.status_tls, [&system, &bridge] { return list_all_routes(system, bridge.shards()); }};
  status.serve_metrics(tells, facts.metrics_tls);
  if (parts->cluster)
    status.serve_cluster(whole_pages([&system, node = parts->cluster](auto answered) {
      show_cluster(system, node, std::move(answered));
    }));
  std::shared_ptr<component_discovery> discovery;
  if (settings.status.enable_deprecated_varz_healthz_endpoints) {
    discovery = std::make_shared<component_discovery>(
      status.varz_source(),
      [&bus](std::string_view subject, std::string_view payload) { return bus.publish_soon(subject, payload); }, log);
    bridge.hear_discoveries([discovery](std::string_view reply) { discovery->asked(reply); });
  }
  status.open();
  const pid_file pid{settings.pid_file}; // Not before: ports that are taken are another router's.

  // Hear of routes, wait for everybody to register, open the doors, serve until told otherwise.
  std::promise<int> exit_code;
  parts->announce = ask_everybody;
  parts->registrar_replaced = [&bridge](registrar_actor successor) {
    bridge.replace_registrar(std::move(successor));
  };
  parts->replace_reservation_keeper = keep_reservations;
  parts->shard_replaced_by = [&bridge](std::size_t shard, route_shard_actor successor) {
    bridge.replace_shard(shard, std::move(successor));
  };
  parts->finished = [&exit_code](int code) { exit_code.set_value(code); };
  if (api) {
    bridge.on_out_of_date(); // Until it follows the API's changes.
    api->start();
  }
  if (parts->cluster) // Before the bus says otherwise.
    caf::anon_send(parts->cluster, nats_changed{.connected = true});
  log.info(".subscriber", "subscriber-starting", {});
  bus.start();
  log.info(".subscriber", "subscriber-started", {});
  if (discovery)
    discovery->announce();
  if (parts->cluster) {
    if (!settings.cluster.snapshot.empty())
      parts->snapshots = spawn_snapshot_keeper(
        system, parts->shards,
        {.path = settings.cluster.snapshot, .cluster = settings.cluster.name}, log, snapshot_counts);
    caf::anon_send(parts->cluster, start_cluster{parts->shards});
  }
  caf::anon_send(supervisor, start_router{parts});
  int code = 0;
  {
    std::vector<settings_follower> followers{
      follow_by_nats(bus, start), follow_by_actors(supervisor), follow_by_status(status),
      follow_by_loggregator(tells_loggregator)};
    if (api)
      followers.push_back(follow_by_routing_api(*api));
    if (parts->cluster)
      followers.push_back(follow_by_cluster(parts->cluster));
    // Last, because it tries by opening: a file that another part refuses should leave none behind.
    followers.push_back(follow_by_access_log(settings, access_queue, access_writer, trouble, loggregator));
    reloader reloading{settings, facts, file, std::move(followers), log};
    const signal_thread signals{supervisor, [&] {
                                  caf::anon_send(access_writer, reopen_access_log{});
                                  reloading.reload();
                                }};
    code = exit_code.get_future().get();
  }

  if (parts->snapshots)
    keep_snapshot(system, parts->snapshots);
  if (parts->cluster)
    end_cluster_node(system, parts->cluster);
  // Down in the opposite order. No loop runs when what lives on it goes.
  outlet.close();
  bus.stop();
  if (api)
    api->stop();
  status.close();
  ending.reset();
  log.info(".router", "gorouter.exited", {});
  return code;
}

} // namespace shunt::app
