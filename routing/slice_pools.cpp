// What a slice tells of the pools that are balanced by hash: how many endpoints each has, which decides how even
// its shares can be. A route without a wish for its balancing costs a look at its endpoint when that comes or goes.
#include "routing/slice.hpp"

#include <utility>

namespace shunt::routing {

void slice::note_pool(const slice_route& r, const endpoint& e) {
  if (e.algorithm() == algorithm::router_default && hash_pools_.empty())
    return; // As nearly always.
  std::pair route{std::string{r.host().text()}, std::string{r.path()}};
  if (e.algorithm() != algorithm::router_default || hash_pools_.contains(route))
    changed_pools_.insert(std::move(route));
}

void slice::note_pool(const slice_route& r, const reservation& said) {
  if (!said.loadbalancing.empty())
    changed_pools_.emplace(std::string{r.host().text()}, std::string{r.path()});
}

std::vector<hash_pool> slice::take_hash_pools() {
  std::vector<hash_pool> changed;
  for (const auto& route : std::exchange(changed_pools_, {})) {
    const auto& [host, path] = route;
    slice_host* h = find_host(host, host_hash(host));
    const slice_route* r = h == nullptr ? nullptr : h->find(path);
    const bool by_hash = r != nullptr && !r->members.empty() && r->traits().algorithm == algorithm::hash;
    if (by_hash)
      hash_pools_.insert(route);
    else if (hash_pools_.erase(route) == 0)
      continue; // It never was one.
    changed.push_back({path.empty() ? host : host + "/" + path, by_hash ? r->members.size() : 0});
  }
  return changed;
}

} // namespace shunt::routing
