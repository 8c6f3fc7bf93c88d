// See membership.hpp. Here: what happens to peers. What follows for shards is in
// membership_views.cpp.
#include "routing/membership.hpp"

#include "routing/uri.hpp"

#include <algorithm>
#include <utility>

namespace shunt::routing {

namespace {

/// What nobody takes is not worth memory without end.
constexpr std::size_t log_max = 4 * peers_max;

std::uint64_t whole_ms(nanoseconds time) {
  return static_cast<std::uint64_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

/// Names go into logs and into the hash of placement.
bool is_plain(std::string_view text, std::size_t bytes_max) {
  return text.size() <= bytes_max
         && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_sound(std::string_view node, std::string_view zone, std::string_view address) {
  return !node.empty() && is_plain(node, node_name_bytes_max)
         && is_plain(address, address_bytes_max) && zone.size() <= zone_bytes_max
         && std::none_of(zone.begin(), zone.end(),
                         [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

std::string differs(std::string_view key, std::string_view there, std::string_view here) {
  std::string text{key};
  return text.append(" is ").append(there).append(" there and ").append(here).append(" here");
}

std::string quoted(std::string_view name) {
  std::string text{"\""};
  return text.append(name.substr(0, node_name_bytes_max)).append("\"");
}

} // namespace

std::string_view name_of(peer_state state) {
  switch (state) {
    case peer_state::alive: return "alive";
    case peer_state::suspect: return "suspect";
    case peer_state::dead: return "dead";
    case peer_state::left: return "left";
  }
  return {};
}

membership::membership(membership_rules rules, node_hello self)
  : rules_{std::move(rules)},
    self_{std::move(self)},
    peers_(1),
    in_sync_(rules_.shards),
    touched_(rules_.shards),
    views_(rules_.shards) {
  self_.cluster = rules_.cluster;
  self_.shards = static_cast<std::uint32_t>(rules_.shards);
  self_.holders = static_cast<std::uint32_t>(rules_.holders);
  self_.suspect_after_ms = whole_ms(rules_.suspect_after);
  self_.remove_after_ms = whole_ms(rules_.remove_after);
  self_.rebalance_after_ms = whole_ms(rules_.rebalance_after);
  peers_[this_node].name_hash = host_hash(self_.node);
  knows_others_ = !rules_.peers_expected && rules_.peers_sought <= nanoseconds{0};
}

// -- Links.

std::string membership::refusal_of(const node_hello& theirs) const {
  if (theirs.cluster != self_.cluster)
    return differs("cluster.name", quoted(theirs.cluster), quoted(self_.cluster))
      .append(
        ": give all nodes of one cluster the same, and take those of others from cluster.peers");
  if (theirs.shards != self_.shards)
    return differs("cluster.shards", std::to_string(theirs.shards), std::to_string(self_.shards))
      .append(": it is fixed for a cluster, set the same on all nodes and start this one anew");
  if (!is_sound(theirs.node, theirs.zone, theirs.address))
    return "cluster.node.name, cluster.zone or cluster.node.host is empty, too long or not "
           "printable there";
  if (theirs.node != self_.node)
    return {};
  if (theirs.incarnation == self_.incarnation)
    return "this is the node itself";
  return differs("cluster.node.name", quoted(theirs.node), "the same")
    .append(": give each node a name of its own");
}

std::string membership::warning_of(const node_hello& theirs) const {
  std::string all;
  const auto compare = [&](std::string_view key, std::uint64_t there, std::uint64_t here,
                           std::string_view unit) {
    if (there == here)
      return;
    all.append(all.empty() ? "" : "; ");
    all.append(differs(key, std::to_string(there).append(unit), std::to_string(here).append(unit)));
  };
  compare("cluster.holders", theirs.holders, self_.holders, "");
  compare("cluster.suspect_after", theirs.suspect_after_ms, self_.suspect_after_ms, "ms");
  compare("cluster.remove_after", theirs.remove_after_ms, self_.remove_after_ms, "ms");
  compare("cluster.rebalance_after", theirs.rebalance_after_ms, self_.rebalance_after_ms, "ms");
  return all.empty() ? all : all.append(": set the same on all nodes");
}

membership::welcome membership::connected(const node_hello& theirs, time_point now) {
  if (auto refusal = refusal_of(theirs); !refusal.empty())
    return {{}, std::move(refusal), {}, false};
  const auto known = numbers_.find(theirs.node);
  auto* const p = known == numbers_.end() ? add(theirs.node, now) : &peers_[known->second];
  if (p == nullptr)
    return {{},
            "more nodes than one may hear of, " + std::to_string(peers_max)
              + " names: start this one anew to forget those that are gone",
            {},
            false};
  if (p->placed && theirs.incarnation < p->hello.incarnation)
    return {{},
            quoted(theirs.node)
              .append(" started again since, or the clock of its machine was set back: wait for ")
              .append("cluster.rebalance_after, or give each node a name of its own"),
            {},
            false};
  if (theirs.incarnation != p->hello.incarnation)
    renew(*p, theirs.incarnation);
  const bool renewed = p->linked_incarnation != 0 && p->linked_incarnation != theirs.incarnation;
  set_zone(*p, theirs.zone);
  p->hello = theirs;
  p->warning = warning_of(theirs);
  p->linked_incarnation = theirs.incarnation;
  if (!std::exchange(p->linked, true))
    p->told.reset();
  read(*p, now);
  hear(*p, now);
  return {numbers_.find(theirs.node)->second, {}, p->warning, renewed};
}

void membership::disconnected(peer_id id, time_point) {
  auto* const p = find(id);
  if (p == nullptr || !std::exchange(p->linked, false))
    return;
  if (p->alive())
    turn(*p, peer_state::suspect);
  forget_copies(*p);
}

void membership::heard(peer_id id, const node_heartbeat& said, time_point now) {
  auto* const p = find(id);
  if (p == nullptr || !p->linked)
    return;
  p->left = said.leaving;
  p->sequence = std::max(p->sequence, said.sequence);
  read(*p, now);
  hear(*p, now);
  if (p->said.hears_nats != said.hears_nats || p->said.sequence == 0)
    touch_all();
  for (std::size_t shard = 0; shard < rules_.shards; ++shard) {
    const auto in = [&](const std::vector<bool>& bits) {
      return shard < bits.size() && bits[shard];
    };
    if (in(said.in_sync) != in(p->said.in_sync))
      touched_[shard] = true;
  }
  p->said = said;
  p->said.in_sync.resize(rules_.shards);
}

void membership::lives(peer_id id, time_point now) {
  if (auto* const p = find(id); p != nullptr && p->linked)
    hear(*p, now);
}

/// A word on a link of this node.
void membership::hear(peer& p, time_point now) {
  p.heard_here = p.heard = now;
  heard_any_ = now;
  met_any_ = true;
  note_others(now);
  put(p, true);
  turn(p, p.left ? peer_state::left : peer_state::alive);
}

void membership::read(peer& p, time_point now) {
  p.read = now;
  set_behind(p, false);
}

void membership::set_behind(peer& p, bool behind) {
  if (std::exchange(p.behind, behind) != behind)
    touch_all();
}

// -- What others tell.

std::optional<node_news> membership::news_for(peer_id id, time_point now) {
  auto* const to = find(id);
  if (to == nullptr || !to->linked)
    return {};
  const bool again = to->told && now - *to->told >= rules_.suspect_after
                     && (to->alive() || to->left) && to->said.view != view_hash();
  if (to->told && !again)
    return {};
  to->told = now;
  node_news news;
  const auto is_worth_a_word = [&](const peer& p) { // Of whom this node has lately forgotten, others may know too much.
    return p.placed || (p.hello.incarnation != 0 && now - p.heard < 2 * rules_.rebalance_after);
  };
  for (const auto& p : peers_)
    if (&p != to && &p != &peers_.front() && is_worth_a_word(p))
      news.nodes.push_back({p.hello.node, p.hello.zone, p.hello.address, p.hello.incarnation,
                            p.sequence, std::max(now - p.heard, nanoseconds{0}), p.left});
  return news;
}

void membership::told(const node_news& news, time_point now) {
  for (std::size_t i = 0; i < std::min(news.nodes.size(), peers_max); ++i)
    hear_of(news.nodes[i], now);
}

void membership::hear_of(const told_node& news, time_point now) {
  if (news.node == self_.node || !is_sound(news.node, news.zone, news.address)
      || news.age < nanoseconds{0})
    return;
  const auto heard = now - news.age;
  const auto known = numbers_.find(news.node);
  if (news.age >= rules_.rebalance_after) { // It is forgotten there. So it is here, unless there was a later word.
    if (known != numbers_.end())
      correct(peers_[known->second], news, heard);
    return;
  }
  auto* const p = known == numbers_.end() ? add(news.node, heard) : &peers_[known->second];
  if (p == nullptr || news.incarnation < p->hello.incarnation)
    return;
  const bool is_new = news.incarnation > p->hello.incarnation;
  if (is_new && p->linked)
    return; // If it has begun anew this link is about to end. If not, its clock was set back: then the news is old.
  if (is_new) { // Or never heard of.
    renew(*p, news.incarnation);
    set_zone(*p, news.zone);
    p->hello.zone = news.zone;
    p->hello.address = news.address;
    p->heard = heard;
  }
  if (news.left && !p->left) {
    p->left = true;
    if (p->placed)
      turn(*p, peer_state::left);
  }
  if (!is_new && news.sequence < p->sequence)
    return; // An echo, perhaps of this node's own words.
  if (!is_new && news.sequence == p->sequence)
    return correct(*p, news, heard);
  p->sequence = news.sequence;
  p->heard = heard; // Even if this node has heard an earlier word later: then it was stopped meanwhile.
  put(*p, true);
  judge(*p, now);
}

/// Whoever was stopped has read the last words of others late: there was the same one, or a later one, before that.
void membership::correct(peer& p, const told_node& news, time_point heard) {
  if (news.incarnation != p.hello.incarnation || news.sequence < p.sequence)
    return;
  p.sequence = news.sequence;
  p.heard = std::min(p.heard, heard);
}

// -- Peers, one by one.

membership::peer* membership::find(peer_id id) {
  return id == this_node || id >= peers_.size() ? nullptr : &peers_[id];
}

membership::peer* membership::add(std::string_view name, time_point heard) {
  if (peers_.size() >= peers_max)
    return nullptr;
  numbers_.emplace(name, static_cast<peer_id>(peers_.size()));
  auto& p = peers_.emplace_back();
  p.hello.node = name;
  p.name_hash = host_hash(name);
  p.heard = heard;
  p.placed = false;
  return &p;
}

/// Gives it its place among the holders, or takes it away.
void membership::put(peer& p, bool placed) {
  if (std::exchange(p.placed, placed) == placed)
    return;
  ranks_stale_ = true;
  touch_all();
}

void membership::set_zone(peer& p, const std::string& zone) {
  ranks_stale_ = ranks_stale_ || p.hello.zone != zone;
}

/// Another start of the same node: nothing that was known of the old self is true any more, but its
/// place.
void membership::renew(peer& p, std::uint64_t incarnation) {
  if (p.alive())
    note(p, "suspect");
  p.hello.incarnation = incarnation;
  p.state = peer_state::suspect;
  p.linked = p.left = false;
  p.sequence = 0;
  p.said = {};
  touch_all();
}

void membership::turn(peer& p, peer_state state) {
  if (std::exchange(p.state, state) == state)
    return;
  if (!p.alive())
    p.said.in_sync.clear(); // True no longer, perhaps, when it is heard again.
  touch_all();
  note(p, name_of(state));
}

/// Who leaves on purpose has them for the others as long as it is heard, and no longer.
void membership::forget_copies(peer& p) {
  if (p.said.in_sync.empty())
    return;
  p.said.in_sync.clear();
  touch_all();
}

/// By the time that passed since it was heard.
void membership::judge(peer& p, time_point now) {
  set_behind(p, p.linked && now - p.read >= rules_.suspect_after);
  if (p.linked && !p.left && now - p.heard_here < rules_.suspect_after)
    return turn(p, peer_state::alive);
  if (!p.linked || now - p.heard_here >= rules_.suspect_after)
    forget_copies(p);
  if (p.left)
    turn(p, peer_state::left);
  else
    turn(p, now - p.heard < rules_.remove_after ? peer_state::suspect : peer_state::dead);
  if (now - p.heard < rules_.rebalance_after)
    return;
  put(p, false);
  note(p, "forgotten");
}

void membership::tick(time_point now) {
  if (!heard_any_)
    heard_any_ = now;
  const bool did_not_run = ticked_ && now - *ticked_ > rules_.suspect_after / 2;
  // But a node that is always slow must judge, too.
  if (did_not_run && (!paused_ || now - *paused_ > 2 * rules_.suspect_after))
    paused_ = now;
  ticked_ = now;
  note_others(now);
  if (paused_ && now - *paused_ < rules_.suspect_after)
    return;
  for (std::size_t i = 1; i < peers_.size(); ++i)
    if (peers_[i].placed)
      judge(peers_[i], now);
}

void membership::note_others(time_point now) {
  if (std::exchange(knows_others_, knows_others(now)) != knows_others_)
    all_touched_ = true; // But what others see is the same as before.
}

void membership::note(const peer& p, std::string_view what) {
  if (log_.size() < log_max)
    log_.push_back({p.hello.node, std::string{"peer-"}.append(what)});
}

std::vector<membership::change> membership::take_log() {
  return std::exchange(log_, {});
}

} // namespace shunt::routing
