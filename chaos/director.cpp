#include "chaos/director.hpp"

#include "chaos/served.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

namespace shunt::chaos {
namespace {

using namespace std::chrono_literals;

/// As the routers are configured (world.cpp); a load balancer notices half-way through the wait.
constexpr nanoseconds drain_noticed = 500ms;
constexpr nanoseconds drain_limit = 10s;

std::string seconds_text(nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1e9);
  return text;
}

std::string text_of(const step& change) {
  return (change.what == action::map ? "map instance " : "unmap instance ")
         + std::to_string(change.instance) + " (" + std::to_string(change.routes.size())
         + " routes)";
}

} // namespace

director::director(const scenario& plan, world& on, load& clients, std::uint64_t seed,
                   progress tell)
  : notes{plan, clients, std::move(tell)},
    plan_{plan},
    world_{on},
    clients_{clients},
    chance_{seed},
    churn_{plan, on.bus(), notes, seed},
    nodes_(static_cast<std::size_t>(plan.nodes)) {
}

void director::play() {
  auto next = plan_.steps.begin();
  while (clients_.now() < plan_.length) {
    heed_answer();
    if (is_over_ && is_over_())
      is_over_ = nullptr;
    for (; !is_over_ && next != plan_.steps.end() && next->at <= clients_.now(); ++next)
      perform(*next);
    for (int node = 0; node < plan_.nodes; ++node)
      watch(node);
    churn_.go_on();
    show_progress();
    std::this_thread::sleep_for(5ms);
  }
  notes.all.length = clients_.now();
  if (is_over_ || next != plan_.steps.end())
    notes.fail(-1, "the scenario was over before its steps: "
                     + std::to_string(plan_.steps.end() - next) + " were not begun");
  for (int node = 0; node < plan_.nodes; ++node)
    if (of(node).now == state::starting)
      notes.fail(node, "was not ready again before the end");
}

void director::perform(const step& todo) {
  switch (todo.what) {
    case action::stop_nats:
      notes.note(-1, "NATS stops");
      world_.nats.stop();
      break;
    case action::start_nats:
      world_.nats.start();
      notes.note(-1, "NATS is back");
      break;
    case action::map:
    case action::unmap: change_routes(todo); break;
    case action::kill_instance:
      notes.note(-1, "kill instance " + std::to_string(todo.instance));
      world_.kill_instance(todo.instance);
      break;
    case action::start_instance:
      notes.note(-1, "start instance " + std::to_string(todo.instance));
      world_.start_instance(todo.instance);
      break;
    case action::silence_emitter:
      notes.note(-1, "the emitter falls silent");
      world_.bus().fall_silent();
      break;
    case action::resume_emitter:
      notes.note(-1, "the emitter goes on");
      world_.bus().resume();
      break;
    case action::await_confirmation: is_over_ = [this] { return !asked_; }; break;
    case action::await_placement:
    case action::await_order:
    case action::await_snapshots: hold_up(todo); break;
    case action::ask_all: ask_all(todo); break;
    default: perform_on(choose(todo), todo);
  }
}

/// The node a step names. `any` is one that is in order, or, for what ends a fault, the one that
/// was chosen last.
int director::choose(const step& todo) {
  const bool ends_fault = todo.what == action::start || todo.what == action::go_on
                          || todo.what == action::heal_nats || todo.what == action::heal_peers;
  const auto up = in_order();
  if (todo.node)
    last_chosen_ = *todo.node;
  else if (!ends_fault && !up.empty())
    last_chosen_ = up[chance_() % up.size()];
  return last_chosen_;
}

std::vector<int> director::in_order() const {
  std::vector<int> up;
  for (int node = 0; node < plan_.nodes; ++node)
    if (nodes_[static_cast<std::size_t>(node)].now == state::up)
      up.push_back(node);
  return up;
}

void director::perform_on(int node, const step& todo) {
  if (todo.what != action::start && todo.what != action::restart)
    notes.note(node, name_of(todo.what));
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
      clients_.ask_anew(node);
      world_.at(node).signal(SIGCONT);
      if (of(node).outage)
        notes.go_on_in_outage(*of(node).outage);
      of(node).excused = todo.excused;
      enter(node, state::going_on);
      watch(node);
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
  notes.note(-1, text_of(todo));
  if (todo.confirm != confirmation_wish::none) {
    ask_for_change(todo);
  } else if (todo.what == action::map) {
    notes.map(todo.routes, todo.instance);
    world_.bus().map(todo.routes, todo.instance);
  } else {
    notes.unmap(todo.routes, todo.instance);
    world_.bus().unmap(todo.routes, todo.instance);
  }
}

/// On a thread of its own, since nodes are watched meanwhile.
void director::ask_for_change(const step& todo) {
  const bool maps = todo.what == action::map;
  asked_.emplace();
  asked_->what = todo;
  asked_->mappings =
    maps ? notes.map(todo.routes, todo.instance) : notes.unmap(todo.routes, todo.instance);
  asked_->answer = std::async(std::launch::async, [this, todo, maps] {
    auto& bus = world_.bus();
    auto said = maps ? bus.map_confirmed(todo.routes, todo.instance, todo.within)
                     : bus.unmap_confirmed(todo.routes, todo.instance, todo.within, todo.drained);
    return std::pair{std::move(said), clients_.now()};
  });
  if (todo.confirm == confirmation_wish::now)
    is_over_ = [this] { return !asked_; };
}

