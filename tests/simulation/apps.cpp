// What nodes hear from outside: apps over NATS, and faults.
#include "world.hpp"

#include <algorithm>

namespace shunt::simulation {

using namespace routing;

namespace {

constexpr auto register_every = 4s;
constexpr std::size_t answered_in_ms = 1'500; ///< Whoever is asked to register.
constexpr auto silence_noticed = 6s; ///< Half the stale threshold.
constexpr auto recovered_in = 5s;
constexpr std::size_t first_port = 1000;
constexpr std::int64_t wall_ns = 1'700'000'000'000'000'000;

} // namespace

// -- NATS and apps

void world::emit(std::size_t r) {
  if (routes_[r].registered)
    publish(r, false);
  if (!routes_[r].by_api) // The others are listed.
    time_.in(register_every, [this, r] { emit(r); });
}

/// As `router.start` does: each answers, at its own time.
void world::ask_apps() {
  for (std::size_t r = 0; r < routes_.size(); ++r)
    if (!routes_[r].by_api && !std::exchange(routes_[r].is_asked, true))
      time_.in(std::chrono::milliseconds{r * 379 % answered_in_ms}, [this, r] {
        routes_[r].is_asked = false;
        if (routes_[r].registered)
          publish(r, false);
      });
}

/// Everything about it may change but where it is.
endpoint_ptr world::make_version(std::size_t r) const {
  const auto number = std::to_string(routes_[r].versions.size() + 1);
  const auto app = std::string{"guid-"}.append(number);
  const auto service = std::string{"https://service.example.com/"}.append(number);
  const endpoint_spec::tag_view tags[]{{"version", number}, {"component", "app"}};
  endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = static_cast<std::uint16_t>(first_port + r);
  spec.app = app;
  spec.tls = routes_[r].has_tls;
  spec.tags = tags;
  if (r % 8 >= 6)
    spec.route_service_url = service;
  const auto guid = std::string{"life-"}.append(std::to_string(routes_[r].lives));
  if (routes_[r].by_api) {
    spec.modification_guid = guid;
    spec.modification_index = static_cast<std::uint32_t>(routes_[r].versions.size());
  } else if (r % 4 == 1)
    spec.updated_at_ns = wall_ns + time_.now().count();
  return endpoint::make(spec);
}

void world::publish(std::size_t r, bool unregister) {
  if (routes_[r].by_api)
    return publish_by_api(r, unregister);
  if (!unregister)
    routes_[r].published = time_.now();
  if (nats_down_ > 0)
    return;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].up && nodes_[i].nats_is_silent)
      missed_at_ = time_.now();
    if (!nodes_[i].up || !nodes_[i].has_nats || loses(i))
      continue;
    publish_to(i, r, unregister);
    if (nodes_[i].to_double > 0) {
      --nodes_[i].to_double;
      publish_to(i, r, unregister);
    }
  }
}

/// In order.
void world::publish_to(std::size_t i, std::size_t r, bool unregister) {
  auto& n = nodes_[i];
  n.nats_read = std::max(n.nats_read, time_.now() + std::chrono::microseconds{500 + 300 * (i % 7)}
                                    + std::min(n.nats_late, nats_late_max));
  time_.at(n.nats_read,
           [this, i, r, unregister, life = n.life, what = routes_[r].target()] {
             if (nodes_[i].life == life)
               when_running(i, [=, this] { hear(i, r, what, unregister); });
           });
}

bool world::loses(std::size_t i) {
  auto& n = nodes_[i];
  const bool one = n.to_lose > 0;
  if (one)
    --n.to_lose;
  else if (nats_drops_[i] == 0 || dice_.below(2) == 0)
    return false;
  missed_at_ = time_.now();
  if (!one && !std::exchange(n.knows_of_loss, true)) // The client counts what it had to drop.
    tell_of_loss(i, true);
  return true;
}

void world::tell_of_loss(std::size_t i, bool dropped) {
  const auto wait = dropped ? std::chrono::milliseconds{50 + dice_.below(200)} : std::chrono::milliseconds{1'000};
  time_.in(wait, [this, i, dropped, life = nodes_[i].life] {
    if (nodes_[i].life == life)
      when_running(i, [=, this] {
        auto& n = nodes_[i];
        if (dropped != n.knows_of_loss || !n.has_nats)
          return;
        for (auto& r : n.replicas)
          r->nats(true, dropped, local(i));
        settle(i);
      });
  });
}

void world::hear(std::size_t i, std::size_t r, const endpoint_ptr& what, bool unregister) {
  auto& n = nodes_[i];
  auto& app = routes_[r];
  auto& replica = *n.replicas[app.shard];
  if (!replica.holds())
    return;
  const auto heard = registration::make(unregister, what, app.host);
  const auto waited_since = app.by_api ? std::nullopt : n.waited_since;
  if (unregister) {
    replica.table().unregister_endpoint(heard, local(i), waited_since);
    n.sightings[r].unregistered = waited_since ? n.paused_since : time_.now(); // For all it can know.
  } else {
    replica.table().register_endpoint(heard, local(i), wall_ns + (time_.now() + n.wall_skew).count(), waited_since);
    n.sightings[r].unregistered = -1ns;
    app.heard = std::max(app.heard, waited_since ? n.paused_since : time_.now());
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
      const bool still_can = nats_cut_[i] == 0 && nats_down_ == 0;
      if (can == still_can)
        tell_of_nats(i, can);
    });
  });
}

