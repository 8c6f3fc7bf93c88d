// What the `options` of a registration say about balancing, once understood.
#pragma once

#include <cstdint>
#include <string_view>

namespace shunt::routing {

/// How the next endpoint of a pool is chosen.
enum class algorithm : std::uint8_t {
  router_default, ///< Whatever the router's configuration says. Only as a wish, never as a rule.
  round_robin,
  least_connection,
  hash, ///< By a request header; served by the router's algorithm where that header is missing.
};

/// The algorithm `text` names ("round-robin", "least-connection", "hash"), or `router_default` for
/// an empty or unknown text. Whoever hears the text reports unknown ones: see `is_known_algorithm`.
algorithm algorithm_of(std::string_view text);
/// Whether `text` is empty or names an algorithm.
bool is_known_algorithm(std::string_view text);
/// The text `algorithm_of` understands; "" for `router_default`.
std::string_view to_string(algorithm value);

} // namespace shunt::routing
