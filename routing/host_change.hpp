// What happened to one host since the last time a slice was asked: deltas, so that a host with ten
// thousand paths or a path with a thousand endpoints is not sent again for each of them. Several
// changes of the same endpoint or path come as one. Applied in order to a replica of the grant they
// follow, they make it equal to a fresh grant, pool order included.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/route_traits.hpp"
#include "routing/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shunt::routing {

struct endpoint_change {
  enum class kind : std::uint8_t {
    put,    ///< Replaces the endpoint of that address where it stands, or joins at the end.
    remove, ///< The endpoint of that address leaves.
    mark,   ///< It is avoided until `failed_until`.
  };
  kind what = kind::put;
  endpoint_ptr target;       ///< For `remove` and `mark` only its address matters.
  time_point failed_until{}; ///< Only for `mark`; see `unhealthy_until`.
};

struct path_change {
  enum class state : std::uint8_t {
    live,  ///< Has endpoints, once `endpoints` are applied.
    empty, ///< Known, without endpoints. `endpoints` is empty: all are gone.
    gone,  ///< Not known any more.
  };
  std::string path;
  state now = state::live;
  std::optional<route_traits> traits{}; ///< Only if they may have changed.
  std::vector<endpoint_change> endpoints{};
};

struct host_change {
  std::string host;
  std::vector<path_change> paths;
};

} // namespace shunt::routing
