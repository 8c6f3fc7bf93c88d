// What the membership means: who holds which shard, what this node says of itself, and what people
// may see.
#include "routing/membership.hpp"

#include <algorithm>
#include <utility>

namespace shunt::routing {

// -- Of this node.

void membership::set_in_sync(std::size_t shard, bool in_sync) {
  if (in_sync_[shard] == in_sync)
    return;
  in_sync_[shard] = in_sync;
  touched_[shard] = true;
}

void membership::set_hears_nats(bool hears) {
  if (std::exchange(hears_nats_, hears) != hears)
    touch_all();
}

void membership::set_leaving() {
  leaving_ = true;
  touch_all();
}

node_heartbeat membership::heartbeat() {
  return {++sequence_, view_hash(), hears_nats_, leaving_, in_sync_};
}

// -- Placement.

void membership::touch_all() {
  all_touched_ = true;
  view_hash_.reset();
}

/// Only when the set of those that have a place changed: a node that is away for a while changes no
/// rank.
void membership::work_out_ranks() const {
  if (!std::exchange(ranks_stale_, false))
    return;
  std::vector<placed_node> nodes{{self_.node, self_.zone}};
  std::vector<peer_id> ids{this_node};
  for (std::size_t i = 1; i < peers_.size(); ++i)
    if (peers_[i].placed) {
      nodes.push_back({peers_[i].hello.node, peers_[i].hello.zone});
      ids.push_back(static_cast<peer_id>(i));
    }
  const placement place{self_.cluster, nodes};
  placed_count_ = ids.size();
  ranks_.clear();
  ranks_.reserve(placed_count_ * rules_.shards);
  for (std::size_t shard = 0; shard < rules_.shards; ++shard)
    for (const auto position : place.rank(shard))
      ranks_.push_back(ids[position]);
}

bool membership::is_present(peer_id id) const {
  return id == this_node ? !leaving_ : peers_[id].alive();
}

bool membership::is_in_sync(peer_id id, std::size_t shard) const {
  if (id == this_node)
    return in_sync_[shard];
  const auto& bits = peers_[id].said.in_sync;
  return shard < bits.size() && bits[shard];
}

shard_view membership::view_of(std::size_t shard) const {
  work_out_ranks();
  const auto* const rank = ranks_.data() + shard * placed_count_;
  const auto wanted = rules_.holders == 0 ? placed_count_ : std::min(rules_.holders, placed_count_);
  const auto enough = std::min<std::size_t>(wanted, 2);
  shard_view view{.held = false, .first = false};
  std::vector<shard_view::holder> leaving;
  std::size_t present = 0, hearing = 0, able = 0;
  bool first_hearing = false, first_able = false, all_known = true;
  for (std::size_t i = 0; i < placed_count_; ++i) {
    const auto id = rank[i];
    const bool is_here = is_present(id);
    const bool placed = i < wanted || (is_here && present < enough);
    const bool in_sync = is_in_sync(id, shard);
    const bool hears = id == this_node ? hears_nats_ : peers_[id].said.hears_nats;
    const bool is_able = placed && is_here && hears && in_sync;
    if (id == this_node) {
      first_hearing = placed && hearing == 0;
      first_able = is_able && able == 0;
    }
    hearing += placed && is_here && hears;
    able += is_able;
    const bool is_known = id == this_node || peers_[id].said.sequence > 0 || peers_[id].left
                          || peers_[id].state == peer_state::dead; // It has said how it is, or will not.
    all_known = all_known && (!placed || is_known);
    present += placed && is_here;
    view.incomplete = view.incomplete || (i < wanted && !is_here);
    if (id == this_node)
      view.held = placed;
    else if (is_here && (placed || in_sync))
      view.others.push_back({id, in_sync, peers_[id].said.hears_nats, placed, peers_[id].behind});
    else if (peers_[id].left && in_sync)
      leaving.push_back({id, in_sync, peers_[id].said.hears_nats, false, peers_[id].behind});
  }
  view.others.insert(view.others.end(), leaving.begin(), leaving.end()); // To be asked last.
  // Who has only just met the others knows of none that it is in sync, and is not the one to answer for them.
  view.first = knows_others_ && (able > 0 ? first_able : all_known && first_hearing);
  return view;
}

std::vector<std::size_t> membership::take_changed() {
  std::vector<std::size_t> changed;
  for (std::size_t shard = 0; shard < rules_.shards; ++shard) {
    if (!all_touched_ && !touched_[shard])
      continue;
    touched_[shard] = false;
    auto view = view_of(shard);
    if (views_[shard] == view)
      continue;
    views_[shard] = std::move(view);
    changed.push_back(shard);
  }
  all_touched_ = false;
  return changed;
}

// -- What all of it amounts to.

std::uint64_t membership::view_hash() const {
  if (view_hash_)
    return *view_hash_;
  // A sum, because nodes number each other differently.
  const auto term = [](const peer& p, std::uint64_t incarnation, bool is_here, bool left) {
    return murmur_mix(p.name_hash ^ murmur_mix(incarnation * 4 + left * 2 + is_here));
  };
  auto sum = term(peers_[this_node], self_.incarnation, !leaving_, leaving_);
  for (std::size_t i = 1; i < peers_.size(); ++i)
    if (const auto& p = peers_[i]; p.placed)
      sum += term(p, p.hello.incarnation, p.alive(), p.left);
  view_hash_ = sum;
  return sum;
}

bool membership::isolated(time_point now) const {
  const auto first = peers_.begin() + 1;
  const bool missed = first == peers_.end()
                        ? rules_.peers_expected
                        : std::any_of(first, peers_.end(), [](const peer& p) { return !p.left; });
  return missed && heard_any_ && now - *heard_any_ >= rules_.remove_after;
}

bool membership::knows_others(time_point now) const {
  const bool sought_in_vain = heard_any_ && now - *heard_any_ >= rules_.peers_sought;
  return met_any_ || (!rules_.peers_expected && (rules_.peers_sought <= nanoseconds{0} || sought_in_vain));
}

bool membership::sees_most(time_point now) const {
  if (isolated(now))
    return false;
  std::size_t all = 1, alive = 1;
  for (std::size_t i = 1; i < peers_.size(); ++i)
    if (const auto& p = peers_[i]; p.placed && !p.left) {
      ++all;
      alive += p.alive();
    }
  return 2 * alive > all;
}

std::vector<membership::peer_info> membership::peers() const {
  std::vector<std::size_t> held(peers_.size());
  for (std::size_t shard = 0; shard < rules_.shards; ++shard)
    for (const auto& other : view_of(shard).others)
      ++held[other.peer];
  std::vector<peer_info> all;
  for (const auto& [name, id] : numbers_) {
    const auto& p = peers_[id];
    if (!p.placed)
      continue;
    const auto in_sync = std::count(p.said.in_sync.begin(), p.said.in_sync.end(), true);
    all.push_back({id, p.hello, p.state, p.linked, p.heard, p.said.hears_nats, p.said.view,
                   held[id], static_cast<std::size_t>(in_sync), p.warning});
  }
  return all;
}

} // namespace shunt::routing
