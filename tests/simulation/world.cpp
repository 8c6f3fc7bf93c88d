// Nodes and the links between them.
#include "world.hpp"

#include <algorithm>
#include <utility>

namespace shunt::simulation {

using namespace routing;

namespace {

constexpr auto turn_every = 100ms;
constexpr auto silence_max = 3s; ///< On a link: then it is closed.
constexpr auto pause_noticed = 1s;
constexpr auto keep_every = 5s; ///< Snapshots.

std::uint64_t milliseconds_of(time_point when) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count());
}

} // namespace

world::world(const history& h)
  : history_{h}, dice_{h.seed ^ 0x5a17}, network_{time_, dice_, h.nodes}, nodes_(h.nodes),
    nats_cut_(h.nodes), nats_drops_(h.nodes), api_cut_(h.nodes), last_fault_{h.last_fault()} {
  for (std::size_t i = 0; i < h.nodes; ++i) {
    auto& n = nodes_[i];
    n.name = "router-" + std::to_string(i);
    n.skew = std::chrono::milliseconds{dice_.below(1'000'000)};
    n.drift_ppm = static_cast<std::int64_t>(dice_.below(1'001)) - 500;
    n.wall_skew = std::chrono::milliseconds{dice_.below(140'000)} - 70s;
    n.links.resize(h.nodes);
  }
  routes_of_.resize(h.shards);
  for (std::size_t i = 0; i < h.routes; ++i) {
    route r;
    r.host = std::string{i / 2 % 10 == 9 ? "*." : ""}.append("app-").append(std::to_string(i / 2)).append(".example.com");
    r.shard = shard_of(r.host, h.shards);
    r.by_api = h.has_api && i % 5 == 3;
    r.has_tls = i % 8 == 2;
    r.registered = !h.begins_empty;
    routes_of_[r.shard].push_back(i);
    routes_.push_back(std::move(r));
    routes_.back().versions.push_back(make_version(i));
    if (i % 2 == 0) {
      host_numbers_.emplace(routes_.back().host, hosts_.size());
      hosts_.push_back(routes_.back().host);
    }
  }
}

std::vector<std::size_t> world::live() const {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].runs() && !nodes_[i].leaving)
      all.push_back(i);
  return all;
}

// -- Nodes

void world::start(std::size_t i) {
  auto& n = nodes_[i];
  if (n.up)
    return;
  ++n.life;
  n.up = true;
  n.leaving = false;
  n.started = time_.now();
  membership_rules rules{.cluster = "prod", .shards = history_.shards, .holders = history_.holders};
  rules.rebalance_after = history_.rebalance_after;
  node_hello self;
  self.node = n.name;
  self.zone = zone_of(i);
  self.address = n.name + ":7946";
  self.incarnation = 1 + static_cast<std::uint64_t>(time_.now().count() / 1'000'000);
  n.members.emplace(rules, self);
  n.by_number.assign(1, i);
  n.replicas.clear();
  n.views.assign(history_.shards, {});
  n.holds_since.assign(history_.shards, -1ns);
  n.in_sync_since.assign(history_.shards, -1ns);
  n.was_in_sync.assign(history_.shards, false);
  n.known_since.assign(hosts_.size(), -1ns);
  n.sightings.assign(routes_.size(), {});
  n.asked.clear();
  for (std::size_t h = 0; h < hosts_.size(); ++h)
    if (is_wildcard(hosts_[h]))
      n.asked[h] = {true, time_.now()}; // All of them are everywhere, unasked.
  n.waiting.clear();
  n.has_nats = nats_cut_[i] == 0 && nats_down_ == 0;
  n.nats_is_silent = false;
  if (!routes_.empty())
    for (std::size_t s = 0; s < history_.shards; ++s) {
      table_rules table{.stale_threshold = has_unlike_thresholds() && i % 2 == 0 ? 24s : 12s};
      replica_rules how{.clustered = true, .in_sync = false, .register_interval = 5s, .return_interval = 2s};
      n.replicas.push_back(std::make_unique<shard_replica>(table, how, local(i)));
      if (!n.has_nats)
        n.replicas.back()->nats(false, false, local(i));
    }
  n.members->set_hears_nats(n.has_nats);
  n.knows_of_loss = false;
  n.follows_api = false;
  n.knows_of_api = true;
  n.listed = std::make_unique<listed_routes>();
  if (history_.has_api && !routes_.empty()) {
    set_api(i, false);
    time_.in(std::chrono::milliseconds{50 + dice_.below(400)}, [this, i, life = n.life] {
      if (nodes_[i].life == life)
        list_again(i);
    });
  }
  settle(i);
  const auto life = n.life;
  n.unread = n.kept;
  for (std::size_t s = 0; has_snapshots() && s < n.kept.size(); ++s)
    for (int piece = 0; piece < 4; ++piece) // What is left then is read when the copy would be certain.
      time_.in(std::chrono::milliseconds{dice_.below(2'000)}, [this, i, s, life] {
        if (nodes_[i].life == life && nodes_[i].runs()) {
          restore(i, s, 2);
          observe(i, s);
          settle(i);
        }
      });
  const auto again = std::make_shared<std::function<void()>>();
  *again = [this, i, life, weak = std::weak_ptr{again}] {
    if (nodes_[i].life != life || !nodes_[i].up)
      return;
    if (const auto self_again = weak.lock())
      time_.in(turn_every, [self_again] { (*self_again)(); });
    if (nodes_[i].runs())
      turn(i);
  };
  time_.in(std::chrono::microseconds{dice_.below(100'000)}, [again] { (*again)(); });
}

void world::stop(std::size_t i, bool silent) {
  auto& n = nodes_[i];
  if (!n.up)
    return;
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (const auto epoch = std::exchange(n.links[other].epoch, 0); epoch != 0 && !silent)
      network_.send(i, other, [=, this] { arrive(i, other, epoch, std::make_shared<packet>(goodbye{})); });
  if (has_snapshots() && n.leaving)
    keep(i);
  n.up = false;
  n.stopped = time_.now();
  n.members.reset();
  n.replicas.clear();
  n.waiting.clear();
}

void world::when_running(std::size_t i, std::function<void()> what) {
  auto& n = nodes_[i];
  if (n.up && n.pauses > 0)
    n.waiting.push_back(std::move(what));
  else if (n.up)
    what();
}

void world::pause(std::size_t i, nanoseconds lasts) {
  if (++nodes_[i].pauses == 1)
    nodes_[i].paused_since = time_.now();
  time_.in(lasts, [this, i] {
    auto& n = nodes_[i];
    if (--n.pauses > 0 || !n.up)
      return;
    if (time_.now() - n.paused_since > pause_noticed)
      n.waited_since = local_at(i, n.paused_since);
    for (auto& each : std::exchange(n.waiting, {}))
      each();
    n.waited_since.reset();
    for (const auto r : std::exchange(n.gone_while_waiting, {}))
      if (const auto held = n.holds_since[routes_[r].shard];
          n.sightings[r].version == 0 && held >= 0ns && held < n.paused_since)
        judge_loss(i, r);
  });
}

/// Writes its snapshot.
void world::keep(std::size_t i) {
  auto& n = nodes_[i];
  for (std::size_t s = 0; s < n.replicas.size(); ++s)
    restore(i, s, routes_.size()); // What it has not read yet is not to be lost.
  n.kept_at = time_.now();
  n.kept.assign(n.replicas.size(), {});
  for (std::size_t s = 0; s < n.replicas.size(); ++s)
    if (n.replicas[s]->holds())
      n.replicas[s]->table().tell_piece(0, routes_.size(), local(i), n.kept[s]);
}

/// Some of what it kept.
void world::restore(std::size_t i, std::size_t shard, std::size_t most) {
  auto& n = nodes_[i];
  if (n.unread.size() <= shard || n.unread[shard].empty())
    return;
  auto& all = n.unread[shard];
  std::vector<told_host> some;
  for (; !all.empty() && some.size() < most; all.pop_back())
    some.push_back(std::move(all.back()));
  for (auto& host : some)
    grow_older(host, time_.now() - n.kept_at);
  n.replicas[shard]->restore(some, local(i));
}

void world::turn(std::size_t i) {
  auto& n = nodes_[i];
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (n.links[other].epoch != 0 && time_.now() - n.links[other].heard > silence_max)
      close(i, other);
  n.members->tick(local(i));
  for (std::size_t s = 0; s < n.replicas.size(); ++s)
    if (const auto due = n.replicas[s]->due(); due && *due <= local(i)) {
      if (n.replicas[s]->is_certain_at(local(i)))
        restore(i, s, routes_.size());
      n.replicas[s]->tick(local(i));
      observe(i, s);
    }
  if (n.replicas.empty()) // A copy that is made in no time.
    for (std::size_t s = 0; s < history_.shards; ++s)
      n.members->set_in_sync(s, n.views[s].held);
  if (has_snapshots() && time_.now() - n.started > keep_every && time_.now() - n.kept_at > keep_every)
    keep(i);
  const auto round = time_.now() / turn_every + static_cast<long>(i);
  if (round % 3 == 0) {
    const auto said = std::make_shared<const packet>(n.members->heartbeat());
    for (std::size_t other = 0; other < nodes_.size(); ++other)
      send(i, other, said);
  }
  if (round % 4 == 0)
    dial(i);
  if (time_.now() - n.pruned > 3s) {
    n.pruned = time_.now();
    for (auto& r : n.replicas)
      if (r->may_prune(local(i)))
        for (prune_result result; !r->prune_step(local(i), 1'000, local(i), result);) {
        } // What follows comes by answers of others, or is seen with the next tick.
  }
  settle(i);
}

void world::settle(std::size_t i) {
  auto& n = nodes_[i];
  if (!n.up)
    return;
  for (const auto s : n.members->take_changed()) {
    n.views[s] = n.members->view_of(s);
    ++outcome_.moved;
    if (!n.replicas.empty())
      n.replicas[s]->see(n.views[s], local(i));
  }
  for (const auto& each : n.members->take_log())
    if (each.what == "peer-forgotten" && history_.rebalance_after >= 60s && time_.now() < 60s)
      fail("moved", n.name + " forgets " + each.node);
  for (std::size_t s = 0; s < n.replicas.size(); ++s) {
    auto& r = *n.replicas[s];
    note_roles(i, s);
    if (r.has_changes())
      for (const auto& each : r.take_changes(local(i)))
        observe_host(i, each.host);
    static_cast<void>(r.take_pruned());
    static_cast<void>(r.take_wish_for_registrations()); // They come every 4 s.
    for (auto& each : r.take_outgoing())
      if (each.to < n.by_number.size())
        send(i, n.by_number[each.to],
             std::make_shared<packet>(shard_message{s, std::move(each.what), milliseconds_of(local(i))}));
    for (const auto& host : r.take_answered())
      if (const auto asked = n.asked.find(host_number(host)); asked != n.asked.end()) {
        asked->second.answered = true;
        observe_host(i, host);
        judge_answer(i, asked->first);
      }
    n.members->set_in_sync(s, r.holds_in_sync());
  }
  tell_news(i);
}

void world::tell_news(std::size_t i) {
  auto& n = nodes_[i];
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (n.links[other].epoch != 0)
      if (auto news = n.members->news_for(n.links[other].number, local(i)))
        send(i, other, std::make_shared<packet>(std::move(*news)));
}

// -- Links

void world::dial(std::size_t a) {
  for (std::size_t b = 0; b < nodes_.size(); ++b)
    if (b != a && nodes_[a].links[b].epoch == 0 && nodes_[b].runs() && network_.is_open(a, b))
      time_.in(network_.delay(a, b) + network_.delay(b, a), [this, a, b] { establish(a, b); });
}

void world::establish(std::size_t a, std::size_t b) {
  auto& x = nodes_[a];
  auto& y = nodes_[b];
  if (!x.runs() || !y.runs() || !network_.is_open(a, b) || x.links[b].epoch != 0)
    return;
  lose(b, a); // Of an old link, whose end it had not noticed.
  x.links[b].epoch = y.links[a].epoch = ++epochs_;
  greet(a, b);
  greet(b, a);
  tell_news(a); // What else follows has time until the next turn.
  tell_news(b);
}

void world::greet(std::size_t a, std::size_t b) {
  auto& n = nodes_[a];
  auto& link = n.links[b];
  const auto welcome = n.members->connected(nodes_[b].members->self(), local(a));
  if (!welcome.peer)
    return fail("view", n.name + " refuses " + nodes_[b].name + ": " + welcome.refusal);
  link.number = *welcome.peer;
  link.heard = time_.now();
  link.life = nodes_[b].life;
  link.transit = {};
  if (n.by_number.size() <= link.number)
    n.by_number.resize(link.number + 1u, a);
  n.by_number[link.number] = b;
}

void world::send(std::size_t a, std::size_t b, packet_ptr what) {
  const auto epoch = nodes_[a].links[b].epoch;
  if (a == b || epoch == 0)
    return;
  ++outcome_.messages;
  network_.send(a, b, [this, a, b, epoch, what = std::move(what)] { arrive(a, b, epoch, what); });
}

void world::arrive(std::size_t a, std::size_t b, std::uint64_t epoch, const packet_ptr& what) {
  if (nodes_[b].links[a].epoch != epoch)
    return;
  when_running(b, [=, this] {
    auto& n = nodes_[b];
    auto& link = n.links[a];
    if (link.epoch != epoch)
      return;
    link.heard = time_.now();
    if (std::holds_alternative<goodbye>(*what))
      lose(b, a);
    else if (const auto* said = std::get_if<node_heartbeat>(&*what))
      n.members->heard(link.number, *said, local(b));
    else if (const auto* news = std::get_if<node_news>(&*what))
      n.members->told(*news, local(b));
    else if (const auto* m = std::get_if<shard_message>(&*what); m != nullptr && !n.replicas.empty())
      n.replicas[m->shard]->receive(link.number, m->what, local(b),
                                    local(b) - link.transit.composed_at(m->composed_ms, local(b)));
    // What follows from hearsay and heartbeats has time until the next turn.
    if (const auto* m = std::get_if<shard_message>(&*what); m != nullptr && !n.replicas.empty())
      observe(b, m->shard);
    if (std::holds_alternative<shard_message>(*what) || std::holds_alternative<goodbye>(*what))
      settle(b);
  });
}

/// This end closes it, and the other hears of it if it can.
void world::close(std::size_t a, std::size_t b) {
  const auto epoch = nodes_[a].links[b].epoch;
  if (epoch == 0)
    return;
  network_.send(a, b, [=, this] { arrive(a, b, epoch, std::make_shared<packet>(goodbye{})); });
  lose(a, b);
}

void world::lose(std::size_t a, std::size_t b) {
  auto& n = nodes_[a];
  if (std::exchange(n.links[b].epoch, 0) == 0)
    return;
  n.members->disconnected(n.links[b].number, local(a));
  for (auto& r : n.replicas)
    r->peer_gone(n.links[b].number, local(a));
}

} // namespace shunt::simulation
