#include "cluster/cluster_node.work.hpp"
#include "net/listener.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>

namespace shunt {

namespace cluster {

cluster_node_behaviour::cluster_node_behaviour(cluster_node_self self, std::shared_ptr<const cluster_node_options> options, int listening_socket,
                                              net::component_log* log, std::shared_ptr<cluster_metrics> metrics)
  : self_{self}, options_{std::move(options)}, log_{log}, metrics_{std::move(metrics)} {
  auto& s = state();
  s.listening_socket = listening_socket;
  s.members.emplace(options_->rules, options_->hello);
  s.links.emplace(options_->hello.node, options_->rules.suspect_after);
  s.in_sync.resize(options_->rules.shards);
  s.ready.resize(options_->rules.shards);
  s.book.emplace(options_->delays, routing_seed());
  s.leases.emplace(options_->rules.shards);
  for (const auto& each : options_->peers)
    s.book->add(each, true);
}

// -- What it is told.

void cluster_node_behaviour::start(const start_cluster& m) const {
  auto& s = state();
  if (s.transport)
    return;
  s.shards = m.shards;
  transport_options how;
  how.self = s.members->self();
  how.listening_socket = std::exchange(s.listening_socket, -1);
  how.tls = options_->tls;
  how.shards = options_->rules.shards;
  how.silence_limit = options_->rules.remove_after;
  how.queue_bytes_max = options_->queue_bytes_max;
  how.version_highest = options_->frame_version;
  how.name_servers = options_->name_servers;
  s.transport =
    std::make_shared<peer_transport>(how, transport_listener_for(handle()), metrics_);
  for (std::size_t shard = 0; shard < s.shards.size(); ++shard)
    self_->send(s.shards[shard], shard_view_changed{s.members->view_of(shard)});
  tend();
}

void cluster_node_behaviour::send(const to_peer& m) const {
  if (const auto* link = state().links->find(m.to); link != nullptr && !link->ending)
    self_->send(link->actor, m);
}

void cluster_node_behaviour::sync(const shard_sync& m) const {
  if (m.shard >= state().in_sync.size())
    return;
  if (state().in_sync[m.shard] != m.in_sync)
    metrics_->shards_in_sync.fetch_add(m.in_sync ? 1 : std::uint64_t(-1), std::memory_order_relaxed);
  state().in_sync[m.shard] = m.in_sync;
  state().members->set_in_sync(m.shard, m.in_sync);
  note_ready(m.shard, m.ready);
  follow();
}

void cluster_node_behaviour::note_ready(std::size_t shard, bool ready) const {
  auto& s = state();
  if (s.ready[shard] == ready)
    return;
  s.ready[shard] = ready;
  ready ? ++s.ready_count : --s.ready_count;
  metrics_->shards_ready.store(s.ready_count, std::memory_order_relaxed);
  if (s.ready_count < s.ready.size() || std::exchange(s.was_ready, true))
    return;
  metrics_->shards_asked_for.store(0, std::memory_order_relaxed);
  log_->info(cluster_log_source, s.hears_nats ? "table-in-sync" : "table-taken-over", {{"node", self_hello().node}});
  if (options_->supervisor)
    self_->send(options_->supervisor, table_ready{});
}

void cluster_node_behaviour::note_asked_for() const {
  const auto& s = state();
  if (s.was_ready)
    return;
  std::size_t asked = 0;
  for (std::size_t shard = 0; shard < s.ready.size(); ++shard) {
    const auto others = s.members->view_of(shard).others;
    asked += !s.ready[shard] && std::ranges::any_of(others, [](const auto& each) { return each.in_sync; });
  }
  metrics_->shards_asked_for.store(asked, std::memory_order_relaxed);
}

void cluster_node_behaviour::nats(const nats_changed& m) const {
  if (m.dropped)
    return; // Of drops one may hear late: they say nothing of the connection.
  state().hears_nats = m.connected;
  state().members->set_hears_nats(m.connected);
  follow();
}

void cluster_node_behaviour::wish() const {
  if (!options_->ask_for_registrations || now() - state().asked_at < std::chrono::seconds{1})
    return;
  state().asked_at = now();
  options_->ask_for_registrations();
}

void cluster_node_behaviour::replace(const shard_replaced& m) const {
  auto& s = state();
  if (m.shard >= s.shards.size())
    return;
  s.shards[m.shard] = m.successor;
  for (const auto& [id, link] : s.links->all()) {
    self_->send(link.actor, m);
    // Its leases and transfers died with it, and no peer hears of that otherwise.
    send({id, m.shard, std::make_shared<const routing::replica_message>(routing::lease_end{})});
  }
  sync({m.shard, false, false});
  self_->send(m.successor, shard_view_changed{s.members->view_of(m.shard)});
}

void cluster_node_behaviour::leave() const {
  state().leaving = true;
  state().members->set_leaving();
  log_->info(cluster_log_source, "node-leaving", {{"node", self_hello().node}});
  follow();
}

void cluster_node_behaviour::find(const peers_found& m) const {
  for (const auto& each : m.addresses)
    state().book->add(each, false);
}

void cluster_node_behaviour::use_tls(const use_cluster_tls& m) const {
  if (state().transport)
    state().transport->use_tls(m.tls);
}

// -- What time brings.

void cluster_node_behaviour::tend() const {
  auto& s = state();
  self_->delayed_send(self_, interval(), tend_cluster{});
  beat();
  s.members->tick(now());
  note_leases();
  tell_counts();
  for (auto& each : s.book->due(now(), [&](const std::string& name) { return s.links->find(name) != nullptr; }))
    s.transport->dial(std::move(each.address), each.turn);
  if (options_->beacon && !s.leaving && now() >= s.next_beacon) {
    s.next_beacon = now() + options_->beacon_interval;
    options_->beacon(self_hello().address);
  }
  follow();
}

// -- What is shown of it.

cluster_status cluster_node_behaviour::status() const {
  const auto& s = state();
  cluster_status all;
  all.self = self_hello();
  all.view = s.members->view_hash();
  all.hears_nats = s.hears_nats;
  all.leaving = s.leaving;
  all.isolated = s.members->isolated(now());
  all.shards_in_sync = static_cast<std::size_t>(std::ranges::count(s.in_sync, true));
  for (std::size_t shard = 0; shard < options_->rules.shards; ++shard)
    all.shards_held += s.members->view_of(shard).held ? 1 : 0;
  all.nodes = peers_to_show(*s.members, *s.links);
  return all;
}

// -- What follows.

void cluster_node_behaviour::beat() const {
  const auto said = state().members->heartbeat();
  state().view_said = said.view;
  const auto frame = encode(said);
  for (const auto& [id, link] : state().links->all())
    if (link.open)
      beat_to(link, frame);
}

void cluster_node_behaviour::beat_to(const linked_peer& link, const std::string& frame) const {
  if (state().transport->send(link.met.link, send_queue::heartbeats, frame))
    metrics_->heartbeats_out.add();
}

void cluster_node_behaviour::follow() const {
  auto& s = state();
  if (!s.transport)
    return;
  const auto changes = s.members->take_log();
  for (const auto& each : changes)
    log_->info(cluster_log_source, each.what, {{"node", each.node}});
  const bool view_changed = s.members->view_hash() != s.view_said;
  if (view_changed) {
    beat(); // Goes before whatever is said by the new view.
    for (auto& [id, link] : s.links->all())
      link.agrees = false; // Until it is heard again.
  }
  if (view_changed || !changes.empty() || std::exchange(s.peers_moved, false))
    tell_of_peers(); // Before a shard hears that it is its turn to answer for all.
  for (const auto shard : s.members->take_changed())
    self_->send(s.shards[shard], shard_view_changed{s.members->view_of(shard)});
  note_asked_for();
  if (const bool isolated = s.members->isolated(now()); std::exchange(s.was_isolated, isolated) != isolated) {
    if (isolated)
      log_->error(cluster_log_source, "node-isolated", {{"node", self_hello().node}});
    if (options_->isolated)
      options_->isolated(isolated);
  }
  for (const auto& [id, link] : s.links->all())
    if (link.open)
      if (const auto news = s.members->news_for(id, now()))
        s.transport->send(link.met.link, send_queue::heartbeats, encode(*news));
}

void cluster_node_behaviour::note_leases() const {
  if (!options_->board)
    return;
  auto& s = state();
  for (std::size_t shard = 0; shard < s.shards.size(); ++shard) {
    if (options_->board->is_held(shard)) {
      s.leases->held(shard);
      continue;
    }
    const auto* lender = s.links->find(options_->board->lender(shard));
    s.leases->borrowed(shard, lender == nullptr ? std::nullopt : std::optional{lender->heard}, now());
  }
  const auto oldest = s.leases->oldest();
  metrics_->lenders_heard.store(oldest ? oldest->time_since_epoch().count() : 0, std::memory_order_relaxed);
}

void cluster_node_behaviour::tell_counts() const {
  auto& s = state();
  if (!options_->board)
    return;
  s.tally.count(*s.members, s.in_sync, [this](std::size_t shard) {
    const auto size = options_->board->size_of(shard);
    return table_counts{size.routes, size.endpoints};
  });
  for (const auto& [id, link] : s.links->all())
    if (link.open && s.tally.is_news_to(id))
      s.transport->send(link.met.link, send_queue::heartbeats, encode(s.tally.own()));
  const auto whole = s.tally.whole(*s.members);
  metrics_->table_routes.store(whole.routes, std::memory_order_relaxed);
  metrics_->table_endpoints.store(whole.endpoints, std::memory_order_relaxed);
}

void cluster_node_behaviour::tell_of_peers() const {
  auto& s = state();
  if (!options_->confirmer)
    return;
  auto now_there = peers_to_ask(*s.members, *s.links, now());
  if (now_there.peers == s.peers_told)
    return;
  s.peers_told = now_there.peers;
  self_->send(options_->confirmer, std::move(now_there));
}

} // namespace cluster

namespace {

using namespace cluster;

cluster_node_actor::behavior_type node_behavior(cluster_node_self self, std::shared_ptr<const cluster_node_options> options,
                                         int listening_socket, net::component_log* log,
                                         std::shared_ptr<cluster_metrics> metrics) {
  const cluster_node_behaviour it{self, std::move(options), listening_socket, log, std::move(metrics)};
  self->set_down_handler([it](const caf::down_msg& m) { it.bury(m); });
  return {
    [it](const to_peer& m) { it.send(m); },
    [it](const shard_sync& m) { it.sync(m); },
    [it](registrations_wished) { it.wish(); },
    [it](const start_cluster& m) { it.start(m); },
    [it](leave_cluster) { it.leave(); },
    [it](const peers_found& m) { it.find(m); },
    [it](const use_cluster_tls& m) { it.use_tls(m); },
    [it](const nats_changed& m) { it.nats(m); },
    [it](const shard_replaced& m) { it.replace(m); },
    [it](cluster_status_asked) { return it.status(); },
    [it](tend_cluster) { it.tend(); },
    [it](const link_news& m) { it.hear(m); },
  };
}

/// "host:port" with the port that is listened on, where none was named.
std::string with_port(std::string address, std::uint16_t port) {
  if (address.ends_with(":0"))
    address.replace(address.size() - 1, 1, std::to_string(port));
  return address;
}

int listen(const cluster_node_options& options) {
  try {
    return net::open_listening_socket(options.listen_address, options.listen_port);
  } catch (const boost::system::system_error& failed) {
    throw std::runtime_error{"cluster.node.host, cluster.node.port: cannot listen on port " + std::to_string(options.listen_port)
                             + " of " + options.listen_address + ": " + failed.what()
                             + "; is the address this machine's, and no other process listening there?"};
  }
}

} // namespace

cluster_node_actor spawn_cluster_node(caf::actor_system& system, cluster_node_options options,
                                      net::component_log& log, std::shared_ptr<cluster_metrics> metrics) {
  const int socket = listen(options);
  options.hello.address = with_port(std::move(options.hello.address), net::port_of(socket));
  auto shared = std::make_shared<const cluster_node_options>(std::move(options));
  return system.spawn<caf::detached>(node_behavior, std::move(shared), socket, &log, std::move(metrics));
}

} // namespace shunt