void director::heed_answer() {
  if (!asked_ || asked_->answer.wait_for(0s) != std::future_status::ready)
    return;
  const auto [said, at] = asked_->answer.get();
  const auto& what = asked_->what;
  const bool is_so = said.confirmed && (said.drained || !what.drained);
  if (said.confirmed)
    notes.confirm(asked_->mappings, what.what == action::map, at);
  if (is_so)
    notes.note(-1, (what.drained ? "drained" : "confirmed")
                     + (said.asked == 1 ? std::string{}
                                        : ", asked " + std::to_string(said.asked) + " times"));
  else
    notes.fail(-1, text_of(what) + " was not " + (said.confirmed ? "drained: " : "confirmed: ")
                     + said.answer);
  asked_.reset();
}

/// Until nodes stand as they should. Asks seldom, so that the rest goes on.
void director::hold_up(const step& todo) {
  is_over_ = [this, todo, begin = clients_.now(), since = std::filesystem::file_time_type::clock::now(),
              next = nanoseconds{0}]() mutable {
    const auto now = clients_.now();
    if (now < next)
      return false;
    next = now + 100ms;
    const auto wrong = todo.what == action::await_order       ? world_.out_of_order(in_order())
                       : todo.what == action::await_placement ? world_.out_of_place(in_order())
                                                              : world_.without_snapshot(in_order(), since);
    const std::string name = todo.what == action::await_order       ? "in order"
                             : todo.what == action::await_placement ? "placed"
                                                                    : "kept in snapshots";
    if (wrong.empty() && now - begin <= todo.within)
      notes.note(-1, name + (" after " + seconds_text(now - begin)));
    else if (now - begin > todo.within)
      notes.fail(-1, "not " + (name + (" within " + seconds_text(todo.within))) + ": "
                       + (wrong.empty() ? "it was later" : wrong));
    else
      return false;
    return true;
  };
}

/// Whoever is about to be in order is asked, too. What is in doubt may be asked for again; what is denied is lost.
void director::ask_all(const step& todo) {
  is_over_ = [this, todo, begin = clients_.now(), next = nanoseconds{0}]() mutable {
    const auto now = clients_.now();
    const bool is_late = now - begin > todo.within;
    if (now < next || (expects_somebody() && !is_late))
      return false;
    next = now + 500ms;
    const auto answers = world_.ask(in_order(), todo.routes);
    const auto wrong = expects_somebody() ? "somebody is not ready" : unserved(answers);
    if (wrong.empty() && !is_late)
      notes.note(-1, "every node serves all of " + std::to_string(todo.routes.size()) + " routes");
    else if (is_late || denies(answers))
      notes.fail(-1, "not all was served within " + seconds_text(todo.within) + ": "
                       + (wrong.empty() ? "it was later" : wrong));
    else
      return false;
    return true;
  };
}

bool director::expects_somebody() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [](const watched& each) {
    return each.start_when_down || each.now == state::starting || each.now == state::going_on;
  });
}

void director::start(int node) {
  // What was drained may take its time to end.
  if (of(node).now == state::draining || world_.at(node).running()) {
    of(node).start_when_down = true;
    return;
  }
  of(node).start_when_down = false;
  notes.note(node, "start");
  world_.at(node).start();
  of(node).late = false;
  enter(node, state::starting);
}

void director::drain(int node) {
  if (of(node).start_when_down)
    notes.note(node, "drain, then start");
  of(node).clients_left = false;
  world_.at(node).signal(SIGUSR1);
  enter(node, state::draining);
}

void director::watch(int node) {
  switch (of(node).now) {
    case state::up:
      if (world_.at(node).running())
        break;
      notes.fail(node, "ended by itself with "
                         + std::to_string(world_.at(node).exit_code().value_or(-1)));
      begin_outage(node);
      enter(node, state::down);
      break;
    case state::draining: watch_drain(node); break;
    case state::starting: watch_start(node); break;
    case state::down:
      if (of(node).start_when_down && !world_.at(node).running())
        start(node);
      break;
    case state::going_on:
      if (clients_.now() - of(node).since < of(node).excused)
        break;
      end_outage(node);
      enter(node, state::up);
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
    notes.note(node, "clients leave");
  }
  if (!world_.at(node).running()) {
    if (const auto code = world_.at(node).exit_code().value_or(-1); code != 0)
      notes.fail(node, "ended its drain with " + std::to_string(code));
    notes.note(node, "drained");
    begin_outage(node);
    enter(node, state::down);
  } else if (clients_.now() - it.since > drain_limit) {
    notes.fail(node, "does not end its drain");
    world_.at(node).signal(SIGKILL);
    enter(node, state::down);
  }
}

void director::watch_start(int node) {
  auto& it = of(node);
  if (world_.at(node).healthy()) {
    notes.note(node, "ready after " + seconds_text(clients_.now() - it.since));
    clients_.come_back(node);
    end_outage(node);
    enter(node, state::up);
  } else if (!world_.at(node).running()) {
    notes.fail(node, "ended while it started, with "
                       + std::to_string(world_.at(node).exit_code().value_or(-1)));
    enter(node, state::down);
  } else if (!it.late && clients_.now() - it.since > plan_.ready_within) {
    it.late = true;
    notes.fail(node, "is not ready in time");
  }
}

void director::begin_outage(int node) {
  if (!of(node).outage)
    of(node).outage = notes.begin_outage(node);
}

void director::end_outage(int node) {
  if (of(node).outage)
    notes.end_outage(*of(node).outage);
  of(node).outage.reset();
}

void director::enter(int node, state next) {
  of(node).now = next;
  of(node).since = clients_.now();
}

void director::show_progress() {
  if (clients_.now() < next_progress_)
    return;
  next_progress_ += 2s;
  notes.tell(std::to_string(clients_.asked()) + " requests, "
             + std::to_string(clients_.unanswered()) + " without an answer");
}

} // namespace shunt::chaos
