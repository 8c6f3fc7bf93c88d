// The list of keys that need a restart. A name that ends in a dot stands for the whole section.
#include "config/reload.hpp"

#include "config/schema.hpp"

#include <algorithm>

namespace shunt::config {

namespace {

constexpr std::string_view fixed_keys[] = {
  // Ports, and who listens there.
  "port",
  "disable_http",
  "enable_ssl",
  "ssl_port",
  "limits.",
  "status.host",
  "status.port",
  "status.enable_nontls_health_checks",
  "status.enable_deprecated_varz_healthz_endpoints",
  "status.user",
  "status.pass",
  "status.routes.",
  "status.tls.port",
  "prometheus.enabled",
  "prometheus.port",
  "prometheus.meters.",
  "debug_addr",
  "route_services_hairpinning",
  "route_services_internal_server_port",
  // Threads and pools.
  "go_max_procs",
  "max_idle_conns",
  "max_idle_conns_per_host",
  // The route table and where it comes from.
  "nats.",
  "nats_pending.",
  "nats_client_ping_interval",
  "index",
  "publish_start_message_interval",
  "publish_active_apps_interval",
  "prune_stale_droplets_interval",
  "droplet_stale_threshold",
  "suspend_pruning_if_nats_unavailable",
  "isolation_segments",
  "routing_table_sharding_mode",
  "empty_pool_response_code_503",
  "empty_pool_timeout",
  "empty_pool.keep",
  "empty_pool.keep_routes_max",
  "hold.",
  "reservations.",
  "cluster.name",
  "cluster.node.",
  "cluster.peers",
  "cluster.discovery",
  "cluster.shards",
  "cluster.holders",
  "cluster.zone",
  "cluster.snapshot",
  "cluster.suspect_after",
  "cluster.remove_after",
  "cluster.rebalance_after",
  "cluster.confirm_timeout",
  "cluster.isolated",
  "store.",
  "routing_api.",
  "oauth.",
  "token_fetcher_max_retries",
  "token_fetcher_retry_interval",
  "token_fetcher_expiration_buffer_time",
  "health_checks.",
  // The life of the process and what it writes.
  "start_response_delay_interval",
  "load_balancer_healthy_threshold",
  "drain_wait",
  "drain_timeout",
  "pid_file",
  "healthcheck_poll_interval",
  "healthcheck_timeout",
  "logging.",
  "access_log.",
  "per_request_metrics_reporting",
  "per_app_prometheus_http_metrics_reporting",
  "enable_envelope_v1_metrics",
};

} // namespace

bool needs_restart(std::string_view path) {
  return std::any_of(std::begin(fixed_keys), std::end(fixed_keys), [&](std::string_view key) {
    return key.ends_with('.') ? path.starts_with(key) : path == key;
  });
}

bool can_renew_links(const settings& before, const settings& after) {
  return before.cluster.tls.active() == after.cluster.tls.active()
         && before.cluster.node.name == after.cluster.node.name;
}

change_list changes(const settings& before, const settings& after) {
  change_list found;
  const bool links_wait = !can_renew_links(before, after);
  for (const auto& row : settings_schema())
    if (!row.same(before, after)) {
      const bool waits = needs_restart(row.path) || (links_wait && row.path.starts_with("cluster.tls."));
      (waits ? found.at_next_start : found.at_once).push_back(row.path);
    }
  return found;
}

} // namespace shunt::config
