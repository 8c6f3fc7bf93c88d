// What `router.reserve` says of one uri: the route exists, with or without backends, until its time is
// over. Its route service and options win over those of its endpoints.
#pragma once

#include "routing/balancing_choice.hpp"
#include "routing/route_options.hpp"
#include "routing/time.hpp"

#include <cstdint>
#include <string>

namespace shunt::routing {

struct reservation {
  std::string host; ///< Normalised, as of a route.
  std::string path; ///< Normalised: no leading slash; "" is the root.
  std::string route_service_url{}; ///< https, or empty: no route service but the endpoints'.
  std::string app{};               ///< GUID of whoever is to be woken; may be empty.
  std::string loadbalancing{};     ///< Option text; an unknown one acts as absent.
  std::string hash_header{};
  double hash_balance = 0;
  route_options_ptr options{}; ///< Null: none.
  time_point until{};

  bool operator==(const reservation&) const = default;
};

} // namespace shunt::routing
