// Endpoints that stop registering, and what happens to the table while NATS is away.
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

namespace shunt::test {
namespace {

const std::string cycle = slowed_text(100ms);

/// Whether `condition` is true again and again until `time` is over.
template <class Condition>
bool stays(Condition&& condition, milliseconds time) {
  return !eventually([&] { return !condition(); }, time);
}

class Pruning : public SharedStage<Pruning> {
public:
  static nlohmann::json configuration() {
    return {{"prune_stale_droplets_interval", cycle}, {"droplet_stale_threshold", "60s"}};
  }
};

TEST_F(Pruning, ForgetsPlainEndpointsThatStoppedRegisteringAndOnlyThose) {
  const backend stale;
  const backend fresh;
  const auto host = fresh_host();
  here().map(host, stale, {{"stale_threshold_in_seconds", 1}});
  here().map(host, fresh, {{"stale_threshold_in_seconds", 1}});
  here().map("tls." + host, stale.port(),
             {{"tls_port", stale.port()}, {"stale_threshold_in_seconds", 1}});
  EXPECT_TRUE(eventually([&] {
    here().bus.announce(fresh.port(), host, {{"stale_threshold_in_seconds", 1}});
    return !here().under_test.lists(host, stale.address());
  }));
  EXPECT_TRUE(here().under_test.lists(host, fresh.address()));
  EXPECT_TRUE(here().under_test.lists("tls." + host, stale.address()));
  const auto logged = here().under_test.wait_for_log("pruned-route");
  EXPECT_EQ(logged.at("data").at("uri"), host);
  EXPECT_EQ(logged.at("data").at("endpoints"), nlohmann::json{stale.address()});
  EXPECT_EQ(logged.at("data").at("isolation_segment"), "-");
  EXPECT_EQ(logged.at("log_level"), 1);
}

TEST_F(Pruning, LeavesARouteThatIsKnownToExist) {
  const backend there;
  const auto host = here().mapped(there, {{"stale_threshold_in_seconds", 1}});
  EXPECT_EQ(here().get(host).status, 200);
  EXPECT_TRUE(here().eventually_answers(host, "/", 503));
}

TEST_F(Pruning, TakesTheSmallerOfTheTwoThresholds) {
  const backend there;
  here().map("big.prune.test", there, {{"stale_threshold_in_seconds", 1000}});
  here().map("own.prune.test", there, {{"stale_threshold_in_seconds", 30}});
  here().map("none.prune.test", there);
  const auto routes = here().under_test.routes();
  EXPECT_EQ(routes.at("big.prune.test").at(0).at("ttl"), 60);
  EXPECT_EQ(routes.at("own.prune.test").at(0).at("ttl"), 30);
  EXPECT_EQ(routes.at("none.prune.test").at(0).at("ttl"), 60);
}

class NatsOutage : public testing::Test {
protected:
  stage here{{{"prune_stale_droplets_interval", cycle},
              {"droplet_stale_threshold", "1s"},
              {"suspend_pruning_if_nats_unavailable", true}}};
};

TEST_F(NatsOutage, LosesNoRouteAndTakesNewOnesAfterwards) {
  const backend there;
  const auto host = here.mapped(there);
  here.nats.stop();
  here.under_test.wait_for_log("nats-connection-disconnected");
  // Twice the threshold, so that the endpoint is stale by any reckoning.
  EXPECT_TRUE(stays([&] { return here.get(host).status == 200; }, 2000ms));
  here.nats.start();
  here.under_test.wait_for_log("nats-connection-reconnected");
  EXPECT_EQ(here.get(host).status, 200);
  here.map("new." + host, there);
  EXPECT_EQ(here.get("new." + host).status, 200);
  // And then pruning goes on: nobody registers this any more.
  EXPECT_TRUE(here.eventually_answers(host, "/", 503));
}

TEST_F(NatsOutage, IsFollowedByTheCallForRegistrations) {
  here.bus.listen("router.start");
  bool heard = false;
  for (int outage = 0; outage < 3 && !heard; ++outage) { // The router may be back before us.
    here.nats.stop();
    here.nats.start();
    heard = here.bus.next(4s).has_value();
  }
  EXPECT_TRUE(heard);
}

} // namespace
} // namespace shunt::test
