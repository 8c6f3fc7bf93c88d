// All that a slice knows of one host: what a lease starts from. A host without paths is a leased
// miss.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/route_traits.hpp"
#include "routing/time.hpp"

#include <string>
#include <vector>

namespace shunt::routing {

struct granted_endpoint {
  endpoint_ptr target;
  time_point failed_until{}; ///< Avoided until then, if that is in the future.
};

struct path_grant {
  std::string path;
  route_traits traits;
  std::vector<granted_endpoint> endpoints; ///< In pool order; none: known, but without backends.
};

struct host_grant {
  std::string host;
  std::vector<path_grant> paths; ///< In no particular order.
};

} // namespace shunt::routing
