#include "chaos/scenario.hpp"

#include "chaos/scenario_keys.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace shunt::chaos {
namespace {

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

void read_expectations(const YAML::Node& node, scenario& into) {
  auto& wanted = into.expected;
  read_keys(node, "expect.",
            {{"settle", duration(wanted.settle)},
             {"deadline", duration(wanted.deadline)},
             {"grace", duration(wanted.grace)},
             {"ready_within", duration(into.ready_within)},
             {"unheard",
              [&](const YAML::Node& value) {
                auto& lost = wanted.unheard.emplace();
                read_keys(value, "unheard.",
                          {{"from", duration(lost.from)},
                           {"shared", duration(lost.shared)},
                           {"to", duration(lost.to)}});
                if (lost.from > lost.shared || lost.shared >= lost.to)
                  throw scenario_error{"expected `from`, `shared` and `to` in this order"};
              }},
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
  if (read.asked_routes > read.routes)
    throw scenario_error{"asked_routes: there are not so many routes"};
  if (read.rate_min > read.rate)
    throw scenario_error{"rate_min: there are not so many requests"};
  if (read.churn > 0 && read.spare_routes == 0)
    throw scenario_error{"churn: needs spare_routes"};
  if (read.heartbeat < std::chrono::milliseconds{100})
    throw scenario_error{"heartbeat: expected at least 100ms"};
}

scenario scenario_of(const std::string& name, const YAML::Node& root) {
  scenario read;
  read.name = name;
  std::optional<YAML::Node> steps;
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
             {"snapshot", flag(read.snapshot)},
             {"shards", number(read.shards, 1, 4096)},
             {"holders", holders},
             {"suspect_after", text(read.suspect_after)},
             {"remove_after", text(read.remove_after)},
             {"rebalance_after", text(read.rebalance_after)},
             {"routes", number(read.routes, 1, 100000)},
             {"spare_routes", number(read.spare_routes, 0, 1000)},
             {"instances", number(read.instances, 1, 50)},
             {"spare_instances", number(read.spare_instances, 0, 50)},
             {"instances_per_route", number(read.instances_per_route, 1, 50)},
             {"asked_routes", number(read.asked_routes, 1, 100000)},
             {"churn", number(read.churn, 1, 200)},
             {"uris_per_message", number(read.uris_per_message, 1, 1000)},
             {"heartbeat", duration(read.heartbeat)},
             {"stale_after", duration(read.stale_after)},
             {"rate", number(read.rate, 1, 1000)},
             {"rate_min", number(read.rate_min, 1, 1000)},
             {"connections", number(read.connections, 1, 16)},
             {"seconds", number(seconds, 1, 300)},
             {"router", [&](const YAML::Node& node) { read.router = json_of(node); }},
             {"expect", [&](const YAML::Node& node) { read_expectations(node, read); }},
             {"steps", [&](const YAML::Node& node) { steps.emplace(node); }}});
  read.length = std::chrono::seconds{seconds};
  check_whole(read);
  if (steps)
    read_steps(*steps, read);
  return read;
}

} // namespace

nanoseconds duration_of(const std::string& text) {
  double amount = 0;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), amount);
  const std::string unit{rest, text.data() + text.size()};
  const double unit_ns = unit == "ms" ? 1e6 : unit == "s" ? 1e9 : unit == "m" ? 60e9 : 0;
  if (failed != std::errc{} || unit_ns == 0 || amount < 0 || amount > 3600)
    throw scenario_error{"expected a duration such as 300ms or 2s, found '" + text + "'"};
  return nanoseconds{static_cast<std::int64_t>(amount * unit_ns)};
}

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

} // namespace shunt::chaos
