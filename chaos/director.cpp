#include "chaos/director.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <set>
#include <thread>

namespace shunt::chaos {
namespace {

using namespace std::chrono_literals;

/// As the routers are configured (world.cpp); a load balancer notices half-way through the wait.
constexpr nanoseconds drain_noticed = 500ms;
constexpr nanoseconds drain_limit = 10s;

std::string time_text(nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%5.1f s", static_cast<double>(time.count()) / 1e9);
  return text;
}

} // namespace

director::director(const scenario& plan, world& on, load& clients, std::uint64_t seed,
                   progress tell)
  : plan_{plan},
    world_{on},
    clients_{clients},
    chance_{seed},
    tell_{std::move(tell)},
    nodes_(static_cast<std::size_t>(plan.nodes)) {
  all.nodes = plan_.nodes;
  all.routes = plan_.all_routes();
  for (int route = 0; route < plan_.routes; ++route)
    for (const int instance : first_instances(plan_, route))
      all.mappings.push_back({route, instance, nanoseconds::min() / 2, for_ever, {}, {}});
}

void director::play() {
  auto next = plan_.steps.begin();
  while (clients_.now() < plan_.length) {
    for (; next != plan_.steps.end() && next->at <= clients_.now(); ++next)
      perform(*next);
    for (int node = 0; node < plan_.nodes; ++node)
      watch(node);
    show_progress();
    std::this_thread::sleep_for(5ms);
  }
  all.length = clients_.now();
  for (int node = 0; node < plan_.nodes; ++node)
    if (of(node).now == state::starting)
      fail(node, "was not ready again before the end");
}

void director::perform(const step& todo) {
  switch (todo.what) {
    case action::stop_nats:
      note(-1, "NATS stops");
      world_.nats.stop();
      break;
    case action::start_nats:
      world_.nats.start();
      note(-1, "NATS is back");
      break;
    case action::map:
    case action::unmap: change_routes(todo); break;
    default: perform_on(choose(todo), todo);
  }
}

/// The node a step names. `any` is one that is in order, or, for what ends a fault, the one that
/// was chosen last.
int director::choose(const step& todo) {
  const bool ends_fault = todo.what == action::start || todo.what == action::go_on
                          || todo.what == action::heal_nats || todo.what == action::heal_peers;
  std::vector<int> in_order;
  for (int node = 0; node < plan_.nodes; ++node)
    if (of(node).now == state::up)
      in_order.push_back(node);
  if (todo.node)
    last_chosen_ = *todo.node;
  else if (!ends_fault && !in_order.empty())
    last_chosen_ = in_order[chance_() % in_order.size()];
  return last_chosen_;
}

void director::perform_on(int node, const step& todo) {
  if (todo.what != action::start && todo.what != action::restart)
    note(node, name_of(todo.what));
  switch (todo.what) {
    case action::kill:
      begin_outage(node);
      world_.at(node).signal(SIGKILL);
      enter(node, state::down);
      break;
    case action::stop:
      begin_outage(node);
      world_.at(node).signal(SIGSTOP);
      enter(node, state::stopped);
      break;
    case action::go_on:
      world_.at(node).signal(SIGCONT);
      end_outage(node);
      enter(node, state::up);
      break;
    case action::start: start(node); break;
    case action::restart: of(node).start_when_down = true; [[fallthrough]];
    case action::drain: drain(node); break;
    case action::cut_nats: world_.nats_of(node).cut(); break;
    case action::stall_nats: world_.nats_of(node).stall(); break;
    case action::heal_nats: world_.nats_of(node).pass(); break;
    default:
      for (auto* each : world_.peers_of(node))
        if (todo.what == action::cut_peers)
          each->cut();
        else if (todo.what == action::stall_peers)
          each->stall();
        else if (todo.what == action::delay_peers)
          each->delay(todo.by);
        else
          each->pass();
  }
}

void director::change_routes(const step& todo) {
  const bool maps = todo.what == action::map;
  const auto what = (maps ? "map instance " : "unmap instance ") + std::to_string(todo.instance)
                    + " (" + std::to_string(todo.routes.size()) + " routes)";
  note(-1, what);
  const auto changed = maps ? begin_mappings(todo) : end_mappings(todo);
  if (todo.confirm) {
    const auto said = maps ? world_.bus().map_confirmed(todo.routes, todo.instance)
                           : world_.bus().unmap_confirmed(todo.routes, todo.instance);
    const auto now = clients_.now();
    for (const auto each : changed)
      (maps ? all.mappings[each].known : all.mappings[each].gone) = now;
    note(-1, said.confirmed ? "confirmed" : "not confirmed");
    if (!said.confirmed)
      failures.push_back({now, -1, what + " was not confirmed: " + said.answer});
  } else if (maps) {
    world_.bus().map(todo.routes, todo.instance);
  } else {
    world_.bus().unmap(todo.routes, todo.instance);
  }
}

std::vector<std::size_t> director::begin_mappings(const step& todo) {
  std::vector<std::size_t> changed;
  for (const int route : todo.routes) {
    changed.push_back(all.mappings.size());
    mapping made;
    made.route = route;
    made.instance = todo.instance;
    made.from = clients_.now();
    all.mappings.push_back(made);
  }
  return changed;
}

std::vector<std::size_t> director::end_mappings(const step& todo) {
  std::vector<std::size_t> changed;
  const std::set<int> routes{todo.routes.begin(), todo.routes.end()};
  for (std::size_t i = 0; i < all.mappings.size(); ++i) {
    auto& each = all.mappings[i];
    if (each.instance != todo.instance || each.to != for_ever || !routes.contains(each.route))
      continue;
    each.to = clients_.now();
    changed.push_back(i);
  }
  return changed;
}

void director::start(int node) {
  // What was drained may take its time to end.
  if (of(node).now == state::draining || world_.at(node).running()) {
    of(node).start_when_down = true;
    return;
  }
  of(node).start_when_down = false;
  note(node, "start");
  world_.at(node).start();
  of(node).late = false;
  enter(node, state::starting);
}

void director::drain(int node) {
  if (of(node).start_when_down)
    note(node, "drain, then start");
  of(node).clients_left = false;
  world_.at(node).signal(SIGUSR1);
  enter(node, state::draining);
}

void director::watch(int node) {
  switch (of(node).now) {
    case state::up:
      if (world_.at(node).running())
        break;
      fail(node,
           "ended by itself with " + std::to_string(world_.at(node).exit_code().value_or(-1)));
      begin_outage(node);
      enter(node, state::down);
      break;
    case state::draining: watch_drain(node); break;
    case state::starting: watch_start(node); break;
    case state::down:
      if (of(node).start_when_down && !world_.at(node).running())
        start(node);
      break;
    case state::stopped: break;
  }
}

void director::watch_drain(int node) {
  auto& it = of(node);
  if (!it.clients_left && clients_.now() - it.since >= drain_noticed) {
    it.clients_left = true;
    clients_.leave(node);
    begin_outage(node);
    note(node, "clients leave");
  }
  if (!world_.at(node).running()) {
    if (const auto code = world_.at(node).exit_code().value_or(-1); code != 0)
      fail(node, "ended its drain with " + std::to_string(code));
    note(node, "drained");
    begin_outage(node);
    enter(node, state::down);
  } else if (clients_.now() - it.since > drain_limit) {
    fail(node, "does not end its drain");
    world_.at(node).signal(SIGKILL);
    enter(node, state::down);
  }
}

void director::watch_start(int node) {
  auto& it = of(node);
  if (world_.at(node).healthy()) {
    note(node, "ready after" + time_text(clients_.now() - it.since));
    clients_.come_back(node);
    end_outage(node);
    enter(node, state::up);
  } else if (!world_.at(node).running()) {
    fail(node, "ended while it started, with "
                 + std::to_string(world_.at(node).exit_code().value_or(-1)));
    enter(node, state::down);
  } else if (!it.late && clients_.now() - it.since > plan_.ready_within) {
    it.late = true;
    fail(node, "is not ready in time");
  }
}

void director::begin_outage(int node) {
  if (of(node).outage)
    return;
  of(node).outage = all.outages.size();
  all.outages.push_back({node, clients_.now(), for_ever});
}

void director::end_outage(int node) {
  if (of(node).outage)
    all.outages[*of(node).outage].to = clients_.now();
  of(node).outage.reset();
}

void director::enter(int node, state next) {
  of(node).now = next;
  of(node).since = clients_.now();
}

void director::note(int node, const std::string& what) {
  const auto now = clients_.now();
  all.marks.push_back({now, node, what});
  tell_(time_text(now) + "  " + (node < 0 ? "" : "router-" + std::to_string(node) + ": ") + what);
}

void director::fail(int node, const std::string& what) {
  failures.push_back({clients_.now(), node, "router-" + std::to_string(node) + " " + what});
  tell_(time_text(clients_.now()) + "  FAILURE: " + failures.back().what);
}

void director::show_progress() {
  if (clients_.now() < next_progress_)
    return;
  next_progress_ += 2s;
  tell_(time_text(clients_.now()) + "  " + std::to_string(clients_.asked()) + " requests, "
        + std::to_string(clients_.unanswered()) + " without an answer");
}

} // namespace shunt::chaos
