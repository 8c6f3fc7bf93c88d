// The router's metrics as Prometheus reads them: gorouter's names, labels and buckets, and beside
// them, with the prefix `shunt_`, what gorouter cannot tell or tells in buckets that say nothing.
// Pure: a snapshot in, text out. Who takes the snapshot is `metrics_sources`.
#pragma once

#include "net/loop_metrics.hpp"
#include "net/probe_result.hpp"
#include "net/registry_metrics.hpp"

#include <prometheus/metric_family.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::app {

/// Upper bounds of the histograms' buckets, in the units of the histograms.
struct metric_bounds {
  std::vector<double> latency;
  std::vector<double> gorouter_time;
  std::vector<double> lookup_time;
  std::vector<double> http_latency;
  std::vector<double> duration;
  std::vector<double> registration_latency;
};

/// What there is to tell of a node that is one of a cluster.
struct cluster_counts {
  std::uint64_t links = 0; ///< Now.
  std::uint64_t links_opened = 0;
  std::uint64_t shards_held = 0;    ///< Now.
  std::uint64_t shards_in_sync = 0; ///< That are held here, now.
  std::uint64_t shards_ready = 0;   ///< Held or borrowed, now.
  std::uint64_t queued_bytes = 0;   ///< Now.
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::uint64_t frames_refused = 0;
  std::uint64_t overflows = 0;
  std::uint64_t strangers = 0;
  std::chrono::duration<double> lease_age{0}; ///< Of the borrowed shard whose lender has been silent longest.
  std::chrono::duration<double> push_lag{0};  ///< Of the borrower here that has been awaited longest.
  std::uint64_t repairs = 0, repaired_hosts = 0, repair_bytes = 0;
  std::uint64_t transferred_hosts = 0, transfer_bytes = 0;
  std::uint64_t granted_hosts = 0;
  std::uint64_t foreign_messages = 0;
  std::uint64_t changes_confirmed = 0, changes_pending = 0;
  std::uint64_t snapshots_written = 0, snapshot_failures = 0, snapshot_hosts = 0;
};

/// All that the router has counted, summed over its threads.
struct metrics_snapshot {
  metric_bounds bounds;
  net::request_totals requests;
  net::registry_totals registry;
  std::optional<std::chrono::milliseconds> since_registry_update; ///< Empty: there was none.

  std::uint64_t rejected_requests = 0;
  std::uint64_t bad_gateways = 0;
  std::uint64_t backend_exhausted_conns = 0;
  std::uint64_t websocket_upgrades = 0;
  std::uint64_t websocket_failures = 0;

  std::uint64_t file_descriptors = 0;
  std::uint64_t buffered_messages = 0; ///< NATS messages that wait.
  std::uint64_t dropped_messages = 0;  ///< NATS messages lost since the start.

  // What gorouter does not tell.
  std::uint64_t connections = 0;  ///< Clients', open now.
  std::uint64_t idle_connections = 0; ///< Of these, the ones that wait for a request.
  std::uint64_t all_requests = 0; ///< Read by the router, whatever became of them.
  std::uint64_t malformed_requests = 0;
  std::uint64_t failed_handshakes = 0; ///< Of clients.
  std::uint64_t shed_requests = 0;     ///< Turned away for want of memory or descriptors.
  std::uint64_t invalid_registry_messages = 0;
  std::uint64_t http2_streams = 0; ///< Of clients.
  std::uint64_t ejections = 0;     ///< Of endpoints, as outliers.
  std::uint64_t held_requests = 0; ///< That waited for a first backend.
  std::uint64_t hold_refusals = 0; ///< Of these, for want of room.
  std::uint64_t hold_timeouts = 0; ///< Of these, in vain.
  std::uint64_t holding = 0;       ///< Wait now.
  std::array<std::uint64_t, net::probe_outcome_count> health_checks{}; ///< By outcome.
  std::uint64_t unhealthy_endpoints = 0; ///< By these checks, now.
  std::vector<std::pair<std::string_view, std::uint64_t>> restarts; ///< Of actors that died, by their kind.
  std::uint64_t reservations = 0;        ///< Now.
  std::uint64_t refused_reservations = 0;
  std::uint64_t reservation_write_failures = 0;
  std::uint64_t token_fetch_errors = 0;
  std::uint64_t subscribe_events_errors = 0;
  std::uint64_t lost_envelopes = 0; ///< That Loggregator was to have.
  std::optional<cluster_counts> cluster; ///< None: the node is alone.
};

/// Sorted by name. Histograms that nothing feeds are there, with zeros; labels come as values do.
std::vector<prometheus::MetricFamily> metric_families(const metrics_snapshot& snapshot);

inline constexpr std::string_view metrics_content_type = "text/plain; version=0.0.4; charset=utf-8";

/// The families in Prometheus' text format 0.0.4.
std::string metrics_text(const metrics_snapshot& snapshot);

} // namespace shunt::app
