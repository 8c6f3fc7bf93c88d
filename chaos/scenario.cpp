#include "chaos/scenario.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
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
};

action action_of(const std::string& text) {
  for (const auto& [what, name] : actions)
    if (text == name)
      return what;
  throw scenario_error{"unknown action '" + text + "'"};
}

bool concerns_nats(action what) {
  return what == action::stop_nats || what == action::start_nats;
}

bool concerns_routes(action what) {
  return what == action::map || what == action::unmap;
}

/// "1.5s", "300ms", "2m".
nanoseconds duration_of(const std::string& text) {
  double amount = 0;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), amount);
  const std::string unit{rest, text.data() + text.size()};
  const double unit_ns = unit == "ms" ? 1e6 : unit == "s" ? 1e9 : unit == "m" ? 60e9 : 0;
  if (failed != std::errc{} || unit_ns == 0 || amount < 0 || amount > 3600)
    throw scenario_error{"expected a duration such as 300ms or 2s, found '" + text + "'"};
  return nanoseconds{static_cast<std::int64_t>(amount * unit_ns)};
}

using readers = std::map<std::string, std::function<void(const YAML::Node&)>>;

/// Gives each value of the map to its reader; says of every error which key it is about.
void read_keys(const YAML::Node& map, const std::string& where, const readers& known) {
  if (!map.IsMap())
    throw scenario_error{where + ": expected keys and values"};
  for (const auto& entry : map) {
    const auto key = entry.first.as<std::string>();
    const auto reader = known.find(key);
    if (reader == known.end())
      throw scenario_error{where + key + ": there is no such key"};
    try {
      reader->second(entry.second);
    } catch (const std::exception& error) {
      throw scenario_error{where + key + ": " + error.what()};
    }
  }
}

auto number(int& into, int lowest, int highest) {
  return [&into, lowest, highest](const YAML::Node& node) {
    into = node.as<int>();
    if (into < lowest || into > highest)
      throw scenario_error{"expected " + std::to_string(lowest) + " to " + std::to_string(highest)};
  };
}

auto text(std::string& into) {
  return [&into](const YAML::Node& node) { into = node.as<std::string>(); };
}

auto duration(nanoseconds& into) {
  return [&into](const YAML::Node& node) { into = duration_of(node.as<std::string>()); };
}

auto flag(bool& into) {
  return [&into](const YAML::Node& node) { into = node.as<bool>(); };
}

/// Scalars become what they look like, as in the router's own reading of YAML.
nlohmann::json json_of(const YAML::Node& node) {
  if (node.IsMap()) {
    auto made = nlohmann::json::object();
    for (const auto& entry : node)
      made[entry.first.as<std::string>()] = json_of(entry.second);
    return made;
  }
  if (node.IsSequence()) {
    auto made = nlohmann::json::array();
    for (const auto& each : node)
      made.push_back(json_of(each));
    return made;
  }
  auto parsed = nlohmann::json::parse(node.Scalar(), nullptr, false);
  return parsed.is_discarded() ? nlohmann::json(node.Scalar()) : parsed;
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
void check_step(const step& read, bool node_given) {
  const auto name = name_of(read.what);
  if (concerns_routes(read.what) ? read.instance < 0 || read.routes.empty() : read.instance >= 0)
    throw scenario_error{name + ": map and unmap, and no others, need an instance and routes"};
  if (node_given == (concerns_routes(read.what) || concerns_nats(read.what)))
    throw scenario_error{name + (node_given ? ": concerns no node" : ": needs a node")};
  if (read.confirm && !concerns_routes(read.what))
    throw scenario_error{name + ": only map and unmap can be confirmed"};
  if ((read.by.count() > 0) != (read.what == action::delay_peers))
    throw scenario_error{name + ": delay_peers, and nothing else, needs `by`"};
}

step step_of(const YAML::Node& node, const std::string& where, const scenario& whole) {
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
             {"confirm", flag(read.confirm)},
             {"instance", number(read.instance, 0, whole.all_instances() - 1)},
             {"routes", [&](const YAML::Node& value) { read.routes = routes_of(value, whole); }},
             {"by", [&](const YAML::Node& value) {
                read.by = std::chrono::duration_cast<std::chrono::milliseconds>(
                  duration_of(value.as<std::string>()));
              }}});
  if (!action_given)
    throw scenario_error{where + "do: is missing"};
  if (read.at >= whole.length)
    throw scenario_error{where + "at: must be before the end"};
  check_step(read, node_given);
  return read;
}

