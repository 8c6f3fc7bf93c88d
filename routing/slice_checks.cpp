// What a slice tells whoever checks the health of endpoints, and what it makes of the verdicts. A
// route that asks for nothing costs a look at its endpoint when that comes or goes.
#include "routing/slice.hpp"

#include <utility>

namespace shunt::routing {

void slice::note_check(const slice_route& r, const endpoint& e) {
  const bool asked = r.derivation && r.derivation->health;
  if (asked || (rules_.health_checks && asks_for_check(e)))
    changed_checks_.emplace(std::string{r.host().text()}, std::string{r.path()});
}

std::vector<checked_route> slice::take_checks() {
  std::vector<checked_route> changed;
  for (const auto& route : std::exchange(changed_checks_, {}))
    changed.push_back(checked(route));
  return changed;
}

checked_route slice::checked(const std::pair<std::string, std::string>& route) {
  const auto& [host, path] = route;
  checked_route out{host, path, {}, ++check_version_, {}};
  slice_host* h = find_host(host, host_hash(host));
  slice_route* r = h == nullptr ? nullptr : h->find(path);
  if (r == nullptr)
    return out;
  if (rules_.health_checks)
    out.wish = r->check();
  if (!out.wish) {
    clear_verdicts(*r);
    return out;
  }
  auto& health = r->deriving().health;
  if (!health)
    health = std::make_unique<route_derivation::health_state>();
  health->version = out.version;
  r->members.for_each([&](const slice_member& m) {
    if (asks_for_check(*m.target))
      out.members.push_back({m.target, r->has_verdict_on(*m.target)});
    else if (health->unhealthy.erase(std::string{m.target->address()}) > 0)
      if (auto* dirt = dirt_of(*r)) // It asked before.
        dirt->of(m.target).marked = true;
  });
  return out;
}

/// Of all routes that ask: from now on they have checks, or have them no longer.
void slice::note_all_checks() {
  for_each_route([this](const route_view& each) {
    if (each.route.check())
      changed_checks_.emplace(std::string{each.host}, std::string{each.path});
  });
}

/// Nobody is checked any more, so nobody is unhealthy.
void slice::clear_verdicts(slice_route& r) {
  if (!r.derivation || !r.derivation->health)
    return;
  const auto health = std::move(r.derivation->health);
  for (const auto& address : health->unhealthy)
    if (const auto* m = r.members.find(address, endpoint::hash_address(address)))
      if (auto* dirt = dirt_of(r))
        dirt->of(m->target).marked = true;
}

void slice::judge(const judgement& said) {
  const auto [r, m] = find(said.host, said.path, said.address);
  if (m == nullptr || !r->derivation || !r->derivation->health
      || said.version < r->derivation->health->version)
    return;
  auto& unhealthy = r->derivation->health->unhealthy;
  const bool changed =
    said.healthy ? unhealthy.erase(said.address) > 0 : unhealthy.insert(said.address).second;
  if (auto* dirt = changed ? dirt_of(*r) : nullptr)
    dirt->of(m->target).marked = true;
}

} // namespace shunt::routing
