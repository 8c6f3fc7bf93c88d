// What a changed file changes at once, and what it cannot.
#include "config/reload.hpp"
#include "config/schema.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Reload, FindsNothingInTheSameFile) {
  const settings defaults;
  const auto same = changes(defaults, defaults);
  EXPECT_THAT(same.at_once, IsEmpty());
  EXPECT_THAT(same.at_next_start, IsEmpty());
}

TEST(Reload, OpensAndClosesNoInternalListener) {
  EXPECT_TRUE(needs_restart("route_services_hairpinning"));
  EXPECT_TRUE(needs_restart("route_services_internal_server_port"));
  EXPECT_FALSE(needs_restart("route_services_hairpinning_allowlist"));
}

TEST(Reload, TellsWhatAppliesAtOnceFromWhatDoesNot) {
  const settings before;
  settings after;
  after.port = 1;
  after.endpoint_timeout = 7s;
  after.nats.user.push_back('u');
  after.index = 3;
  after.empty_pool.status = 418;
  after.empty_pool.keep = 1s;
  after.status.tls.certificate.push_back('n');
  after.status.tls.port = 1;
  after.status.user.push_back('u');
  after.prometheus.port = 1;
  after.prometheus.cert_path.push_back('n');
  const auto found = changes(before, after);
  EXPECT_THAT(found.at_once, ::testing::UnorderedElementsAre(
                               "endpoint_timeout", "nats.user", "empty_pool.status", "empty_pool.keep",
                               "status.tls.certificate", "status.user", "prometheus.cert_path"));
  EXPECT_THAT(found.at_next_start,
              ::testing::UnorderedElementsAre("port", "index", "status.tls.port", "prometheus.port"));
}

TEST(Reload, GoesOnWithTheOldValueOfWhatWaits) {
  settings started;
  started.isolation_segments = {"one"};
  auto read = started;
  read.isolation_segments = {"two"};
  read.go_max_procs = 7;
  read.nats.pass = "new";
  const auto now = usable_now(started, read);
  EXPECT_EQ(now.isolation_segments, started.isolation_segments);
  EXPECT_EQ(now.go_max_procs, started.go_max_procs);
  EXPECT_EQ(now.nats.pass, "new");
  EXPECT_THAT(changes(started, now).at_next_start, IsEmpty());
}

TEST(Reload, NeitherBeginsNorEndsToAskTheRoutingApi) {
  const settings without;
  settings with;
  with.routing_api.uri = "https://api.test";
  with.routing_api.port = 3000;
  with.oauth.client_secret = "secret";
  EXPECT_THAT(changes(without, with).at_next_start,
              ::testing::UnorderedElementsAre("routing_api.uri", "routing_api.port", "oauth.client_secret"));
  EXPECT_FALSE(usable_now(without, with).routing_api_enabled());
  EXPECT_TRUE(usable_now(with, without).routing_api_enabled());
  auto other = with;
  other.routing_api.port = 3001;
  other.oauth.client_secret = "new";
  EXPECT_EQ(usable_now(with, other).routing_api.port, 3001);
  EXPECT_THAT(changes(with, other).at_next_start, IsEmpty());
}

TEST(Reload, EveryKeyInTheListExists) {
  std::size_t fixed = 0;
  for (const auto& row : settings_schema())
    fixed += needs_restart(row.path);
  EXPECT_GT(fixed, 30u);
  for (const auto* key : {"port", "go_max_procs", "cluster.node.host", "store.path", "prometheus.meters.http_latency_histogram_buckets",
                          "publish_active_apps_interval"})
    EXPECT_TRUE(needs_restart(key)) << key;
  for (const auto* key : {"tls_pem", "ca_certs", "nats.hosts", "limits.connections", "logging.level", "hold.bytes",
                          "http_rewrite.responses.add_headers_if_not_present"})
    EXPECT_FALSE(needs_restart(key)) << key;
}

} // namespace
} // namespace shunt::config::test
