// Looking at what was promised, four times a second and at the end: nodes and their places. What they know of routes is in
// copies.cpp.
#include "world.hpp"

#include <algorithm>
#include <set>

namespace shunt::simulation {

using namespace routing;

namespace {

constexpr auto look_every = 250ms;
constexpr auto settled_after = 5s;  ///< After the last fault.
constexpr auto in_sync_after = 15s; ///< Likewise: everybody registered again, several times.
constexpr auto pruned_after = 40s;  ///< Likewise: what is stale was asked about, twice if need be.
/// A registration and what ends it: if they are closer they may tie, and the endpoint goes when it is stale.
constexpr auto apart = 1500ms;

} // namespace

outcome world::run() {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    time_.at(std::chrono::milliseconds{dice_.below(500)}, [this, i] { start(i); });
  for (std::size_t r = 0; r < routes_.size(); ++r)
    time_.at(500ms + std::chrono::milliseconds{dice_.below(4'000)}, [this, r] { emit(r); });
  for (const auto& f : history_.faults)
    time_.at(f.at, [this, f] { begin(f); });
  const auto end = last_fault_ + (routes_.empty() ? settled_after + 2s : pruned_after + 2s);
  while (time_.now() < end && !outcome_.failed()) {
    time_.run_until(time_.now() + look_every);
    look();
  }
  outcome_.at = time_.now();
  outcome_.events = time_.happened();
  return outcome_;
}

void world::fail(const char* name, std::string detail) {
  if (outcome_.failed())
    return;
  outcome_.failure = name;
  outcome_.detail = std::move(detail);
}

void world::look() {
  if (time_.now() < 3s)
    return;
  const auto all = live();
  const auto looked = all.size() <= 12 ? all.size() : 12; // Of many nodes, others have their turn next.
  for (std::size_t k = 0; k < looked; ++k)
    check_places(all[(looks_ * looked + k) % all.size()]);
  ++looks_;
  for (const auto i : all)
    if (!routes_.empty())
      ask_some(i);
  const auto since = time_.now() - last_fault_;
  if (since <= 0ns)
    return;
  const auto expect = [](expectation& that, std::string objection) {
    that.met = objection.empty();
    that.objection = std::move(objection);
  };
  if (!agreed_.met) {
    expect(agreed_, disagreement());
    if (agreed_.met && !judged_)
      outcome_.agreed_after = since;
  }
  if (!equal_.met)
    expect(equal_, differing_digests());
  if (!newest_.met)
    expect(newest_, outdated_copy());
  if (since >= in_sync_after && !leases_.met)
    expect(leases_, differing_lease());
  if ((!judged_ && since >= settled_after) || since >= settled_after + 2s)
    judge_expectations();
  if (since >= in_sync_after && since <= in_sync_after + 1s) // Later some may be forgotten, and shards move.
    check_sync();
  if (since >= pruned_after) {
    if (auto overdue = overdue_copy(); !overdue.empty())
      fail("over", std::move(overdue));
    check_gone(0s);
    if (!pruned_.met)
      expect(pruned_, differing_digests());
    if (since >= pruned_after + 1s && !pruned_.met)
      fail("unlike", pruned_.objection);
  }
  if (since >= in_sync_after + 1s && !leases_.met)
    fail("lease", leases_.objection);
}

/// Once when it is to be so, and then whether it stays so.
void world::judge_expectations() {
  if (!agreed_.met)
    fail(agreed_.objection.substr(0, agreed_.objection.find(' ')).c_str(), agreed_.objection);
  if (!equal_.met && !has_unlike_thresholds())
    fail("digest", equal_.objection);
  if (!newest_.met)
    fail("newest", newest_.objection);
  if (std::exchange(judged_, true))
    return;
  check_gone(apart);
  agreed_ = equal_ = newest_ = {};
}

// -- Membership

std::string world::disagreement() {
  const auto all = live();
  const auto placed = [this](std::size_t i, std::size_t s) {
    const auto view = nodes_[i].members->view_of(s);
    std::set<std::size_t> names;
    if (view.held)
      names.insert(i);
    for (const auto& other : view.others)
      if (other.placed)
        names.insert(nodes_[i].by_number.at(other.peer));
    return names;
  };
  for (const auto i : all) {
    for (const auto& peer : nodes_[i].members->peers()) {
      if (peer.state == peer_state::alive)
        continue;
      const auto& other = nodes_[number_of(peer.hello.node)];
      if (other.runs() && !other.leaving)
        return "dead " + other.name + " is " + std::string{name_of(peer.state)} + " to " + nodes_[i].name;
    }
    if (nodes_[i].members->view_hash() != nodes_[all[0]].members->view_hash())
      return "view of " + nodes_[i].name + " differs from that of " + nodes_[all[0]].name;
  }
  for (std::size_t s = 0; s < history_.shards; ++s)
    for (const auto i : all)
      if (placed(i, s) != placed(all[0], s))
        return "holders of shard " + std::to_string(s) + " differ for " + nodes_[i].name + " and "
               + nodes_[all[0]].name;
  return {};
}

/// By the same rules, from what this node says of its peers. Only while nobody may be forgotten.
void world::check_places(std::size_t i) {
  auto& n = nodes_[i];
  const auto peers = n.members->peers();
  if (history_.rebalance_after < 60s || time_.now() >= 60s || peers.size() + 1 != nodes_.size())
    return;
  std::vector<bool> here(nodes_.size());
  here[i] = true;
  for (const auto& peer : peers)
    here[number_of(peer.hello.node)] = peer.state == peer_state::alive;
  if (ranks_.empty()) {
    std::vector<placed_node> all;
    for (std::size_t other = 0; other < nodes_.size(); ++other)
      all.push_back({nodes_[other].name, zone_of(other)});
    for (std::size_t s = 0; s < history_.shards; ++s)
      ranks_.push_back(rank_holders("prod", s, all));
  }
  const auto wanted = history_.holders == 0 ? nodes_.size() : std::min(history_.holders, nodes_.size());
  for (std::size_t s = 0; s < history_.shards; ++s) {
    const auto& rank = ranks_[s];
    const auto alive = std::count_if(rank.begin(), rank.begin() + static_cast<std::ptrdiff_t>(wanted),
                                     [&](auto each) { return here[each]; });
    const auto view = n.members->view_of(s);
    std::size_t placed = view.held;
    for (const auto& other : view.others)
      placed += other.placed;
    const auto enough = std::min<std::size_t>(wanted, 2);
    const auto there = static_cast<std::size_t>(std::count(here.begin(), here.end(), true));
    if (placed != std::max(static_cast<std::size_t>(alive), std::min(enough, there)))
      return fail("moved", n.name + " places shard " + std::to_string(s) + " on " + std::to_string(placed)
                             + " nodes, while " + std::to_string(alive) + " of the first are alive");
    for (const auto& other : view.others)
      if (const auto who = n.by_number.at(other.peer);
          other.placed && static_cast<std::size_t>(alive) >= enough
          && std::find(rank.begin(), rank.begin() + static_cast<std::ptrdiff_t>(wanted), who)
               == rank.begin() + static_cast<std::ptrdiff_t>(wanted))
        return fail("moved", n.name + " places shard " + std::to_string(s) + " on " + nodes_[who].name);
  }
}

// -- Runs

outcome run(const history& h) {
  return world{h}.run();
}

history shrink(const history& h, const outcome& found) {
  auto shortest = h;
  // From the end, because what comes late matters less; again until nothing can go.
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (std::size_t i = shortest.faults.size(); i-- > 0;) {
      auto tried = shortest;
      tried.faults.erase(tried.faults.begin() + static_cast<std::ptrdiff_t>(i));
      if (run(tried).failure != found.failure)
        continue;
      shortest = std::move(tried);
      shorter = true;
    }
  }
  return shortest;
}

} // namespace shunt::simulation
