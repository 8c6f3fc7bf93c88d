// What the settings say of shards, in their own terms.
#include "actors/route_shard.hpp"

#include <algorithm>
#include <chrono>

namespace shunt {

namespace {

constexpr auto heard_least = std::chrono::seconds{2}; ///< By a node of a cluster, before it is sure.

} // namespace

route_shard_options route_shard_options_of(const config::settings& settings, std::size_t index,
                                           std::size_t shards) {
  route_shard_options options;
  options.index = index;
  options.count = shards;
  options.prune_interval = settings.prune_stale_droplets_interval;
  options.suspend_pruning_without_nats = settings.suspend_pruning_if_nats_unavailable;
  options.register_interval = settings.start_response_delay_interval;
  options.tombstone_life =
    std::max<std::chrono::nanoseconds>(options.tombstone_life, 2 * settings.droplet_stale_threshold);
  options.confirm_timeout = settings.cluster.confirm_timeout;
  options.in_sync = !settings.cluster.enabled();
  options.return_interval = std::max<std::chrono::nanoseconds>(heard_least, 2 * settings.start_response_delay_interval / 5);
  if (settings.cluster.enabled()) // In sync without having heard anybody, it would have others forget.
    options.register_interval = std::max<std::chrono::nanoseconds>(options.register_interval, heard_least);
  auto& rules = options.rules;
  rules.stale_threshold = settings.droplet_stale_threshold;
  switch (settings.routing_table_sharding_mode) {
    case config::routing_table_sharding_mode::all:
      rules.sharding = routing::segment_mode::all;
      break;
    case config::routing_table_sharding_mode::segments:
      rules.sharding = routing::segment_mode::segments;
      break;
    case config::routing_table_sharding_mode::shared_and_segments:
      rules.sharding = routing::segment_mode::shared_and_segments;
      break;
  }
  rules.isolation_segments = settings.isolation_segments;
  rules.filter_when_leasing = settings.cluster.enabled();
  rules.http2 = settings.enable_http2;
  rules.health_checks = settings.health_checks.enabled;
  rules.keep = settings.empty_pool.keep;
  rules.keep_routes_max =
    (static_cast<std::size_t>(settings.empty_pool.keep_routes_max) + shards - 1) / shards;
  rules.legacy = settings.legacy_empty_pools();
  rules.response_503 = settings.empty_pool_response_code_503.value_or(false);
  rules.empty_timeout = settings.empty_pool_timeout;
  options.hold = {.requests_per_route = static_cast<std::size_t>(settings.hold.requests_per_route),
                  .bytes_per_route = static_cast<std::size_t>(settings.hold.bytes_per_route),
                  .requests = static_cast<std::size_t>(settings.hold.requests),
                  .bytes = static_cast<std::size_t>(settings.hold.bytes)};
  options.conns_per_endpoint = static_cast<std::size_t>(settings.backends.max_conns);
  return options;
}

} // namespace shunt
