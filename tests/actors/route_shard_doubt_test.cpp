// When a shard stops denying what it does not know, and what it forgets with time.
#include "actors/policy.hpp"
#include "tests/actors/support/route_shard_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt {
namespace {

using namespace std::literals;
using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class RouteShardInDoubt : public route_shard_fixture {};

TEST_F(RouteShardInDoubt, DatesBackWhatWaitedWhileTheProcessStoodStill) {
  options.rules.stale_threshold = 120s;
  options.prune_interval = 1s;
  start();
  const auto now = scheduler().clock().now();
  auto late = batch_of({registered("late.example", 80)}), lay = batch_of({registered("lay.example", 80)});
  late.source = lay.source = std::make_shared<net::nats_batch>();
  late.source->pulled_at = now;
  late.source->waited_since = now - 121s;
  tell(shard, late);
  lay.source = std::make_shared<net::nats_batch>();
  lay.source->pulled_at = now - 121s; // In a mailbox.
  tell(shard, lay);
  hear({registered("a.example", 80)});
  const auto is_empty = [this](const char* uri) { return list_all().at(uri) == "[]"; };
  EXPECT_FALSE(is_empty("late.example") || is_empty("lay.example"));
  advance(1s);
  EXPECT_FALSE(is_empty("a.example"));
  EXPECT_TRUE(is_empty("late.example") && is_empty("lay.example"));
}

// -- Doubt

TEST_F(RouteShardInDoubt, DeniesNothingWithoutNats) {
  start();
  lease("a.example");
  tell(shard, nats_changed{.connected = false});
  const auto heard = news();
  ASSERT_THAT(heard.pushes, SizeIs(1));
  EXPECT_FALSE(heard.pushes.front().in_sync);
  EXPECT_EQ(heard.pushes.front().changes, nullptr);
  advance(1h);
  lease("b.example");
  EXPECT_FALSE(record.grants.front().in_sync);
}

TEST_F(RouteShardInDoubt, DeniesNothingAfterItStoodStillBeforeItHasHeardWhatWasSaidMeanwhile) {
  options.pauses = std::make_shared<net::standstill>();
  const auto soon = std::chrono::steady_clock::now() + 24h; // Ahead of the clock, which then changes nothing.
  options.pauses->beat(soon);
  options.cluster = own(system.spawn(deaf_cluster));
  start();
  lease("a.example");
  ASSERT_TRUE(record.grants.back().in_sync);
  options.pauses->beat(soon + 1h);
  lease("b.example");
  ASSERT_THAT(record.pushes, SizeIs(1)) << "who relies on it is to know";
  EXPECT_FALSE(record.pushes.front().in_sync);
  EXPECT_FALSE(record.grants.back().in_sync);
  options.pauses->caught_up(1);
  lease("c.example");
  EXPECT_TRUE(record.grants.back().in_sync);
}

TEST_F(RouteShardInDoubt, IsCertainAgainWhenEverybodyHadTimeToRegister) {
  start();
  lease("a.example");
  tell(shard, nats_changed{.connected = false});
  tell(shard, nats_changed{.connected = true});
  news();
  advance(options.register_interval - push_time - 1ms);
  lease("b.example");
  EXPECT_FALSE(std::exchange(record, {}).grants.front().in_sync);
  advance(1ms);
  const auto heard = news();
  ASSERT_THAT(heard.pushes, SizeIs(1));
  EXPECT_TRUE(heard.pushes.front().in_sync);
}

TEST_F(RouteShardInDoubt, CountsTheTimeFromTheLastLoss) {
  start();
  tell(shard, nats_changed{.connected = false});
  tell(shard, nats_changed{.connected = true});
  advance(3s);
  tell(shard, nats_changed{.connected = false});
  tell(shard, nats_changed{.connected = true});
  advance(3s);
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
  advance(2s);
  lease("a.example");
  EXPECT_TRUE(record.grants.back().in_sync);
}

TEST_F(RouteShardInDoubt, DoubtsAsLongAsMessagesAreDropped) {
  start();
  tell(shard, nats_changed{.connected = true, .dropped = true});
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
  advance(1h); // Nobody repeats what was lost before it is asked to.
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
}

TEST_F(RouteShardInDoubt, IsCertainAgainWhenEverybodyHadTimeToRepeatWhatWasDropped) {
  start();
  tell(shard, nats_changed{.connected = true, .dropped = true});
  advance(1h);
  tell(shard, nats_changed{.connected = true}); // They are asked now.
  advance(options.register_interval - 1ms);
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
  advance(1ms);
  lease("a.example");
  EXPECT_TRUE(record.grants.back().in_sync);
}

TEST_F(RouteShardInDoubt, DeniesNothingWhileTheRoutingApiIsNotFollowed) {
  start();
  tell(shard, routing_api_changed{.followed = false});
  tell(shard, nats_changed{.connected = true}); // Which says nothing of the API.
  advance(1h);
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
  tell(shard, routing_api_changed{.followed = true});
  advance(options.register_interval);
  lease("a.example");
  EXPECT_TRUE(record.grants.back().in_sync);
}

TEST_F(RouteShardInDoubt, DoubtsForAWhileWhenEverybodyIsAsked) {
  start();
  tell(shard, registrations_asked{});
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
  advance(options.register_interval);
  lease("a.example");
  EXPECT_TRUE(record.grants.back().in_sync);
}

TEST_F(RouteShardInDoubt, HearsNobodyForCertainWithoutNatsOrWhileMessagesAreDropped) {
  for (const auto trouble :
       {nats_changed{.connected = false}, nats_changed{.connected = true, .dropped = true}}) {
    start();
    tell(shard, trouble);
    tell(shard, registrations_asked{});
    advance(1h);
    lease("a.example");
    EXPECT_FALSE(record.grants.back().in_sync);
  }
}

TEST_F(RouteShardInDoubt, TakesDroppedMessagesForNoSignOfAConnection) {
  start();
  tell(shard, nats_changed{.connected = false});
  tell(shard, nats_changed{.connected = true, .dropped = true}); // Reported late.
  advance(1h);
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
}

TEST_F(RouteShardInDoubt, BeginsInDoubtAsTheSuccessorOfOneThatDied) {
  options.in_sync = false;
  start();
  advance(1h); // Nobody was asked to register anew.
  lease("a.example");
  EXPECT_FALSE(record.grants.back().in_sync);
  tell(shard, registrations_asked{});
  advance(options.register_interval);
  lease("a.example");
  EXPECT_TRUE(record.grants.back().in_sync);
}

// -- Ageing

TEST_F(RouteShardInDoubt, ForgetsEndpointsThatStoppedRegistering) {
  options.prune_interval = 30s;
  start();
  hear({registered("a.example", 1), registered("a.example", 2)});
  lease("a.example");
  advance(90s);
  hear({registered("a.example", 2)});
  news();
  advance(60s);
  const auto heard = news();
  ASSERT_THAT(heard.pushes, SizeIs(1));
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), ElementsAre("127.0.0.1:2"));
  const auto lines = log.lines("pruned-route");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["data"]["uri"], "a.example");
  EXPECT_THAT(lines[0]["data"]["endpoints"], ElementsAre("127.0.0.1:1"));
}

