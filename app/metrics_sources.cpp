#include "app/metrics_sources.hpp"

#include "app/process_facts.hpp"

#include <algorithm>

namespace shunt::app {

namespace {

std::vector<double> labels_of(const net::histogram_bounds& bounds) {
  return {bounds.labels().begin(), bounds.labels().end()};
}

metric_bounds bounds_of(const metrics_sources& from) {
  return {.latency = labels_of(from.requests.latency),
          .gorouter_time = labels_of(from.requests.gorouter_time),
          .lookup_time = labels_of(from.requests.lookup_time),
          .http_latency = labels_of(from.requests.http_latency),
          .duration = labels_of(from.requests.duration),
          .registration_latency = labels_of(from.registry.latency)};
}

void add(metrics_snapshot& sum, const loop_counters& loop) {
  const auto read = [](const auto& counter) {
    return static_cast<std::uint64_t>(counter.load(std::memory_order_relaxed));
  };
  sum.rejected_requests += read(loop.rejected_requests);
  sum.bad_gateways += read(loop.bad_gateways);
  sum.backend_exhausted_conns += read(loop.backend_exhausted_conns);
  sum.websocket_upgrades += read(loop.websocket_upgrades);
  sum.websocket_failures += read(loop.websocket_failures);
  sum.all_requests += read(loop.requests);
  sum.malformed_requests += read(loop.malformed_requests);
  sum.failed_handshakes += read(loop.failed_handshakes);
  sum.shed_requests += read(loop.shed);
  sum.connections += read(loop.connections);
  sum.idle_connections += read(loop.idle);
  sum.http2_streams += read(loop.streams);
  sum.ejections += read(loop.ejections);
  sum.held_requests += read(loop.held);
  sum.hold_refusals += read(loop.hold_refusals);
  sum.hold_timeouts += read(loop.hold_timeouts);
}

/// Sent to peers, in messages of these kinds.
template <class... Kinds>
std::uint64_t bytes_of(const cluster::cluster_metrics& c) {
  return (c.message_bytes_out[routing::replica_message{Kinds{}}.index()].value() + ...);
}

/// How long ago that was; 0 if it never was.
std::chrono::duration<double> since(std::optional<routing::time_point> then, routing::time_point now) {
  return then ? std::max(now - *then, routing::time_point::duration::zero()) : std::chrono::duration<double>{0};
}

void add(cluster_counts& to, const replica_totals& replicas, routing::time_point now) {
  to.shards_held = replicas.shards_held;
  to.push_lag = since(replicas.push_awaited_since, now);
  to.repairs = replicas.counted.repairs;
  to.repaired_hosts = replicas.counted.repaired_hosts;
  to.transferred_hosts = replicas.counted.transferred_hosts;
  to.granted_hosts = replicas.counted.granted_hosts;
}

cluster_counts counts_of(const metrics_sources& from, routing::time_point now) {
  const auto read = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  const auto& c = *from.cluster;
  const routing::time_point heard{
    routing::time_point::duration{c.lenders_heard.load(std::memory_order_relaxed)}};
  const bool borrows = heard != routing::time_point{};
  using namespace routing;
  cluster_counts counts{
    .links = c.links_open.value(),
    .links_opened = c.links_opened.value(),
    .shards_in_sync = read(c.shards_in_sync),
    .shards_ready = read(c.shards_ready),
    .queued_bytes = c.queued_bytes.value(),
    .bytes_in = c.bytes_in.value(),
    .bytes_out = c.bytes_out.value(),
    .frames_refused = c.frames_refused.value(),
    .overflows = c.overflows.value(),
    .strangers = c.strangers.value(),
    .lease_age = since(borrows ? std::optional{heard} : std::nullopt, now),
    .repair_bytes = bytes_of<slice_digest, bucket_digests, host_digests, slice_pull, slice_told>(c),
    .transfer_bytes = bytes_of<transfer_piece>(c),
    .foreign_messages = read(from.registrar.foreign),
    .changes_confirmed = read(from.confirmations->confirmed),
    .changes_pending = read(from.confirmations->pending),
    .snapshots_written = read(from.snapshots->written),
    .snapshot_failures = read(from.snapshots->failures),
    .snapshot_hosts = read(from.snapshots->hosts)};
  if (from.replicas != nullptr)
    add(counts, from.replicas->totals(), now);
  return counts;
}

} // namespace

metrics_snapshot read_metrics(const metrics_sources& from,
                              std::chrono::steady_clock::time_point now) {
  metrics_snapshot sum;
  sum.bounds = bounds_of(from);
  for (const auto* loop : from.loops)
    loop->add_to(sum.requests);
  for (const auto* writer : from.writers)
    writer->add_to(sum.registry);
  for (const auto& loop : from.router.counters)
    add(sum, *loop);
  if (const auto last = sum.registry.last_update)
    sum.since_registry_update = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::max(now - *last, std::chrono::steady_clock::duration::zero()));
  sum.invalid_registry_messages = from.registrar.rejected.load(std::memory_order_relaxed);
  sum.holding = from.router.hold_room->requests.load(std::memory_order_relaxed);
  sum.file_descriptors = open_file_descriptors();
  sum.buffered_messages = from.buffered_messages();
  sum.dropped_messages = from.dropped_messages();
  if (from.health_checks != nullptr) {
    for (std::size_t i = 0; i < sum.health_checks.size(); ++i)
      sum.health_checks[i] = from.health_checks->checks[i].load(std::memory_order_relaxed);
    sum.unhealthy_endpoints = from.health_checks->unhealthy.load(std::memory_order_relaxed);
  }
  if (from.restarts != nullptr)
    sum.restarts = {{"route-shard", from.restarts->route_shards.load(std::memory_order_relaxed)},
                    {"registrar", from.restarts->registrars.load(std::memory_order_relaxed)},
                    {"reservation-keeper", from.restarts->reservation_keepers.load(std::memory_order_relaxed)}};
  if (from.reservations != nullptr) {
    sum.reservations = from.reservations->held.load(std::memory_order_relaxed);
    sum.refused_reservations = from.reservations->refused.load(std::memory_order_relaxed);
    sum.reservation_write_failures =
      from.reservations->write_failures.load(std::memory_order_relaxed);
  }
  if (from.cluster != nullptr)
    sum.cluster = counts_of(from, now);
  if (from.routing_api != nullptr) {
    sum.token_fetch_errors = from.routing_api->token_fetch_errors.load(std::memory_order_relaxed);
    sum.subscribe_events_errors =
      from.routing_api->subscribe_events_errors.load(std::memory_order_relaxed);
  }
  if (from.loggregator != nullptr)
    sum.lost_envelopes = from.loggregator->lost();
  return sum;
}

} // namespace shunt::app
