// What nodes hear from outside: apps over NATS, and faults.
#include "world.hpp"

#include <algorithm>

namespace shunt::simulation {

using namespace routing;

namespace {

constexpr auto register_every = 4s;
constexpr std::int64_t wall_ns = 1'700'000'000'000'000'000;

} // namespace

// -- NATS and apps

void world::emit(std::size_t r) {
  if (routes_[r].registered)
    publish(r, false);
  time_.in(register_every, [this, r] { emit(r); });
}

/// Everything about it may change but where it is.
endpoint_ptr world::make_version(std::size_t r) const {
  const auto number = std::to_string(routes_[r].versions.size() + 1);
  const auto app = std::string{"guid-"}.append(number);
  const auto service = std::string{"https://service.example.com/"}.append(number);
  const endpoint_spec::tag_view tags[]{{"version", number}, {"component", "app"}};
  endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = static_cast<std::uint16_t>(1000 + r);
  spec.app = app;
  spec.tags = tags;
  if (r % 8 >= 6)
    spec.route_service_url = service;
  if (r % 4 == 1)
    spec.updated_at_ns = wall_ns + time_.now().count();
  return endpoint::make(spec);
}

void world::publish(std::size_t r, bool unregister) {
  if (!unregister)
    routes_[r].published = time_.now();
  if (nats_down_ > 0)
    return;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].up || !nodes_[i].has_nats)
      continue;
    // In order: the same delay for all that one node hears.
    time_.in(std::chrono::microseconds{500 + 300 * (i % 7)},
             [this, i, r, unregister, life = nodes_[i].life, what = routes_[r].target()] {
               if (nodes_[i].life == life)
                 when_running(i, [=, this] { hear(i, r, what, unregister); });
             });
  }
}

void world::hear(std::size_t i, std::size_t r, const endpoint_ptr& what, bool unregister) {
  auto& n = nodes_[i];
  auto& app = routes_[r];
  auto& replica = *n.replicas[app.shard];
  if (!replica.holds())
    return;
  const auto heard = registration::make(unregister, what, app.host);
  if (unregister) {
    replica.table().unregister_endpoint(heard, local(i), n.waited_since);
    n.sightings[r].unregistered = time_.now();
  } else {
    replica.table().register_endpoint(heard, local(i), wall_ns + time_.now().count(), n.waited_since);
    n.sightings[r].unregistered = -1ns;
    app.heard = std::max(app.heard, n.waited_since ? n.paused_since : time_.now());
  }
  replica.applied(local(i));
  observe_route(i, r);
  settle(i);
}

/// A connection that is lost is noticed soon, and one that can be made is made soon.
void world::update_nats(std::size_t i) {
  auto& n = nodes_[i];
  const bool can = nats_cut_[i] == 0 && nats_down_ == 0;
  if (!can)
    n.has_nats = false; // What is said now is not heard.
  const auto wait = std::chrono::milliseconds{50 + dice_.below(200)};
  time_.in(wait, [this, i, can, life = n.life] {
    if (nodes_[i].life != life)
      return;
    when_running(i, [=, this] {
      auto& here = nodes_[i];
      const bool still_can = nats_cut_[i] == 0 && nats_down_ == 0;
      if (can != still_can)
        return;
      here.has_nats = can;
      here.members->set_hears_nats(can);
      for (auto& r : here.replicas)
        r->nats(can, false, local(i));
      settle(i);
    });
  });
}

void world::change_route(const fault& f) {
  auto& r = routes_[f.a];
  if (f.kind == fault_kind::change) {
    r.versions.push_back(make_version(f.a));
    if (r.registered)
      publish(f.a, false);
    return;
  }
  const bool registered = f.kind == fault_kind::reregister;
  if (r.registered == registered)
    return;
  r.registered = registered;
  r.since = time_.now();
  r.by_word = f.kind == fault_kind::unregister;
  if (f.kind != fault_kind::vanish)
    publish(f.a, !registered);
}

// -- Faults

void world::for_split(std::uint64_t mask, const std::function<void(std::size_t, std::size_t)>& each) {
  for (std::size_t a = 0; a < nodes_.size(); ++a)
    for (std::size_t b = 0; b < nodes_.size(); ++b)
      if ((mask >> (a % 64) & 1) != (mask >> (b % 64) & 1))
        each(a, b);
}

void world::begin(const fault& f) {
  const auto toggle = [this](std::size_t a, std::size_t b, bool cut) {
    if (cut)
      network_.block(a, b);
    else
      network_.unblock(a, b);
  };
  const auto change = [this, f, toggle](bool begins) {
    switch (f.kind) {
      case fault_kind::cut: toggle(f.b, f.a, begins); [[fallthrough]];
      case fault_kind::cut_one_way: toggle(f.a, f.b, begins); break;
      case fault_kind::split:
        for_split(f.mask, [&](std::size_t a, std::size_t b) { toggle(a, b, begins); });
        break;
      case fault_kind::slow: network_.slow(f.a, begins ? 1 : -1); break;
      case fault_kind::nats_cut:
        nats_cut_[f.a] += begins ? 1 : -1;
        update_nats(f.a);
        break;
      case fault_kind::nats_down:
        nats_down_ += begins ? 1 : -1;
        for (std::size_t i = 0; i < nodes_.size(); ++i)
          update_nats(i);
        break;
      default: break;
    }
  };
  switch (f.kind) {
    case fault_kind::crash:
      stop(f.a, f.silent);
      if (f.lasts > 0ns)
        time_.in(f.lasts, [this, a = f.a] { start(a); });
      break;
    case fault_kind::leave:
      if (!nodes_[f.a].runs())
        break;
      nodes_[f.a].leaving = true;
      nodes_[f.a].members->set_leaving();
      time_.in(1s, [this, f, life = nodes_[f.a].life] {
        if (nodes_[f.a].life == life)
          stop(f.a, false);
        time_.in(f.lasts, [this, a = f.a] { start(a); });
      });
      break;
    case fault_kind::pause: pause(f.a, f.lasts); break;
    case fault_kind::reset:
      if (nodes_[f.a].runs()) {
        close(f.a, f.b);
        settle(f.a);
      }
      break;
    case fault_kind::unregister:
    case fault_kind::vanish:
    case fault_kind::reregister:
    case fault_kind::change: change_route(f); break;
    default:
      change(true);
      time_.in(f.lasts, [change] { change(false); });
  }
}

} // namespace shunt::simulation
