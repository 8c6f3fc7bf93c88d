#include "scale_world.hpp"

#include "cluster/peer_frame.hpp"
#include "cluster/replica_codec.hpp"
#include "routing/placement.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace shunt::simulation {

using namespace routing;

namespace {

constexpr auto turn_every = 250ms;      ///< Heartbeats: a quarter of `suspect_after`.
constexpr auto tick_every = 50ms;
constexpr auto push_every = 10ms;       ///< As the actor of a shard.
constexpr auto batch_every = 4ms;       ///< Of what NATS hands over while it pours.
constexpr auto register_every = 20s;
constexpr auto first_lap_over = 2s;     ///< All have registered for the first time.
constexpr auto all_in_sync_by = 8s;
constexpr nanoseconds delay = 1ms;      ///< Between two nodes.

bool is_for_borrowers(traffic kind) {
  return kind == traffic::leases || kind == traffic::filters || kind == traffic::pushes;
}

template <class... Kinds>
bool is_one_of(const replica_message& what) {
  return (std::holds_alternative<Kinds>(what) || ...);
}

traffic kind_of(const replica_message& what) {
  if (std::holds_alternative<slice_digest>(what))
    return traffic::digests;
  if (std::holds_alternative<known_hosts>(what))
    return traffic::filters;
  if (is_one_of<lease_changed, lease_applied>(what))
    return traffic::pushes;
  if (is_one_of<transfer_pull, transfer_piece>(what))
    return traffic::transfer;
  if (is_one_of<lease_start, lease_end, lease_more, lease_less, lease_granted>(what))
    return traffic::leases;
  return traffic::repair;
}

/// As Cloud Foundry's: all that it says of itself.
endpoint_ptr make_endpoint(std::uint64_t number) {
  const auto digits = std::to_string(100'000'000 + number);
  const auto guid = std::string{"6f1d3c2a-0b57-4c1e-9d4b-0e8"}.append(digits);
  const auto instance = std::string{"a2b4c6d8-1357-4e02-4fd7-9c1"}.append(digits);
  std::string address{"10"};
  for (const int shift : {16, 8, 0})
    address.append(".").append(std::to_string(number >> shift & 255));
  const std::array<endpoint_spec::tag_view, 9> tags{{{"app_id", guid},
                                                     {"app_name", "orders"},
                                                     {"component", "route-emitter"},
                                                     {"instance_id", "0"},
                                                     {"organization_id", "c1b0e9de-53c5-4a1b-bb0a-4c5a8f3b7d21"},
                                                     {"organization_name", "retail"},
                                                     {"process_type", "web"},
                                                     {"source_id", guid},
                                                     {"space_name", "production"}}};
  endpoint_spec spec;
  spec.host = address;
  spec.port = static_cast<std::uint16_t>(61'000 + (number >> 24));
  spec.tls = true;
  spec.app = guid;
  spec.instance_id = instance;
  spec.instance_index = "0";
  spec.server_cert_domain_san = instance;
  spec.availability_zone = "z1";
  spec.tags = tags;
  return endpoint::make(spec);
}

/// What such a registration measures on NATS.
constexpr double registration_bytes = 720;

} // namespace

scale_world::scale_world(const scale_options& what) : what_{what}, nodes_(what.nodes + 1) {
  holders_ = what.holders == 0 ? what.nodes : std::min(what.holders, what.nodes);
  borrowers_ = std::min(what.sampled_borrowers_max, what.nodes - holders_);
  choose_samples();
  make_apps();
}

/// Of the shards that the newcomer will hold and of the others alike.
void scale_world::choose_samples() {
  std::vector<placed_node> all;
  for (std::size_t i = 0; i <= what_.nodes; ++i)
    all.push_back({name_of(i), ""});
  const auto of_a_shard = std::max<std::size_t>(what_.routes / what_.shards, 1);
  const auto count = std::clamp<std::size_t>(what_.sampled_routes_max / of_a_shard, 2, what_.sampled_shards_max);
  std::array<std::size_t, 2> chosen{};
  const placement place{"prod", all};
  for (std::size_t shard = 0; shard < what_.shards; ++shard) {
    const auto rank = place.rank(shard);
    const auto last = rank.begin() + static_cast<std::ptrdiff_t>(what_.holders == 0 ? rank.size() : std::min(what_.holders, rank.size()));
    const bool newcomer = std::find(rank.begin(), last, what_.nodes) != last;
    newcomers_shards_ += newcomer;
    if (chosen[newcomer] >= count / 2)
      continue;
    ++chosen[newcomer];
    auto s = std::make_unique<sample>();
    s->shard = shard;
    s->for_newcomer = newcomer;
    samples_.push_back(std::move(s));
  }
}

void scale_world::make_apps() {
  std::vector<sample*> by_shard(what_.shards);
  for (auto& s : samples_)
    by_shard[s->shard] = s.get();
  const auto one_of = std::max(what_.one_active_of, what_.routes / what_.active_max);
  for (std::size_t i = 0; i < what_.routes; ++i) {
    auto host = "app-" + std::to_string(i) + ".apps.example.com";
    auto* const s = by_shard[shard_of(host, what_.shards)];
    if (s == nullptr)
      continue;
    auto said = registration::make(false, make_endpoint(++made_), host);
    s->apps.push_back({std::move(host), std::move(said), s->apps.size() % one_of == 0});
  }
}

// -- Nodes

void scale_world::start() {
  for (std::size_t i = 0; i < what_.nodes; ++i)
    bring_up(i);
  for (std::size_t a = 0; a < what_.nodes; ++a)
    for (std::size_t b = a + 1; b < what_.nodes; ++b)
      link(a, b);
  for (std::size_t i = 0; i < what_.nodes; ++i)
    follow(i);
  for (auto& s : samples_) {
    std::size_t borrow = 0;
    for (std::size_t i = 0; i < what_.nodes; ++i)
      if (nodes_[i].members->view_of(s->shard).held || borrow++ < borrowers_)
        add_copy(*s, i);
    publish_some(*s);
    time_.at(all_in_sync_by, [this, s = s.get()] {
      for (auto& c : s->copies)
        want_active(*s, *c);
    });
  }
}

void scale_world::bring_up(std::size_t i) {
  auto& n = nodes_[i];
  membership_rules rules{.cluster = "prod", .shards = what_.shards, .holders = what_.holders};
  node_hello self;
  self.node = name_of(i);
  self.address = name_of(i) + ":7946";
  self.incarnation = 1'700'000'000'000 + static_cast<std::uint64_t>(time_.now().count() / 1'000'000);
  n.up = true;
  n.members.emplace(rules, self);
  n.numbers.assign(nodes_.size(), this_node);
  n.by_number.assign(1, i);
  n.views.resize(what_.shards);
  n.members->set_hears_nats(true);
  time_.in(turn_every * (1 + i % 50) / 50, [this, i] { turn(i); });
}

void scale_world::link(std::size_t a, std::size_t b) {
  for (const auto& [one, other] : {std::pair{a, b}, std::pair{b, a}}) {
    auto& n = nodes_[one];
    n.numbers[other] = n.members->connected(nodes_[other].members->self(), local()).peer.value_or(this_node);
    n.by_number.resize(std::max<std::size_t>(n.by_number.size(), n.numbers[other] + 1u));
    n.by_number[n.numbers[other]] = other;
  }
  beat_to(a, b, nodes_[a].members->heartbeat());
  beat_to(b, a, nodes_[b].members->heartbeat());
}

void scale_world::beat_to(std::size_t from, std::size_t to, const node_heartbeat& beat) {
  count(nullptr, from, to, traffic::heartbeats, cluster::encode(beat).size());
  nodes_[to].members->heard(nodes_[to].numbers[from], beat, local());
}

void scale_world::turn(std::size_t i) {
  auto& n = nodes_[i];
  time_.in(turn_every, [this, i] { turn(i); });
  const auto beat = n.members->heartbeat();
  for (std::size_t other = 0; other < nodes_.size(); ++other)
    if (other != i && nodes_[other].up && !is_cut(i, other))
      beat_to(i, other, beat);
  n.members->tick(local());
  follow(i);
}

void scale_world::follow(std::size_t i) {
  auto& n = nodes_[i];
  for (const auto shard : n.members->take_changed()) {
    n.views[shard] = n.members->view_of(shard);
    bool sampled = false;
    for (auto& s : samples_) {
      sampled = sampled || s->shard == shard;
      if (auto* const c = s->shard == shard ? copy_at(*s, i) : nullptr) {
        c->replica->see(n.views[shard], local());
        settle(*s, *c);
      }
    }
    if (!sampled) // A copy that is made in no time.
      n.members->set_in_sync(shard, n.views[shard].held);
  }
  static_cast<void>(n.members->take_log());
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (other == i || !nodes_[other].up || is_cut(i, other))
      continue;
    if (const auto news = n.members->news_for(n.numbers[other], local())) {
      count(nullptr, i, other, traffic::news, cluster::encode(*news).size());
      time_.in(delay, [this, other, news = *news] { nodes_[other].members->told(news, local()); });
    }
  }
}

