// What a route as a whole has, derived from its endpoints. Each value is a function of the set of
// endpoints, never of the order in which they were heard, so that all nodes agree:
// - the smallest non-empty route service url. While a binding spreads, the first instance that has
// it
//   protects the route, and an unbound one stays protected until the last instance says so. A route that
//   has lost its last endpoint keeps what that one said, of its policies, too;
// - of the valid balancing options the smallest (by algorithm, hash header, balance); none if no
//   endpoint carries one;
// - the smallest spelling bytewise, so one with capitals wins over the normalised one;
// - the smallest of the options for when it is empty or its route service fails; they are kept as the
//   route service is;
// - every different policy, since a client must be allowed by all of them. While a policy spreads the
//   first instance that has it protects the route, and what is taken from a client is gone at once.
#pragma once

#include "routing/balancing_choice.hpp"
#include "routing/route_options.hpp"
#include "routing/route_policy.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace shunt::routing {

struct route_traits {
  std::string route_service_url{};
  routing::algorithm algorithm = algorithm::router_default;
  std::string hash_header{}; ///< Only with `algorithm::hash`.
  double hash_balance = 0;   ///< Only with `algorithm::hash`; 0 = off.
  std::string spelling{};    ///< "Host/Path" without query and outer slashes; empty: as the key.
  /// Sorted; empty: the route is open to all. Past `route_policies_max` one more is kept, as a sign.
  std::vector<policy_option> policies{};
  /// Whether the route is reserved, and who serves its requests while it has no endpoints.
  enum class reservation_kind : std::uint8_t {
    none,
    alone,         ///< Nobody else.
    with_fallback, ///< Shorter paths and wildcards, as with any route.
  };
  reservation_kind reserved = reservation_kind::none;
  route_options_ptr options{};

  bool operator==(const route_traits&) const = default;
};

} // namespace shunt::routing
