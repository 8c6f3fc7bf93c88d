// What a route as a whole has, derived from its endpoints. Each value is a function of the set of
// endpoints, never of the order in which they were heard, so that all nodes agree:
// - the smallest non-empty route service url. While a binding spreads, the first instance that has
// it
//   protects the route, and an unbound one stays protected until the last instance says so;
// - of the valid balancing options the smallest (by algorithm, hash header, balance); none if no
//   endpoint carries one;
// - the smallest spelling bytewise, so one with capitals wins over the normalised one.
#pragma once

#include "routing/balancing_choice.hpp"

#include <string>

namespace shunt::routing {

struct route_traits {
  std::string route_service_url{};
  routing::algorithm algorithm = algorithm::router_default;
  std::string hash_header{}; ///< Only with `algorithm::hash`.
  double hash_balance = 0;   ///< Only with `algorithm::hash`; 0 = off.
  std::string spelling{};    ///< "Host/Path" without query and outer slashes; empty: as the key.

  bool operator==(const route_traits&) const = default;
};

} // namespace shunt::routing
