#include "chaos/served.hpp"

#include "chaos/emitter.hpp"

#include <algorithm>

namespace shunt::chaos {
namespace {

bool is_missing(const std::pair<const int, int>& answer) {
  return answer.second < 200 || answer.second > 299;
}

} // namespace

std::string unserved(const answers_by_node& answers) {
  if (answers.empty())
    return "no node was asked";
  for (const auto& [node, statuses] : answers) {
    const auto name = "router-" + std::to_string(node);
    if (statuses.empty())
      return name + " was asked for nothing";
    const auto missing = std::count_if(statuses.begin(), statuses.end(), is_missing);
    if (missing == 0)
      continue;
    const auto first = std::find_if(statuses.begin(), statuses.end(), is_missing);
    return name + " does not serve " + std::to_string(missing) + " of " + std::to_string(statuses.size()) + " routes, such as "
           + host_of(first->first) + ": " + (first->second == 0 ? "no answer" : std::to_string(first->second));
  }
  return {};
}

bool denies(const answers_by_node& answers) {
  return std::any_of(answers.begin(), answers.end(), [](const auto& of_node) {
    return std::any_of(of_node.second.begin(), of_node.second.end(), [](const auto& each) { return each.second == 404; });
  });
}

} // namespace shunt::chaos