TEST_F(RouteShardInDoubt, PrunesByWhatTheFileSaysNow) {
  start();
  hear({registered("a.example", 1)});
  advance(24h);
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), ElementsAre("127.0.0.1:1")) << "it never prunes";
  config::settings settings;
  settings.prune_stale_droplets_interval = 3s;
  settings.droplet_stale_threshold = 10s;
  const auto follow = [&] { tell(shard, use_policy{std::make_shared<const policy>(settings)}); };
  follow();
  hear({registered("a.example", 1)});
  advance(9s);
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), ElementsAre("127.0.0.1:1"));
  advance(3s);
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), IsEmpty());
  settings.prune_stale_droplets_interval = 0s;
  follow();
  hear({registered("a.example", 1)});
  advance(24h);
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), ElementsAre("127.0.0.1:1"));
}

TEST_F(RouteShardInDoubt, ForgetsEmptyRoutesByWhatTheFileSaysNow) {
  start();
  hear({registered("a.example", 1)});
  tell(shard, batch_of({unregistered("a.example", 1)}));
  EXPECT_THAT(list_all(), SizeIs(1));
  config::settings settings;
  settings.prune_stale_droplets_interval = 3s;
  settings.empty_pool.keep = 1s;
  tell(shard, use_policy{std::make_shared<const policy>(settings)});
  advance(3s);
  EXPECT_THAT(list_all(), IsEmpty());
}

