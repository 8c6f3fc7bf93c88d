// What nodes know of routes: seen whenever it may have changed, and held against what was promised.
#include "world.hpp"

#include <algorithm>

namespace shunt::simulation {

using namespace routing;

namespace {

constexpr auto stale_after = 12s;
constexpr auto answered_in = 3s; ///< While nothing is broken.
/// Until whoever leases a host knows what a holder knows: `suspect_after`, in which a broken link may go
/// unnoticed, a slow node at both ends, and the time between two looks.
constexpr auto known_for = 1s + 2 * 500ms + 250ms;
/// The same while nothing is broken.
constexpr auto pushed_in = 100ms;

/// Who missed something without knowing learns it by digests: of two rounds, and what follows.
constexpr auto repaired_in = 5s;

std::string seconds(nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + "ms";
}

std::string shown(std::size_t version) {
  return version == 0 ? "nothing" : "version " + std::to_string(version);
}

} // namespace

std::size_t world::route::version_of(const endpoint* e) const {
  for (std::size_t v = versions.size(); e != nullptr && v > 0; --v)
    if (versions[v - 1].get() == e || *versions[v - 1] == *e)
      return v;
  return 0;
}

std::size_t world::host_number(const std::string& host) const {
  const auto at = host_numbers_.find(host);
  return at == host_numbers_.end() ? hosts_.size() : at->second;
}

// -- What changes

void world::note_roles(std::size_t i, std::size_t s) {
  auto& n = nodes_[i];
  const auto& r = *n.replicas[s];
  const auto note = [&](nanoseconds& since, bool is) {
    const bool changes = is != (since >= 0ns);
    since = !is ? nanoseconds{-1} : since < 0ns ? time_.now() : since;
    return changes;
  };
  if (note(n.holds_since[s], r.holds()))
    for (const auto each : routes_of_[s])
      observe_route(i, each);
  if (note(n.in_sync_since[s], r.holds_in_sync()))
    for (const auto each : routes_of_[s])
      note_known(i, each / 2);
  if (const bool is = r.in_sync(); is != n.was_in_sync[s]) {
    n.was_in_sync[s] = is;
    if (is)
      judge_answers(i, s);
  }
}

void world::observe(std::size_t i, std::size_t s) {
  if (!nodes_[i].up)
    return;
  note_roles(i, s);
  for (const auto r : routes_of_[s])
    observe_route(i, r);
}

void world::observe_host(std::size_t i, const std::string& host) {
  const auto h = host_number(host);
  for (auto r = 2 * h; r < std::min(2 * h + 2, routes_.size()); ++r)
    observe_route(i, r);
}

void world::observe_route(std::size_t i, std::size_t r) {
  auto& n = nodes_[i];
  const auto& app = routes_[r];
  const auto& replica = *n.replicas[app.shard];
  auto& seen = n.sightings[r];
  const auto target = replica.table().endpoint_at(app.host, "", address_of(r));
  const auto version = app.version_of(target.get());
  if (version == seen.version)
    return;
  if (version == 0 && replica.holds() && n.waited_since)
    n.gone_while_waiting.push_back(r); // What waited may bring it back.
  else if (version == 0 && replica.holds())
    judge_loss(i, r);
  seen.version = version;
  seen.versions.push_back(version);
  note_known(i, r / 2);
  if (!replica.holds())
    observe_lease(i, r);
  judge_answer(i, r / 2);
}

void world::judge_loss(std::size_t i, std::size_t r) {
  const auto& app = routes_[r];
  if (app.registered && app.since <= time_.now() - 5s && app.heard >= app.since
      && time_.now() - app.heard < stale_after)
    fail("lost", nodes_[i].name + " lost " + app.host + " at " + std::string{address_of(r)} + ", heard "
                   + seconds(time_.now() - app.heard) + " ago");
}

/// A borrower may miss some of what its lender had, but sees the rest in its order.
void world::observe_lease(std::size_t i, std::size_t r) {
  auto& n = nodes_[i];
  auto& seen = n.sightings[r];
  const auto lender = n.replicas[routes_[r].shard]->lender();
  if (!lender || *lender >= n.by_number.size() || !n.asked.contains(r / 2))
    return;
  const auto from = n.by_number[*lender];
  const auto& other = nodes_[from];
  if (!other.up || other.life != n.links[from].life)
    return; // What it said before its end.
  if (seen.lender != from || seen.life != other.life) {
    seen.lender = from;
    seen.life = other.life;
    seen.came_to = 0;
  }
  const auto& versions = other.sightings[r].versions;
  const auto at = std::find(versions.begin() + static_cast<std::ptrdiff_t>(std::min(seen.came_to, versions.size())),
                            versions.end(), seen.version);
  if (at == versions.end() && (seen.version != 0 || seen.came_to != 0))
    return fail("back", n.name + " goes back to " + shown(seen.version) + " of " + routes_[r].host + " at "
                          + std::string{address_of(r)} + ", leased from " + other.name);
  if (at != versions.end())
    seen.came_to = static_cast<std::size_t>(at - versions.begin());
}

void world::note_known(std::size_t i, std::size_t h) {
  auto& n = nodes_[i];
  const auto s = routes_[2 * h].shard;
  const bool knows = n.in_sync_since[s] >= 0ns && n.replicas[s]->table().has_routes(hosts_[h]);
  n.known_since[h] = !knows ? nanoseconds{-1} : n.known_since[h] < 0ns ? time_.now() : n.known_since[h];
}

// -- Answers

void world::ask_some(std::size_t i) {
  auto& n = nodes_[i];
  for (std::size_t times = 0; times < 3 + hosts_.size() / 20; ++times) {
    const auto h = dice_.below(hosts_.size());
    auto& replica = *n.replicas[routes_[2 * h].shard];
    if (const auto known = n.asked.find(h); known != n.asked.end()) {
      if (known->second.answered && !is_wildcard(hosts_[h]) && dice_.below(3) == 0) {
        n.asked.erase(known);
        replica.release(hosts_[h], local(i));
        observe_host(i, hosts_[h]);
      }
      continue;
    }
    n.asked[h] = {replica.want(hosts_[h], local(i)), time_.now()};
    observe_host(i, hosts_[h]);
  }
  for (const auto& [h, asked] : n.asked)
    judge_answer(i, h);
  settle(i);
}

void world::judge_answers(std::size_t i, std::size_t s) {
  for (const auto r : routes_of_[s])
    if (r % 2 == 0)
      judge_answer(i, r / 2);
}

void world::judge_answer(std::size_t i, std::size_t h) {
  auto& n = nodes_[i];
  if (const auto asked = n.asked.find(h); asked == n.asked.end() || !asked->second.answered)
    return;
  ++outcome_.asked;
  const auto& host = hosts_[h];
  const auto& replica = *n.replicas[routes_[2 * h].shard];
  if (!replica.in_sync() || replica.table().has_routes(host))
    return;
  if (n.nats_is_silent)
    return;
  const nanoseconds takes = (time_.now() < troubled_until_ ? known_for : pushed_in)
                            + (time_.now() < late_until_ ? nats_late_max : 0ns);
  const auto long_ago = time_.now() - takes - (time_.now() - missed_at_ < repaired_in ? repaired_in : 0s);
  const auto stands = [&](const route& r) { return r.registered && r.since <= long_ago; };
  if (!stands(routes_[2 * h]) && (2 * h + 1 >= routes_.size() || !stands(routes_[2 * h + 1])))
    return;
  for (const auto& other : nodes_)
    if (other.runs() && other.known_since[h] >= 0ns && other.known_since[h] <= long_ago)
      return fail("absent", n.name + (replica.holds() ? " (holder)" : " (borrower)") + " says that " + host
                              + " of shard " + std::to_string(routes_[2 * h].shard) + " does not exist; "
                              + other.name + " knows it for " + seconds(time_.now() - other.known_since[h]));
}

// -- At the end

/// What apps said last is everywhere where it is held or leased.
std::string world::outdated_copy() {
  for (const auto i : live())
    for (std::size_t r = 0; r < routes_.size(); ++r) {
      const auto& n = nodes_[i];
      const auto& app = routes_[r];
      const auto& replica = *n.replicas[app.shard];
      const auto asked = n.asked.find(r / 2);
      const bool leases = !replica.holds() && asked != n.asked.end() && asked->second.answered;
      if (!app.registered || (!leases && !(n.views[app.shard].held && replica.holds())))
        continue;
      const auto version = app.version_of(replica.table().endpoint_at(app.host, "", address_of(r)).get());
      if (version != app.versions.size())
        return n.name + (leases ? " (borrower)" : " (holder)") + " has " + shown(version) + " of "
               + std::to_string(app.versions.size()) + " of " + app.host + " at " + std::string{address_of(r)}
               + " of shard " + std::to_string(app.shard);
    }
  return {};
}

std::string world::differing_lease() {
  for (const auto i : live()) {
    const auto& n = nodes_[i];
    for (const auto& [h, asked] : n.asked)
      for (auto r = 2 * h; asked.answered && r < std::min(2 * h + 2, routes_.size()); ++r) {
        const auto& app = routes_[r];
        const auto& replica = *n.replicas[app.shard];
        const auto lender = replica.lender();
        if (replica.holds() || !lender)
          continue;
        const auto& other = nodes_[n.by_number.at(*lender)];
        const auto version_at = [&](const shard_replica& copy) {
          return app.version_of(copy.table().endpoint_at(app.host, "", address_of(r)).get());
        };
        if (const auto here = version_at(replica); other.up && here != version_at(*other.replicas[app.shard]))
          return n.name + " has " + shown(here) + " of " + app.host + " at " + std::string{address_of(r)}
                 + ", and not as " + other.name + ", which lends it";
      }
  }
  return {};
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

/// Some holder heard it itself, and it has TLS.
bool world::is_spared_anywhere(std::size_t r) const {
  const auto spares = [&](std::size_t i) {
    const auto& replica = *nodes_[i].replicas[routes_[r].shard];
    if (!replica.holds())
      return false;
    for (const auto& path : replica.table().tell(routes_[r].host, local(i)).paths)
      for (const auto& each : path.members)
        if (each.target->address() == address_of(r) && each.target->tls() && !each.provisional)
          return true;
    return false;
  };
  const auto all = live();
  return std::any_of(all.begin(), all.end(), spares);
}

/// Somebody took the place of one that was given up late: who has just come to hold prunes nothing yet.
bool world::is_held_anew(std::size_t shard) const {
  const auto all = live();
  return std::any_of(all.begin(), all.end(), [&](std::size_t i) {
    const auto since = nodes_[i].holds_since[shard];
    return since >= 0ns && time_.now() - since < 2 * stale_after;
  });
}

std::string world::overdue_copy() {
  for (const auto i : live())
    for (std::size_t r = 0; r < routes_.size(); ++r) {
      const auto& app = routes_[r];
      const auto& replica = *nodes_[i].replicas[app.shard];
      const bool has_others = !nodes_[i].views[app.shard].others.empty(); // Otherwise it waits for their return at first.
      if (!app.registered && replica.holds() && has_others && !is_held_anew(app.shard)
          && replica.table().endpoint_at(app.host, "", address_of(r)) != nullptr
          && !(app.has_tls && is_spared_anywhere(r)))
        return nodes_[i].name + " still has " + app.host + " at " + std::string{address_of(r)} + ", which nobody hears since "
               + seconds(time_.now() - app.heard);
    }
  return {};
}

void world::check_gone(nanoseconds apart) {
  for (std::size_t r = 0; r < routes_.size(); ++r) {
    const auto& app = routes_[r];
    if (app.registered || !app.by_word || app.since - app.published < apart)
      continue;
    const auto s = app.shard;
    const auto has = [&](std::size_t i) {
      return nodes_[i].replicas[s]->table().endpoint_at(app.host, "", address_of(r)) != nullptr;
    };
    const auto everybody = live();
    const auto applied = std::find_if(everybody.begin(), everybody.end(), [&](std::size_t i) {
      const auto& n = nodes_[i];
      return n.holds_since[s] >= 0ns && n.views[s].held && n.sightings[r].unregistered >= n.holds_since[s]
             && n.sightings[r].unregistered >= app.since;
    });
    if (applied == everybody.end())
      continue;
    for (const auto i : everybody)
      if ((nodes_[i].views[s].held || nodes_[i].replicas[s]->in_sync()) && has(i))
        return fail("gone", nodes_[i].name + " still has " + app.host + " at "
                              + std::string{address_of(r)} + " of shard " + std::to_string(s) + ", which "
                              + nodes_[*applied].name + " heard go " + seconds(time_.now() - app.since) + " ago");
  }
}

void world::check_sync() {
  for (const auto i : live()) {
    for (const auto& [h, asked] : nodes_[i].asked)
      if (!asked.answered && time_.now() - asked.since > answered_in)
        return fail("answer", nodes_[i].name + " was not told of " + hosts_[h] + " for "
                                + seconds(time_.now() - asked.since));
    for (std::size_t s = 0; s < nodes_[i].replicas.size(); ++s)
      if (const auto& replica = *nodes_[i].replicas[s]; !replica.in_sync())
        return fail("sync", nodes_[i].name + (replica.holds() ? " (holder)" : " (borrower)")
                              + " is not in sync with shard " + std::to_string(s));
  }
}

} // namespace shunt::simulation
