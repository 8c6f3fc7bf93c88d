// Steps of a scenario, and what must stand in which.
#include "chaos/scenario_keys.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace shunt::chaos {
namespace {

constexpr std::array actions = {
  std::pair{action::kill, "kill"},
  std::pair{action::start, "start"},
  std::pair{action::stop, "stop"},
  std::pair{action::go_on, "continue"},
  std::pair{action::drain, "drain"},
  std::pair{action::restart, "restart"},
  std::pair{action::stop_nats, "stop_nats"},
  std::pair{action::start_nats, "start_nats"},
  std::pair{action::cut_nats, "cut_nats"},
  std::pair{action::stall_nats, "stall_nats"},
  std::pair{action::heal_nats, "heal_nats"},
  std::pair{action::cut_peers, "cut_peers"},
  std::pair{action::stall_peers, "stall_peers"},
  std::pair{action::delay_peers, "delay_peers"},
  std::pair{action::heal_peers, "heal_peers"},
  std::pair{action::map, "map"},
  std::pair{action::unmap, "unmap"},
  std::pair{action::kill_instance, "kill_instance"},
  std::pair{action::start_instance, "start_instance"},
  std::pair{action::silence_emitter, "silence_emitter"},
  std::pair{action::resume_emitter, "resume_emitter"},
  std::pair{action::await_confirmation, "await_confirmation"},
  std::pair{action::await_placement, "await_placement"},
  std::pair{action::await_order, "await_order"},
  std::pair{action::await_snapshots, "await_snapshots"},
  std::pair{action::ask_all, "ask_all"},
};

action action_of(const std::string& text) {
  for (const auto& [what, name] : actions)
    if (text == name)
      return what;
  throw scenario_error{"unknown action '" + text + "'"};
}

/// What a step is about, and so which keys it needs.
enum class subject { node, routes, instance, world, wait };

subject subject_of(action what) {
  switch (what) {
    case action::map:
    case action::unmap: return subject::routes;
    case action::kill_instance:
    case action::start_instance: return subject::instance;
    case action::stop_nats:
    case action::start_nats:
    case action::silence_emitter:
    case action::resume_emitter: return subject::world;
    case action::await_confirmation:
    case action::await_placement:
    case action::await_order:
    case action::await_snapshots:
    case action::ask_all: return subject::wait;
    default: return subject::node;
  }
}

std::vector<int> routes_of(const YAML::Node& node, const scenario& whole) {
  std::vector<int> routes;
  if (node.IsScalar() && node.Scalar() == "all")
    for (int route = 0; route < whole.routes; ++route)
      routes.push_back(route);
  else
    routes = node.as<std::vector<int>>();
  for (const int route : routes)
    if (route < 0 || route >= whole.all_routes())
      throw scenario_error{"there is no route " + std::to_string(route)};
  return routes;
}

/// What must stand in a step depends on what it does.
void check_step(const step& read, bool node_given, const scenario& whole) {
  const auto name = name_of(read.what);
  const auto about = subject_of(read.what);
  if ((read.instance >= 0) != (about == subject::routes || about == subject::instance))
    throw scenario_error{name
                         + (read.instance < 0 ? ": needs an instance" : ": concerns no instance")};
  if (read.routes.empty() == (about == subject::routes || read.what == action::ask_all))
    throw scenario_error{name + (read.routes.empty() ? ": needs routes" : ": concerns no routes")};
  if (node_given != (about == subject::node))
    throw scenario_error{name + (node_given ? ": concerns no node" : ": needs a node")};
  const bool confirms = read.confirm != confirmation_wish::none;
  if (confirms && about != subject::routes)
    throw scenario_error{name + ": only map and unmap can be confirmed"};
  if (read.drained && !(confirms && read.what == action::unmap))
    throw scenario_error{name + ": only an unmap that is confirmed can be drained"};
  if ((read.by.count() > 0) != (read.what == action::delay_peers))
    throw scenario_error{name + ": delay_peers, and nothing else, needs `by`"};
  if (read.excused.count() > 0 && read.what != action::go_on)
    throw scenario_error{name + ": only after continue is a node excused"};
  const bool must_end = about == subject::wait && read.what != action::await_confirmation;
  if (read.what == action::await_snapshots && !whole.snapshot)
    throw scenario_error{name + ": needs `snapshot: true`"};
  if (must_end && read.within.count() == 0)
    throw scenario_error{name + ": needs `within`"};
  if (read.within.count() > 0 && !must_end && !confirms)
    throw scenario_error{name + ": only what is awaited has a `within`"};
}

confirmation_wish wish_of(const YAML::Node& node) {
  if (node.Scalar() == "later")
    return confirmation_wish::later;
  return node.as<bool>() ? confirmation_wish::now : confirmation_wish::none;
}

/// `begin` is added to its time.
step step_of(const YAML::Node& node, const std::string& where, nanoseconds begin,
             const scenario& whole) {
  step read;
  bool node_given = false;
  bool action_given = false;
  read_keys(node, where,
            {{"at", duration(read.at)},
             {"do",
              [&](const YAML::Node& value) {
                read.what = action_of(value.as<std::string>());
                action_given = true;
              }},
             {"node",
              [&](const YAML::Node& value) {
                node_given = true;
                if (value.Scalar() == "any")
                  return;
                number(read.node.emplace(), 0, whole.nodes - 1)(value);
              }},
             {"confirm", [&](const YAML::Node& value) { read.confirm = wish_of(value); }},
             {"drained", flag(read.drained)},
             {"within", duration(read.within)},
             {"excused", duration(read.excused)},
             {"instance", number(read.instance, 0, whole.all_instances() - 1)},
             {"routes", [&](const YAML::Node& value) { read.routes = routes_of(value, whole); }},
             {"by", [&](const YAML::Node& value) {
                read.by = std::chrono::duration_cast<std::chrono::milliseconds>(
                  duration_of(value.as<std::string>()));
              }}});
  if (!action_given)
    throw scenario_error{where + "do: is missing"};
  read.at += begin;
  if (read.at >= whole.length)
    throw scenario_error{where + "at: must be before the end"};
  check_step(read, node_given, whole);
  return read;
}

std::string place_of(const std::string& where, std::size_t number) {
  return where + "steps[" + std::to_string(number) + "].";
}

/// The same steps some times, one round after the other; a round does not begin before its time.
void read_rounds(const YAML::Node& node, const std::string& where, scenario& whole) {
  int rounds = 0;
  nanoseconds first{0}, every{0};
  YAML::Node list;
  read_keys(node, where,
            {{"at", duration(first)},
             {"repeat", number(rounds, 1, 1000)},
             {"every", duration(every)},
             {"steps", [&](const YAML::Node& value) { list.reset(value); }}});
  if (!list.IsSequence() || list.size() == 0)
    throw scenario_error{where + "steps: are missing"};
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < list.size(); ++i)
      whole.steps.push_back(step_of(list[i], place_of(where, i), first + every * round, whole));
}

