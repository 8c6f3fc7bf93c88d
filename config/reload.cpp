// The list of keys that need a restart, each group with the reason. A name that ends in a dot stands for the whole section.
#include "config/reload.hpp"

#include "config/schema.hpp"

#include <algorithm>

namespace shunt::config {

namespace {

constexpr std::string_view fixed_keys[] = {
  // Ports, and who listens there: they are bound before the process is known by them, and one that is taken
  // must be an error that somebody waits for.
  "port",
  "disable_http",
  "enable_ssl",
  "ssl_port",
  "status.host",
  "status.port",
  "status.enable_nontls_health_checks",
  "status.enable_deprecated_varz_healthz_endpoints",
  "status.routes.",
  "status.tls.port",
  "prometheus.enabled",
  "prometheus.port",
  "debug_addr",
  "route_services_hairpinning",
  "route_services_internal_server_port",
  // Threads: connections live on their loop from beginning to end.
  "go_max_procs",
  // Metrics: their memory is laid out by these, and a histogram with other buckets would have to count anew.
  "prometheus.meters.",
  "per_request_metrics_reporting",
  "per_app_prometheus_http_metrics_reporting",
  "publish_active_apps_interval",
  // Which routes this router has at all: those it refused so far it does not know, and nobody repeats them all.
  "isolation_segments",
  "routing_table_sharding_mode",
  // Who this router is, for others that know it by that.
  "index",
  "cluster.name",
  "cluster.node.",
  "cluster.zone",
  // What the nodes of a cluster tell each other once, when they meet, and must agree on.
  "cluster.shards",
  "cluster.holders",
  "cluster.suspect_after",
  "cluster.remove_after",
  "cluster.rebalance_after",
  // Looked at when the cluster node begins; whoever is found goes by other ways afterwards.
  "cluster.peers",
  "cluster.discovery",
  // Files that are open, or are written once.
  "cluster.snapshot",
  "store.",
  "pid_file",
  // Over when the router serves.
  "start_response_delay_interval",
};

/// Whether that key's value waits for the next start, as things were at the last one.
bool waits(std::string_view path, const settings& started, const settings& read) {
  if (path.starts_with("cluster.tls."))
    return !can_renew_links(started, read);
  if (path.starts_with("routing_api.") || path.starts_with("oauth."))
    return started.routing_api_enabled() != read.routing_api_enabled();
  return needs_restart(path);
}

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
  for (const auto& row : settings_schema())
    if (!row.same(before, after))
      (waits(row.path, before, after) ? found.at_next_start : found.at_once).push_back(row.path);
  return found;
}

settings usable_now(const settings& started, settings read) {
  const auto waiting = changes(started, read).at_next_start;
  for (const auto& row : settings_schema())
    if (std::find(waiting.begin(), waiting.end(), row.path) != waiting.end())
      row.copy(started, read);
  return read;
}

} // namespace shunt::config