TEST_F(RouteShardInDoubt, PrunesALargeTableInManySteps) {
  options.prune_interval = 200s;
  start();
  for (int i = 0; i < 3'000; ++i)
    hear({registered("host-" + std::to_string(i) + ".example", 1)});
  advance(200s);
  for (const auto* host : {"host-0.example", "host-1500.example", "host-2999.example"}) {
    lease(host);
    EXPECT_THAT(addresses_of(record.grants.back()), IsEmpty()) << host;
  }
}

TEST_F(RouteShardInDoubt, NeverPrunesWithoutAnInterval) {
  start();
  hear({registered("a.example", 1)});
  advance(24h);
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), SizeIs(1));
}

TEST_F(RouteShardInDoubt, LogsWhenACycleOfPruningBeginsAndEndsIfItIsTheFirst) {
  options.prune_interval = 30s;
  options.index = 0;
  start();
  advance(30s);
  advance(30s);
  for (const auto* message : {"start-pruning-routes", "finished-pruning-routes"}) {
    const auto lines = log.lines(message);
    ASSERT_THAT(lines, SizeIs(2)) << message;
    EXPECT_EQ(lines[0]["log_level"], 0);
  }
}

TEST_F(RouteShardInDoubt, LeavesItToTheFirstOfAllToSayWhenACycleOfPruningBeginsAndEnds) {
  options.prune_interval = 30s;
  start();
  advance(30s);
  EXPECT_THAT(log.lines("start-pruning-routes"), IsEmpty());
  EXPECT_THAT(log.lines("finished-pruning-routes"), IsEmpty());
}

TEST_F(RouteShardInDoubt, LeavesItToTheFirstOfAllToSayThatPruningIsSuspended) {
  options.prune_interval = 30s;
  options.suspend_pruning_without_nats = true;
  start();
  tell(shard, nats_changed{.connected = false});
  advance(30s);
  EXPECT_THAT(log.lines("prune-suspended"), IsEmpty());
}

TEST_F(RouteShardInDoubt, SuspendsPruningWithoutNatsIfAskedTo) {
  options.index = 0;
  options.prune_interval = 30s;
  options.suspend_pruning_without_nats = true;
  start();
  hear({registered("a.example", 1)});
  tell(shard, nats_changed{.connected = false});
  for (int i = 0; i < 20; ++i)
    advance(30s);
  EXPECT_THAT(log.lines("prune-suspended"), SizeIs(20));
  tell(shard, nats_changed{.connected = true});
  advance(30s); // Counts everything as heard, because nobody could be.
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), SizeIs(1));
  for (int i = 0; i < 5; ++i)
    advance(30s);
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), IsEmpty());
}

TEST_F(RouteShardInDoubt, GoesOnPruningWithoutNatsIfNotAskedToSuspend) {
  options.prune_interval = 30s;
  start();
  hear({registered("a.example", 1)});
  tell(shard, nats_changed{.connected = false});
  for (int i = 0; i < 5; ++i)
    advance(30s);
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), IsEmpty());
}

} // namespace
} // namespace shunt