/// Between the first two, which both notice.
void scale_world::cut_link() {
  cut_ = true;
  nodes_[0].members->disconnected(nodes_[0].numbers[1], local());
  nodes_[1].members->disconnected(nodes_[1].numbers[0], local());
}

void scale_world::mend_link() {
  cut_ = false;
  link(0, 1);
}

void scale_world::join() {
  const auto i = what_.nodes;
  newcomers_ = {};
  bring_up(i);
  for (std::size_t other = 0; other < i; ++other)
    link(i, other);
  for (auto& s : samples_)
    add_copy(*s, i);
  follow(i);
  for (std::size_t other = 0; other < i; ++other)
    follow(other);
  time_.in(1s, [this, i] {
    for (auto& s : samples_)
      want_active(*s, *copy_at(*s, i));
  });
}

bool scale_world::has_joined() const {
  return std::all_of(samples_.begin(), samples_.end(), [&](const auto& s) {
    const auto& c = *s->copies.back();
    return c.replica->holds() == s->for_newcomer && c.replica->in_sync();
  });
}

// -- Shards

scale_world::copy* scale_world::copy_at(sample& s, std::size_t i) {
  const auto at = std::find_if(s.copies.begin(), s.copies.end(), [i](const auto& c) { return c->node == i; });
  return at == s.copies.end() ? nullptr : at->get();
}

