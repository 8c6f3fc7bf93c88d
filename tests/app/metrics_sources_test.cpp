// The snapshot: what loops and the writers of the table counted, each on its own, summed.
#include "app/metrics_sources.hpp"

#include "tests/net/log_capture.hpp"

#include <gtest/gtest.h>

namespace shunt::app {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::steady_clock::time_point start{1000s};

class MetricsSources : public testing::Test {
protected:
  MetricsSources() {
    router.counters.push_back(std::make_unique<loop_counters>());
    router.counters.push_back(std::make_unique<loop_counters>());
  }

  metrics_snapshot read(std::chrono::steady_clock::time_point now = start) const {
    return read_metrics(sources, now);
  }
  void join_cluster() {
    sources.cluster = &links;
    sources.confirmations = &confirmations;
    sources.snapshots = &snapshots;
    sources.replicas = &board;
  }

  config::settings settings;
  net::log_capture log;
  net::buffer_budget budget{1 << 20};
  router_context router{settings, *log.log, budget};
  registrar_counters registrar;
  net::request_metrics requests{settings};
  net::loop_metrics one{requests}, two{requests};
  net::registry_metrics_rules rules{settings};
  net::registry_metrics messages{rules}, shard{rules};
  metrics_sources sources{.router = router,
                          .registrar = registrar,
                          .requests = requests,
                          .loops = {&one, &two},
                          .registry = rules,
                          .writers = {&messages, &shard},
                          .buffered_messages = [] { return 11; },
                          .dropped_messages = [] { return 12; }};
  cluster::cluster_metrics links;
  confirmation_counters confirmations;
  snapshot_counters snapshots;
  replica_board board{3};
};

TEST_F(MetricsSources, AddWhatTheLoopsCount) {
  for (std::uint64_t by = 1; const auto& each : router.counters) {
    loop_counters::add(each->requests, by);
    loop_counters::add(each->rejected_requests, 10 * by);
    loop_counters::add(each->bad_gateways, 100 * by);
    loop_counters::add(each->backend_exhausted_conns, 1000 * by);
    loop_counters::add(each->malformed_requests, 2 * by);
    loop_counters::add(each->failed_handshakes, 3 * by);
    loop_counters::add(each->shed, 20 * by);
    loop_counters::add(each->streams, 4 * by);
    loop_counters::add(each->ejections, 6 * by);
    loop_counters::add(each->websocket_upgrades, 200 * by);
    loop_counters::add(each->websocket_failures, 2000 * by);
    loop_counters::add(each->connections, std::size_t{5});
    ++by;
  }
  one.request_ended({.status = 404, .total = 1s});
  two.request_ended({.status = 404, .total = 2s});
  const auto sum = read();
  EXPECT_EQ(sum.all_requests, 3u);
  EXPECT_EQ(sum.rejected_requests, 30u);
  EXPECT_EQ(sum.bad_gateways, 300u);
  EXPECT_EQ(sum.backend_exhausted_conns, 3000u);
  EXPECT_EQ(sum.malformed_requests, 6u);
  EXPECT_EQ(sum.failed_handshakes, 9u);
  EXPECT_EQ(sum.shed_requests, 60u);
  EXPECT_EQ(sum.http2_streams, 12u);
  EXPECT_EQ(sum.ejections, 18u);
  EXPECT_EQ(sum.websocket_upgrades, 600u);
  EXPECT_EQ(sum.websocket_failures, 6000u);
  EXPECT_EQ(sum.connections, 10u);
  EXPECT_EQ(sum.requests.duration.count(), 2u);
  EXPECT_EQ(sum.requests.duration.sum, 3);
}

TEST_F(MetricsSources, TellWhatTheHealthCheckerCounts) {
  EXPECT_EQ(read().health_checks, (std::array<std::uint64_t, net::probe_outcome_count>{}));
  health_check_counters checks;
  for (std::size_t i = 0; i < checks.checks.size(); ++i)
    checks.checks[i] = i + 1;
  checks.unhealthy = 7;
  sources.health_checks = &checks;
  const auto sum = read();
  EXPECT_EQ(sum.health_checks, (std::array<std::uint64_t, net::probe_outcome_count>{1, 2, 3, 4, 5}));
  EXPECT_EQ(sum.unhealthy_endpoints, 7u);
}

TEST_F(MetricsSources, TellWhatTheKeeperOfReservationsCounts) {
  EXPECT_EQ(read().reservations, 0u);
  reservation_counters kept;
  kept.held = 2;
  kept.refused = 3;
  kept.write_failures = 4;
  sources.reservations = &kept;
  const auto sum = read();
  EXPECT_EQ(sum.reservations, 2u);
  EXPECT_EQ(sum.refused_reservations, 3u);
  EXPECT_EQ(sum.reservation_write_failures, 4u);
}

TEST_F(MetricsSources, AddWhatTheTableCounts) {
  messages.registered("c", net::registry_action::refreshed);
  shard.registered("c", net::registry_action::added);
  shard.holds(4, 7);
  registrar.rejected = 3;
  const auto sum = read();
  EXPECT_EQ(sum.registry.components.at("c").registered,
            (std::array<std::uint64_t, net::registry_action_count>{1, 1, 0, 0}));
  EXPECT_EQ(sum.registry.routes, 4u);
  EXPECT_EQ(sum.registry.endpoints, 7u);
  EXPECT_EQ(sum.invalid_registry_messages, 3u);
  EXPECT_EQ(sum.buffered_messages, 11u);
  EXPECT_EQ(sum.dropped_messages, 12u);
  EXPECT_GT(sum.file_descriptors, 0u);
}

TEST_F(MetricsSources, KnowTheRoutingApiIfItIsAsked) {
  EXPECT_EQ(read().token_fetch_errors, 0u);
  net::routing_api_counters api;
  api.token_fetch_errors = 2;
  api.subscribe_events_errors = 3;
  sources.routing_api = &api;
  EXPECT_EQ(read().token_fetch_errors, 2u);
  EXPECT_EQ(read().subscribe_events_errors, 3u);
}

TEST_F(MetricsSources, KnowWhatLoggregatorMissed) {
  EXPECT_EQ(read().lost_envelopes, 0u);
  net::metron nowhere{"127.0.0.1:3457", [](std::string_view, std::string_view) {}}; // It is never looked up.
  sources.loggregator = &nowhere;
  nowhere.send("nobody reads this");
  EXPECT_EQ(read().lost_envelopes, 1u);
}

TEST_F(MetricsSources, TellOfCopiesOnOtherNodes) {
  EXPECT_FALSE(read().cluster);
  join_cluster();
  routing::shard_replica alone{{}, {.clustered = true, .in_sync = true}, start};
  board.set(0, alone, {.repaired_hosts = 1, .repairs = 2, .transferred_hosts = 3, .granted_hosts = 4});
  board.set(1, alone, {.repaired_hosts = 10, .repairs = 20, .transferred_hosts = 30, .granted_hosts = 40});
  links.lenders_heard = (start - 3s).time_since_epoch().count();
  links.message_bytes_out[routing::replica_message{routing::slice_digest{}}.index()].add(5);
  links.message_bytes_out[routing::replica_message{routing::slice_told{}}.index()].add(6);
  links.message_bytes_out[routing::replica_message{routing::transfer_piece{}}.index()].add(7);
  links.message_bytes_out[routing::replica_message{routing::lease_changed{}}.index()].add(8);
  const auto sum = *read().cluster;
  EXPECT_EQ(sum.shards_held, 3u);
  EXPECT_EQ(sum.repaired_hosts, 11u);
  EXPECT_EQ(sum.repairs, 22u);
  EXPECT_EQ(sum.transferred_hosts, 33u);
  EXPECT_EQ(sum.granted_hosts, 44u);
  EXPECT_EQ(sum.repair_bytes, 11u);
  EXPECT_EQ(sum.transfer_bytes, 7u);
  EXPECT_EQ(sum.lease_age, 3s);
  EXPECT_EQ(sum.push_lag, 0s);

  links.lenders_heard = 0;
  EXPECT_EQ(read().cluster->lease_age, 0s) << "nothing is borrowed";
}

TEST_F(MetricsSources, TellHowLongAgoABorrowerWasTold) {
  join_cluster();
  routing::shard_replica lender{{}, {.clustered = true, .in_sync = true}, start};
  lender.receive(1, routing::lease_start{.lease = 1}, start);
  board.set(1, lender, {});
  EXPECT_EQ(read(start + 1s).cluster->push_lag, 0s);
  lender.doubt(start); // Which it tells whoever borrows.
  (void)lender.take_changes(start);
  board.set(1, lender, {});
  EXPECT_EQ(read(start + 1s).cluster->push_lag, 1s);
}

TEST_F(MetricsSources, TellTheAgeOfTheTable) {
  EXPECT_EQ(read().since_registry_update, std::nullopt);
  messages.heard(start);
  EXPECT_EQ(read(start + 1500ms).since_registry_update, 1500ms);
  EXPECT_EQ(read(start - 1s).since_registry_update, 0ms) << "heard while the snapshot was taken";
}

TEST_F(MetricsSources, KnowTheBucketsOfTheSettings) {
  const auto sum = read();
  const auto& meters = settings.prometheus.meters;
  EXPECT_EQ(sum.bounds.latency, meters.routing_response_latency_histogram_buckets);
  EXPECT_EQ(sum.bounds.gorouter_time, meters.gorouter_time_histogram_buckets);
  EXPECT_EQ(sum.bounds.lookup_time, meters.route_lookup_time_histogram_buckets);
  EXPECT_EQ(sum.bounds.http_latency, meters.http_latency_histogram_buckets);
  EXPECT_EQ(sum.bounds.registration_latency, meters.route_registration_latency_histogram_buckets);
  EXPECT_EQ(sum.bounds.duration.size() + 1, sum.requests.duration.counts.size());
}

} // namespace
} // namespace shunt::app