void world::tell_of_nats(std::size_t i, bool hears) {
  auto& n = nodes_[i];
  n.has_nats = hears;
  n.nats_is_silent = false;
  n.members->set_hears_nats(hears);
  for (auto& r : n.replicas)
    r->nats(hears, false, local(i));
  if (hears)
    ask_apps();
  settle(i);
}

void world::silence_nats(std::size_t i, nanoseconds unnoticed) {
  auto& n = nodes_[i];
  if (!n.up || !n.has_nats)
    return;
  n.has_nats = false;
  n.nats_is_silent = true;
  time_.in(unnoticed, [this, i, life = n.life] {
    if (nodes_[i].life == life)
      when_running(i, [this, i] {
        if (nodes_[i].nats_is_silent)
          tell_of_nats(i, false);
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
  r.by_word = f.kind == fault_kind::unregister || r.by_api;
  if (r.by_api && registered) {
    ++r.lives;
    r.versions.push_back(make_version(f.a));
  }
  if (f.kind != fault_kind::vanish || r.by_api)
    publish(f.a, !registered);
}

// -- The Routing API

/// Whoever has the stream of changes open is told by it.
void world::publish_by_api(std::size_t r, bool unregister) {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].up && nodes_[i].follows_api)
      time_.in(std::chrono::microseconds{800 + 200 * (i % 5)},
               [this, i, r, unregister, life = nodes_[i].life, what = routes_[r].target()] {
                 if (nodes_[i].life != life)
                   return;
                 when_running(i, [=, this] {
                   const auto heard = registration::make(unregister, what, routes_[r].host);
                   if (unregister)
                     nodes_[i].listed->deleted(heard);
                   else
                     nodes_[i].listed->upserted(heard);
                   hear(i, r, what, unregister);
                 });
               });
}

/// A list says how it was when it was asked for, and what changes meanwhile comes before it.
void world::list_again(std::size_t i) {
  const auto life = nodes_[i].life;
  const auto later = [this, i, life](nanoseconds delay) {
    time_.in(delay, [this, i, life] {
      if (nodes_[i].life == life)
        when_running(i, [=, this] { list_again(i); });
    });
  };
  if (!nodes_[i].up)
    return;
  if (api_cut_[i] > 0)
    return later(500ms);
  nodes_[i].follows_api = true;
  nodes_[i].listed->begin_list();
  std::vector<std::pair<std::size_t, endpoint_ptr>> all;
  for (std::size_t r = 0; r < routes_.size(); ++r)
    if (routes_[r].by_api && routes_[r].registered && time_.now() > 3s)
      all.emplace_back(r, routes_[r].target());
  time_.in(std::chrono::milliseconds{2 + dice_.below(50)}, [this, i, life, later, all = std::move(all)] {
    if (nodes_[i].life != life)
      return;
    when_running(i, [=, this] {
      if (nodes_[i].follows_api)
        take_list(i, all);
      later(register_every);
    });
  });
}

void world::take_list(std::size_t i, const std::vector<std::pair<std::size_t, endpoint_ptr>>& all) {
  auto& listed = *nodes_[i].listed;
  for (const auto& [r, what] : all)
    if (listed.list(registration::make(false, what, routes_[r].host)))
      hear(i, r, what, false);
  for (const auto& gone : listed.end_list())
    hear(i, gone.target->port() - first_port, gone.target, true);
  set_api(i, true);
}

void world::set_api(std::size_t i, bool followed) {
  nodes_[i].follows_api = followed;
  const auto wait = followed ? 0ms : std::chrono::milliseconds{50 + dice_.below(200)};
  time_.in(wait, [this, i, followed, life = nodes_[i].life] {
    if (nodes_[i].life == life)
      when_running(i, [=, this] {
        if (nodes_[i].follows_api != followed || std::exchange(nodes_[i].knows_of_api, followed) == followed)
          return;
        for (auto& r : nodes_[i].replicas)
          r->routing_api(followed, local(i));
        settle(i);
      });
  });
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
      case fault_kind::nats_silent:
        nats_cut_[f.a] += begins ? 1 : -1;
        if (begins)
          silence_nats(f.a, f.silent ? f.lasts : std::min<nanoseconds>(f.lasts, silence_noticed));
        else
          update_nats(f.a);
        break;
      case fault_kind::nats_down:
        nats_down_ += begins ? 1 : -1;
        for (std::size_t i = 0; i < nodes_.size(); ++i)
          update_nats(i);
        break;
      case fault_kind::nats_drops:
        nats_drops_[f.a] += begins ? 1 : -1;
        if (nats_drops_[f.a] == 0 && std::exchange(nodes_[f.a].knows_of_loss, false))
          tell_of_loss(f.a, false);
        break;
      case fault_kind::nats_late: {
        const nanoseconds late = nats_late_max * (f.mask % 16 + 1) / 16;
        nodes_[f.a].nats_late += begins ? late : -late;
        late_until_ = std::max(late_until_, time_.now() + f.lasts + recovered_in);
        break;
      }
      case fault_kind::api_cut:
        api_cut_[f.a] += begins ? 1 : -1;
        if (begins && nodes_[f.a].follows_api)
          set_api(f.a, false);
        break;
      default: break;
    }
  };
  if (f.kind < fault_kind::nats_cut)
    troubled_until_ = std::max(troubled_until_, time_.now() + f.lasts + recovered_in);
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
    case fault_kind::nats_lose: ++nodes_[f.a].to_lose; break;
    case fault_kind::nats_double: ++nodes_[f.a].to_double; break;
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