void scale_world::add_copy(sample& s, std::size_t i) {
  auto& c = *s.copies.emplace_back(std::make_unique<copy>());
  c.node = i;
  for (std::size_t k = 0; k < servers; ++k) // What was said before is not heard.
    c.heard[k] = s.said[k].size();
  replica_rules how{.clustered = true, .in_sync = false, .register_interval = 5s};
  c.replica = std::make_unique<shard_replica>(table_rules{}, how, local());
  c.replica->see(nodes_[i].views[s.shard], local());
  time_.in(nanoseconds{dice_.below(4'000'000)}, [this, &s, &c] { keep_hearing(s, c); });
  time_.in(nanoseconds{dice_.below(50'000'000)}, [this, &s, &c] { keep_ticking(s, c); });
  settle(s, c);
}

void scale_world::keep_hearing(sample& s, copy& c) {
  hear(s, c);
  time_.in(batch_every, [this, &s, &c] { keep_hearing(s, c); });
}

void scale_world::keep_ticking(sample& s, copy& c) {
  if (const auto due = c.replica->due(); due && *due <= local()) {
    c.replica->tick(local());
    settle(s, c);
  }
  if (c.replica->holds() && !c.replica->in_sync() && time_.now() > all_in_sync_by)
    ++totals_.doubts;
  time_.in(tick_every, [this, &s, &c] { keep_ticking(s, c); });
}