void read_expectations(const YAML::Node& node, scenario& into) {
  auto& wanted = into.expected;
  read_keys(node, "expect.",
            {{"settle", duration(wanted.settle)},
             {"deadline", duration(wanted.deadline)},
             {"grace", duration(wanted.grace)},
             {"ready_within", duration(into.ready_within)},
             {"allowed_statuses", [&](const YAML::Node& value) {
                const auto all = value.as<std::vector<int>>();
                wanted.allowed_statuses = {all.begin(), all.end()};
              }}});
}

void check_whole(const scenario& read) {
  if (read.proves.empty())
    throw scenario_error{"proves: is missing"};
  if (read.length <= nanoseconds::zero())
    throw scenario_error{"seconds: is missing"};
  if (read.instances_per_route > read.instances)
    throw scenario_error{"instances_per_route: there are not so many instances"};
}

scenario scenario_of(const std::string& name, const YAML::Node& root) {
  scenario read;
  read.name = name;
  YAML::Node steps;
  int seconds = 0;
  const auto holders = [&](const YAML::Node& node) {
    if (node.Scalar() == "all")
      read.holders = 0;
    else
      number(read.holders, 1, 64)(node);
  };
  read_keys(root, "",
            {{"proves", text(read.proves)},
             {"quick", flag(read.quick)},
             {"nodes", number(read.nodes, 1, 9)},
             {"cluster", flag(read.cluster)},
             {"shards", number(read.shards, 1, 4096)},
             {"holders", holders},
             {"suspect_after", text(read.suspect_after)},
             {"remove_after", text(read.remove_after)},
             {"rebalance_after", text(read.rebalance_after)},
             {"routes", number(read.routes, 1, 10000)},
             {"spare_routes", number(read.spare_routes, 0, 1000)},
             {"instances", number(read.instances, 1, 50)},
             {"spare_instances", number(read.spare_instances, 0, 50)},
             {"instances_per_route", number(read.instances_per_route, 1, 50)},
             {"heartbeat", duration(read.heartbeat)},
             {"stale_after", duration(read.stale_after)},
             {"rate", number(read.rate, 1, 1000)},
             {"connections", number(read.connections, 1, 16)},
             {"seconds", number(seconds, 1, 300)},
             {"router", [&](const YAML::Node& node) { read.router = json_of(node); }},
             {"expect", [&](const YAML::Node& node) { read_expectations(node, read); }},
             {"steps", [&](const YAML::Node& node) { steps = node; }}});
  read.length = std::chrono::seconds{seconds};
  check_whole(read);
  for (std::size_t i = 0; i < steps.size(); ++i)
    read.steps.push_back(step_of(steps[i], "steps[" + std::to_string(i) + "].", read));
  std::stable_sort(read.steps.begin(), read.steps.end(),
                   [](const step& left, const step& right) { return left.at < right.at; });
  return read;
}

} // namespace

scenario parse_scenario(const std::string& name, const std::string& yaml) {
  try {
    return scenario_of(name, YAML::Load(yaml));
  } catch (const std::exception& error) {
    throw scenario_error{name + ": " + error.what()};
  }
}

scenario read_scenario(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in)
    throw scenario_error{"cannot read " + path};
  return parse_scenario(std::filesystem::path{path}.stem().string(),
                        {std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}});
}

std::string name_of(action what) {
  for (const auto& [each, name] : actions)
    if (each == what)
      return name;
  return "?";
}

} // namespace shunt::chaos
