// How keys of a scenario file are read: each by its own reader, and none that has no reader.
#pragma once

#include "chaos/scenario.hpp"

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <string>

namespace shunt::chaos {

/// "1.5s", "300ms", "2m". Throws scenario_error.
nanoseconds duration_of(const std::string& text);

using readers = std::map<std::string, std::function<void(const YAML::Node&)>>;

/// Gives each value of the map to its reader; says of every error which key it is about.
void read_keys(const YAML::Node& map, const std::string& where, const readers& known);

inline auto number(int& into, int lowest, int highest) {
  return [&into, lowest, highest](const YAML::Node& node) {
    into = node.as<int>();
    if (into < lowest || into > highest)
      throw scenario_error{"expected " + std::to_string(lowest) + " to " + std::to_string(highest)};
  };
}

inline auto text(std::string& into) {
  return [&into](const YAML::Node& node) { into = node.as<std::string>(); };
}

inline auto duration(nanoseconds& into) {
  return [&into](const YAML::Node& node) { into = duration_of(node.as<std::string>()); };
}

inline auto flag(bool& into) {
  return [&into](const YAML::Node& node) { into = node.as<bool>(); };
}

/// Into `whole.steps`, in order of time; the rest of `whole` was read before.
void read_steps(const YAML::Node& list, scenario& whole);

} // namespace shunt::chaos