void scale_world::settle(sample& s, copy& c) {
  if (c.replica->has_changes() && !c.push_scheduled) {
    if (time_.now() >= c.push_not_before) {
      push(s, c);
    } else {
      c.push_scheduled = true;
      time_.at(c.push_not_before, [this, &s, &c] {
        c.push_scheduled = false;
        push(s, c);
        settle(s, c);
      });
    }
  }
  for (auto& each : c.replica->take_outgoing())
    send(s, c.node, nodes_[c.node].by_number[each.to], std::move(each.what));
  static_cast<void>(c.replica->take_answered());
  static_cast<void>(c.replica->take_pruned());
  static_cast<void>(c.replica->take_wish_for_registrations());
  nodes_[c.node].members->set_in_sync(s.shard, c.replica->holds_in_sync());
}

void scale_world::push(sample&, copy& c) {
  c.push_not_before = time_.now() + push_every;
  static_cast<void>(c.replica->take_changes(local()));
}

void scale_world::send(sample& s, std::size_t from, std::size_t to, replica_message what) {
  count(&s, from, to, kind_of(what), bytes_of(s.shard, what));
  auto* const there = copy_at(s, to);
  if (there == nullptr || is_cut(from, to))
    return;
  if (const auto* filter = std::get_if<known_hosts>(&what)) {
    there->filter_bytes = filter->filter.size();
    copy_at(s, from)->lent_filter_bytes = filter->filter.size();
  }
  time_.in(delay, [this, &s, from, there, what = std::make_shared<const replica_message>(std::move(what))] {
    there->replica->receive(nodes_[there->node].numbers[from], *what, local());
    settle(s, *there);
  });
}

void scale_world::want_active(sample& s, copy& c) {
  for (const auto& each : s.apps)
    if (each.active)
      c.replica->want(each.host, local());
  settle(s, c);
}

// -- Apps and NATS

void scale_world::publish_some(sample& s) {
  time_.in(batch_every, [this, &s] { publish_some(s); });
  const auto seconds = std::chrono::duration<double>(batch_every).count();
  const auto count = static_cast<double>(s.apps.size());
  const bool is_first_lap = s.first_lap < s.apps.size();
  s.owed += count * seconds / std::chrono::duration<double>(is_first_lap ? nanoseconds{first_lap_over} : nanoseconds{register_every}).count();
  for (; s.owed >= 1 && !s.apps.empty(); --s.owed) {
    publish(s, s.apps[s.next].said);
    s.next = (s.next + 1) % s.apps.size();
    s.first_lap += is_first_lap;
  }
  if (changes_)
    s.owed_changes += count * seconds * what_.changed_per_mille / 1000;
  for (; s.owed_changes >= 1; --s.owed_changes)
    change_one(s);
}

void scale_world::publish(sample& s, const registration& what) {
  const auto weight = static_cast<double>(what_.shards) / static_cast<double>(samples_.size());
  totals_.published += weight;
  totals_.published_bytes += weight * registration_bytes;
  s.said[what.target->address_hash() % servers].push_back({time_.now(), std::make_shared<const registration>(what)});
}

/// Its endpoint moves, or it goes and another comes.
void scale_world::change_one(sample& s) {
  auto& changed = s.apps[dice_.below(s.apps.size())];
  auto gone = changed.said;
  gone.unregister = true;
  const auto old = changed.host;
  if (s.replaces_host = !s.replaces_host; s.replaces_host)
    changed.host = "app-" + std::to_string(what_.routes + made_) + ".apps.example.com";
  changed.said = registration::make(false, make_endpoint(++made_), changed.host);
  publish(s, changed.said);
  publish(s, gone);
  if (!changed.active || changed.host == old)
    return;
  for (auto& c : s.copies)
    time_.in(100ms, [this, &s, old, host = changed.host, c = c.get()] {
      c->replica->release(old, local());
      c->replica->want(host, local());
      settle(s, *c);
    });
}

