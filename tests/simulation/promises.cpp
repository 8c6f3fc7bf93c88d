// Looking at what was promised, four times a second and at the end.
#include "world.hpp"

#include <algorithm>
#include <set>

namespace shunt::simulation {

using namespace routing;

namespace {

constexpr auto look_every = 250ms;
constexpr auto settled_after = 5s;  ///< After the last fault.
constexpr auto in_sync_after = 15s; ///< Likewise: everybody registered again, several times.
constexpr auto stale_after = 12s;
/// Until whoever leases a host knows what a holder knows: `suspect_after`, in which a broken link may go
/// unnoticed, a slow node at both ends, and the time between two looks.
constexpr auto known_for = 1s + 2 * 500ms + 2 * look_every;

std::string seconds(nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + "ms";
}

} // namespace

outcome world::run() {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    time_.at(std::chrono::milliseconds{dice_.below(500)}, [this, i] { start(i); });
  for (std::size_t r = 0; r < routes_.size(); ++r)
    time_.at(500ms + std::chrono::milliseconds{dice_.below(4'000)}, [this, r] { emit(r); });
  for (const auto& f : history_.faults)
    time_.at(f.at, [this, f] { begin(f); });
  const auto end = last_fault_ + (routes_.empty() ? settled_after + 2s : in_sync_after + 1s);
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
  for (const auto i : all) {
    if (routes_.empty())
      continue;
    watch_tables(i);
    ask_some(i);
  }
  const auto since = time_.now() - last_fault_;
  if (since <= 0ns)
    return;
  const bool late = since > settled_after;
  if (!(late ? agreed_later_ : agreed_in_time_)) {
    disagreed_ = disagreement();
    (late ? agreed_later_ : agreed_in_time_) = disagreed_.empty();
    if (disagreed_.empty() && !late)
      outcome_.agreed_after = since;
  }
  if (!(late ? equal_later_ : equal_in_time_)) {
    differed_ = differing_digests();
    (late ? equal_later_ : equal_in_time_) = differed_.empty();
  }
  const auto first_word = [](const std::string& text) { return text.substr(0, text.find(' ')); };
  const auto judge = [&](bool agreed, bool equal) {
    if (!agreed)
      fail(first_word(disagreed_).c_str(), disagreed_);
    if (!equal)
      fail("digest", differed_);
  };
  if (since >= settled_after && since < settled_after + look_every) {
    judge(agreed_in_time_, equal_in_time_);
    check_gone();
  }
  if (since >= settled_after + 2s)
    judge(agreed_later_, equal_later_);
  if (since >= in_sync_after)
    check_sync();
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
      all.push_back({nodes_[other].name,
                     history_.zones == 0 ? "" : "z" + std::to_string(other % history_.zones)});
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

// -- Routes

void world::watch_tables(std::size_t i) {
  auto& n = nodes_[i];
  for (std::size_t r = 0; r < routes_.size(); ++r) {
    const auto& app = routes_[r];
    const auto s = app.shard;
    const bool steady = n.holds_since[s] >= 0ns && n.holds_since[s] <= time_.now() - look_every;
    auto& seen = n.sightings[r];
    const bool there =
      n.replicas[s]->table().endpoint_at(app.host, "", app.target->address()) != nullptr;
    if (steady && seen.there && !there && app.registered && app.since <= time_.now() - 5s
        && time_.now() - app.heard < stale_after)
      return fail("lost", n.name + " lost " + app.host + " at " + std::string{app.target->address()}
                            + ", heard " + seconds(time_.now() - app.heard) + " ago");
    seen.there = there && steady;
  }
  for (std::size_t h = 0; h < hosts_.size(); ++h) {
    const auto s = routes_[2 * h].shard;
    const bool knows = n.in_sync_since[s] >= 0ns && n.replicas[s]->table().has_routes(hosts_[h]);
    n.known_since[h] = !knows ? nanoseconds{-1} : n.known_since[h] < 0ns ? time_.now() : n.known_since[h];
  }
}

void world::ask_some(std::size_t i) {
  auto& n = nodes_[i];
  for (int times = 0; times < 3; ++times) {
    const auto& host = hosts_[dice_.below(hosts_.size())];
    auto& replica = *n.replicas[shard_of(host, history_.shards)];
    if (const auto known = n.asked.find(host); known != n.asked.end()) {
      if (known->second && dice_.below(3) == 0) {
        replica.release(host, local(i));
        n.asked.erase(known);
      }
      continue;
    }
    n.asked[host] = replica.want(host, local(i));
  }
  for (const auto& [host, answered] : n.asked)
    if (answered)
      judge_answer(i, host);
  settle(i);
}

void world::judge_answer(std::size_t i, const std::string& host) {
  auto& n = nodes_[i];
  if (const auto known = n.asked.find(host); known != n.asked.end())
    known->second = true;
  ++outcome_.asked;
  const auto h = static_cast<std::size_t>(std::find(hosts_.begin(), hosts_.end(), host) - hosts_.begin());
  const auto& replica = *n.replicas[routes_[2 * h].shard];
  if (!replica.in_sync() || replica.table().has_routes(host))
    return;
  const auto long_ago = time_.now() - known_for;
  const auto stands = [&](const route& r) { return r.registered && r.since <= long_ago; };
  if (!stands(routes_[2 * h]) && (2 * h + 1 >= routes_.size() || !stands(routes_[2 * h + 1])))
    return;
  for (const auto& other : nodes_)
    if (other.runs() && other.known_since[h] >= 0ns && other.known_since[h] <= long_ago)
      return fail("absent", n.name + (replica.holds() ? " (holder)" : " (borrower)") + " says that " + host
                              + " of shard " + std::to_string(routes_[2 * h].shard) + " does not exist; "
                              + other.name + " knows it for " + seconds(time_.now() - other.known_since[h]));
}

std::string world::differing_digests() {
  if (routes_.empty())
    return {};
  for (std::size_t s = 0; s < history_.shards; ++s) {
    std::optional<std::size_t> first;
    for (const auto i : live()) {
      const auto& replica = *nodes_[i].replicas[s];
      if (!nodes_[i].views[s].held || !replica.holds())
        continue;
      if (!first)
        first = i;
      else if (replica.table().history()->digest() != nodes_[*first].replicas[s]->table().history()->digest())
        return "digest of shard " + std::to_string(s) + " differs on " + nodes_[i].name + " and "
               + nodes_[*first].name;
    }
  }
  return {};
}

void world::check_gone() {
  for (std::size_t r = 0; r < routes_.size(); ++r) {
    const auto& app = routes_[r];
    // A registration within a second of it ties, and the endpoint goes when it is stale.
    if (app.registered || !app.by_word || app.since - app.published < 1500ms)
      continue;
    const auto s = app.shard;
    const auto has = [&](std::size_t i) {
      return nodes_[i].replicas[s]->table().endpoint_at(app.host, "", app.target->address()) != nullptr;
    };
    const auto everybody = live();
    const auto applied = std::find_if(everybody.begin(), everybody.end(), [&](std::size_t i) {
      const auto& n = nodes_[i];
      return n.holds_since[s] >= 0ns && n.views[s].held && n.sightings[r].unregistered >= n.holds_since[s]
             && n.sightings[r].unregistered >= app.since && !has(i);
    });
    if (applied == everybody.end())
      continue;
    for (const auto i : everybody)
      if ((nodes_[i].views[s].held || nodes_[i].replicas[s]->in_sync()) && has(i))
        return fail("gone", nodes_[i].name + " still has " + app.host + " at "
                              + std::string{app.target->address()} + " of shard " + std::to_string(s) + ", which "
                              + nodes_[*applied].name + " heard go " + seconds(time_.now() - app.since) + " ago");
  }
}

void world::check_sync() {
  for (const auto i : live())
    for (std::size_t s = 0; s < nodes_[i].replicas.size(); ++s)
      if (const auto& replica = *nodes_[i].replicas[s]; !replica.in_sync())
        return fail("sync", nodes_[i].name + (replica.holds() ? " (holder)" : " (borrower)")
                              + " is not in sync with shard " + std::to_string(s));
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
