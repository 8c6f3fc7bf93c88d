// The texts of `options.loadbalancing`.
#include "routing/balancing_choice.hpp"

namespace shunt::routing {

algorithm algorithm_of(std::string_view text) {
  if (text.empty())
    return algorithm::router_default;
  for (auto value : {algorithm::round_robin, algorithm::least_connection, algorithm::hash})
    if (text == to_string(value))
      return value;
  return algorithm::router_default;
}

bool is_known_algorithm(std::string_view text) {
  return text.empty() || algorithm_of(text) != algorithm::router_default;
}

std::string_view to_string(algorithm value) {
  switch (value) {
    case algorithm::round_robin: return "round-robin";
    case algorithm::least_connection: return "least-connection";
    case algorithm::hash: return "hash";
    case algorithm::router_default: break;
  }
  return "";
}

} // namespace shunt::routing