void scale_world::hear(sample& s, copy& c) {
  bool any = false;
  for (std::size_t k = 0; k < servers; ++k) {
    // What another server took comes a little later.
    const nanoseconds later = k == c.node % servers ? 300us : 800us;
    for (auto& at = c.heard[k]; at < s.said[k].size() && s.said[k][at].at + later <= time_.now(); ++at) {
      if (!c.replica->holds())
        continue;
      any = true;
      const auto& what = *s.said[k][at].what;
      if (what.unregister)
        c.replica->table().unregister_endpoint(what, local());
      else
        c.replica->table().register_endpoint(what, local(), 1'700'000'000'000'000'000);
    }
  }
  if (!any)
    return;
  c.replica->applied(local());
  settle(s, c);
}

// -- Counting

std::size_t scale_world::bytes_of(std::size_t shard, const replica_message& what) {
  cluster::message_packer packer;
  packer.add(shard, slice_digest{}, {});
  const auto empty = packer.bytes();
  if (packer.add(shard, what, {}))
    return packer.bytes() - empty;
  std::size_t bytes = 0;
  for (const auto& part : cluster::in_parts(what))
    bytes += bytes_of(shard, part);
  return bytes;
}

void scale_world::count(const sample* s, std::size_t from, std::size_t to, traffic kind, std::size_t bytes) {
  const auto add = [&](scale_totals& totals, double weight) {
    auto& f = totals.flows[static_cast<std::size_t>(kind)];
    f.messages += weight;
    f.bytes += weight * static_cast<double>(bytes);
  };
  double weight = 1, for_newcomer = 1;
  if (s != nullptr) {
    weight = static_cast<double>(what_.shards) / static_cast<double>(samples_.size());
    if (is_for_borrowers(kind) && borrowers_ > 0)
      weight *= static_cast<double>(what_.nodes - holders_) / static_cast<double>(borrowers_);
    const auto alike = std::count_if(samples_.begin(), samples_.end(),
                                     [s](const auto& each) { return each->for_newcomer == s->for_newcomer; });
    for_newcomer = static_cast<double>(s->for_newcomer ? newcomers_shards_ : what_.shards - newcomers_shards_) / static_cast<double>(alike);
  }
  if (nodes_.back().up && (from == what_.nodes || to == what_.nodes))
    add(newcomers_, for_newcomer);
  else
    add(totals_, weight);
  if (s == nullptr && (from == 0 || to == 0))
    add(parted_, 0.5); // As much is sent as is heard.
}

std::size_t scale_world::shards_held_max() const {
  std::vector<placed_node> all;
  for (std::size_t i = 0; i < what_.nodes; ++i)
    all.push_back({name_of(i), ""});
  std::vector<std::size_t> held(what_.nodes);
  const placement place{"prod", all};
  for (std::size_t shard = 0; shard < what_.shards; ++shard) {
    const auto rank = place.rank(shard);
    for (std::size_t i = 0; i < holders_; ++i)
      ++held[rank[i]];
  }
  return *std::max_element(held.begin(), held.end());
}

scale_totals scale_world::totals() const {
  auto all = totals_;
  for (const auto& s : samples_)
    for (const auto& c : s->copies)
      all.repairs += static_cast<double>(c->replica->counters().repairs) * static_cast<double>(what_.shards)
                     / static_cast<double>(samples_.size());
  return all;
}

void scale_world::count_hosts(scale_phase& into) const {
  const auto nodes = static_cast<double>(what_.nodes), samples = static_cast<double>(samples_.size());
  for (const auto& s : samples_)
    for (const auto& c : s->copies) {
      if (c->node == what_.nodes)
        continue;
      const bool holds = c->replica->holds();
      const auto all = static_cast<double>(what_.shards) / samples / nodes;
      const auto weight = holds ? all : all * (nodes - static_cast<double>(holders_)) / static_cast<double>(std::max<std::size_t>(borrowers_, 1));
      (holds ? into.hosts_held : into.hosts_borrowed) += weight * static_cast<double>(c->replica->table().host_count());
      into.filter_bytes += weight * static_cast<double>(holds ? c->lent_filter_bytes : c->filter_bytes);
      if (const auto* history = c->replica->table().history())
        into.tombstones += weight * static_cast<double>(history->tombstone_count());
    }
}

} // namespace shunt::simulation
