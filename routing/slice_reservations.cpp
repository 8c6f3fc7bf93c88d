// Routes that exist because somebody reserved them, with endpoints or without; and what those who wait
// for a first endpoint ask.
#include "routing/slice.hpp"

namespace shunt::routing {

bool slice::reserve(const reservation& asked, time_point now) {
  if (!is_acceptable(asked.host, asked.path))
    return false;
  slice_host& h = make_host(asked.host, host_hash(asked.host));
  const bool made = h.find(asked.path) == nullptr;
  slice_route& route = make_route(h, asked.path);
  auto& held = route.deriving().reserved;
  if (held) {
    note_pool(route, held->said);
    reserved_.erase({held->said.until, &route});
  } else {
    held = std::make_unique<route_derivation::living_reservation>();
    held->had_endpoints = !made;
    if (route.members.empty())
      ages_.remove(route);
  }
  if (made)
    route.members.vacancy().touch(now, false);
  held->said = asked;
  note_pool(route, asked);
  reserved_.emplace(asked.until, &route);
  if (auto* dirt = dirt_of(route))
    dirt->traits = true;
  return true;
}

bool slice::unreserve(std::string_view host, std::string_view path, time_point now) {
  slice_host* h = find_host(host, host_hash(host));
  slice_route* route = h == nullptr ? nullptr : h->find(path);
  if (route == nullptr || !route->derivation || !route->derivation->reserved)
    return false;
  end_reservation(*route, now);
  return true;
}

/// True if the route is gone with it.
bool slice::end_reservation(slice_route& r, time_point now) {
  const auto ended = std::move(r.derivation->reserved);
  reserved_.erase({ended->said.until, &r});
  note_pool(r, ended->said);
  if (auto* dirt = dirt_of(r))
    dirt->traits = true;
  if (!r.members.empty())
    return false;
  if (!r.derivation->is_needed())
    r.derivation.reset();
  if (!ended->had_endpoints || is_over(r, now)) {
    forget(r);
    return true;
  }
  ages_.add_empty(r);
  return trim_empty_routes(&r);
}

bool slice::end_reservations(time_point now, std::size_t budget, prune_result& result) {
  for (std::size_t spent = 0; spent < budget; spent += 8) {
    if (reserved_.empty() || reserved_.begin()->first > now)
      return true;
    result.routes_gone += end_reservation(*reserved_.begin()->second, now);
  }
  return false;
}

slice::route_state slice::state_of(std::string_view host, std::string_view path) const {
  slice_host* h = find_host(host, host_hash(host));
  const slice_route* r = h == nullptr ? nullptr : h->find(path);
  if (r == nullptr)
    return {};
  route_state state{.known = true, .endpoints = r->members.size(), .app = {}};
  if (const auto* d = r->derivation.get()) {
    state.app = d->last_app;
    if (d->reserved && !d->reserved->said.app.empty())
      state.app = d->reserved->said.app;
  }
  return state;
}

} // namespace shunt::routing