/// Only one change at a time can be waited for.
void check_confirmations(const std::vector<step>& steps) {
  bool under_way = false;
  for (const auto& each : steps) {
    if (each.what == action::await_confirmation
          ? !under_way
          : under_way && each.confirm != confirmation_wish::none)
      throw scenario_error{name_of(each.what)
                           + (under_way ? ": the change before is not awaited yet"
                                        : ": no change is confirmed later")};
    if (each.what == action::await_confirmation || each.confirm != confirmation_wish::none)
      under_way = each.confirm == confirmation_wish::later;
  }
  if (under_way)
    throw scenario_error{"a confirmation is not awaited"};
}

} // namespace

void read_steps(const YAML::Node& list, scenario& whole) {
  if (!list.IsSequence())
    throw scenario_error{"steps: expected a list"};
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i].IsMap() && list[i]["repeat"])
      read_rounds(list[i], place_of("", i), whole);
    else
      whole.steps.push_back(step_of(list[i], place_of("", i), nanoseconds{0}, whole));
  std::stable_sort(whole.steps.begin(), whole.steps.end(),
                   [](const step& left, const step& right) { return left.at < right.at; });
  check_confirmations(whole.steps);
}

std::string name_of(action what) {
  for (const auto& [each, name] : actions)
    if (each == what)
      return name;
  return "?";
}

} // namespace shunt::chaos
