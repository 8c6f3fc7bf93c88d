// The operator's choices about the route table, as `slice` needs them.
#pragma once

#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::routing {

/// `routing_table_sharding_mode`: endpoints of which isolation segments are accepted.
enum class segment_mode : std::uint8_t { all, segments, shared_and_segments };

struct table_rules {
  nanoseconds stale_threshold =
    std::chrono::seconds{120}; ///< `droplet_stale_threshold`; also the cap.
  segment_mode sharding = segment_mode::all;
  std::vector<std::string> isolation_segments{};
  /// Of a node in a cluster: endpoints of all segments are stored, so that nodes of different segments
  /// agree, and the two above apply when a loop leases.
  bool filter_when_leasing = false;

  // What this router does not do is stored all the same, so that nodes whose settings differ agree.
  bool http2 = true;         ///< `enable_http2`: if not, endpoints that offer it are shown as of HTTP/1.1.
  bool health_checks = true; ///< `health_checks.enabled`: if not, routes that ask for checks get none.

  /// How long a route whose last endpoint left stays known, and how many such routes a slice keeps;
  /// the oldest go first. A node with several slices divides its total among them.
  nanoseconds keep = std::chrono::hours{24};
  std::size_t keep_routes_max = 100'000;

  /// gorouter's rules about empty pools to the letter, instead of the two above.
  bool legacy = false;
  bool response_503 = false; ///< `empty_pool_response_code_503`. Only with `legacy`.
  nanoseconds empty_timeout = nanoseconds{0}; ///< `empty_pool_timeout`. Only with `legacy`.
};

} // namespace shunt::routing
