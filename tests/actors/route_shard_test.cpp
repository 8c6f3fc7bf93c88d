// What a shard tells those who lease from it, and those who ask for all it knows.
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

class RouteShard : public route_shard_fixture {};

// -- Leases

TEST_F(RouteShard, GrantsAllItKnowsOfAHost) {
  start();
  hear({registered("a.example", 1), registered("a.example", 2), registered("a.example/deep", 3),
        registered("b.example", 4)});
  lease("a.example");
  ASSERT_THAT(record.grants, SizeIs(1));
  const auto& granted = record.grants.front();
  EXPECT_EQ(granted.shard, 3u);
  EXPECT_EQ(granted.incarnation, 7u);
  EXPECT_TRUE(granted.in_sync);
  EXPECT_EQ(granted.grant->host, "a.example");
  EXPECT_THAT(addresses_of(granted), ElementsAre("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_THAT(addresses_of(granted, "deep"), ElementsAre("127.0.0.1:3"));
}

TEST_F(RouteShard, GrantsAMissAndTellsWhenItIsNoneAnyMore) {
  start();
  lease("new.example");
  ASSERT_THAT(record.grants, SizeIs(1));
  EXPECT_THAT(record.grants.front().grant->paths, IsEmpty());
  hear({registered("new.example", 1)});
  const auto heard = news();
  ASSERT_THAT(heard.pushes, SizeIs(1));
  EXPECT_THAT(hosts_of(heard.pushes.front()), ElementsAre("new.example"));
}

TEST_F(RouteShard, SaysNothingOfHostsThatNobodyLeases) {
  start();
  lease("a.example");
  hear({registered("b.example", 1)});
  EXPECT_THAT(news().pushes, IsEmpty());
}

TEST_F(RouteShard, SaysNothingWhenARegistrationChangesNothing) {
  start();
  hear({registered("a.example", 1)});
  lease("a.example");
  news();
  hear({registered("a.example", 1)});
  EXPECT_THAT(news().pushes, IsEmpty());
}

TEST_F(RouteShard, PushesAtOnceAfterAQuietTimeAndThenAtMostEveryTenMilliseconds) {
  start();
  lease("a.example");
  advance(push_time);
  hear({registered("a.example", 1)});
  EXPECT_THAT(record.pushes, SizeIs(1));
  for (std::uint16_t port = 2; port < 12; ++port)
    hear({registered("a.example", port)});
  advance(push_time - 1ms);
  EXPECT_THAT(record.pushes, SizeIs(1));
  advance(1ms);
  ASSERT_THAT(record.pushes, SizeIs(2));
  const auto& changes = *record.pushes.back().changes;
  ASSERT_THAT(changes, SizeIs(1));
  ASSERT_THAT(changes.front().paths, SizeIs(1));
  EXPECT_THAT(changes.front().paths.front().endpoints, SizeIs(10));
}

TEST_F(RouteShard, NumbersItsPushesAndGrantsByTheLatest) {
  start();
  lease("a.example");
  const auto first = record.grants.back().sequence;
  hear({registered("a.example", 1)});
  advance(push_time);
  hear({registered("a.example", 2)});
  const auto heard = news();
  ASSERT_THAT(heard.pushes, SizeIs(2));
  EXPECT_EQ(heard.pushes[0].sequence, first + 1);
  EXPECT_EQ(heard.pushes[1].sequence, first + 2);
  EXPECT_EQ(heard.pushes[1].incarnation, 7u);
  EXPECT_EQ(heard.pushes[1].shard, 3u);
  lease("b.example");
  EXPECT_EQ(record.grants.back().sequence, first + 2);
}

TEST_F(RouteShard, PushesWhatWaitsBeforeItGrants) {
  start();
  lease("a.example");
  hear({registered("a.example", 1)});
  hear({registered("a.example", 2)}); // Waits for its turn...
  tell(shard, lease_host{"a.example", other_holder});
  ASSERT_THAT(record.pushes, SizeIs(2)); // ...which came with the other's lease.
  ASSERT_THAT(other_record.grants, SizeIs(1));
  EXPECT_EQ(other_record.grants.front().sequence, record.pushes.back().sequence);
  other_record.clear();
  EXPECT_THAT(news().pushes, SizeIs(2));
  EXPECT_THAT(other_record.pushes, IsEmpty()); // Its grant had it all.
}

TEST_F(RouteShard, PushesUntilTheLastHolderDropsTheLease) {
  start();
  lease("a.example");
  tell(shard, lease_host{"a.example", other_holder});
  tell(shard, drop_lease{"a.example", holder});
  hear({registered("a.example", 1)});
  advance(push_time);
  EXPECT_THAT(other_record.pushes, SizeIs(1));
  tell(shard, drop_lease{"a.example", other_holder});
  hear({registered("a.example", 2)});
  advance(push_time);
  EXPECT_THAT(other_record.pushes, SizeIs(1));
}

TEST_F(RouteShard, IgnoresADropOfALeaseItNeverGave) {
  start();
  tell(shard, drop_lease{"a.example", holder});
  lease("a.example");
  hear({registered("a.example", 1)});
  EXPECT_THAT(news().pushes, SizeIs(1));
}

TEST_F(RouteShard, IgnoresADropOfALeaseThatOnlyAnotherHas) {
  start();
  lease("a.example");
  tell(shard, drop_lease{"a.example", other_holder}); // Unknown to the shard.
  tell(shard, lease_host{"b.example", other_holder});
  tell(shard, drop_lease{"a.example", other_holder}); // Known, but never granted this one.
  hear({registered("a.example", 1)});
  EXPECT_THAT(news().pushes, SizeIs(1));
}

TEST_F(RouteShard, CountsALeaseThatIsAskedForTwiceOnce) {
  start();
  lease("a.example");
  lease("a.example");
  EXPECT_THAT(record.grants, SizeIs(2));
  tell(shard, drop_lease{"a.example", holder});
  hear({registered("a.example", 1)});
  EXPECT_THAT(news().pushes, IsEmpty());
}

TEST_F(RouteShard, TellsWhenTheLastEndpointLeft) {
  start();
  hear({registered("a.example", 1)});
  lease("a.example");
  advance(push_time);
  hear({unregistered("a.example", 1)});
  const auto heard = news();
  ASSERT_THAT(heard.pushes, SizeIs(1));
  EXPECT_EQ(heard.pushes.front().changes->front().paths.front().now,
            routing::path_change::state::empty);
}

// -- Wildcards

TEST_F(RouteShard, GrantsEveryWildcardAndThenSaysThatTheseWereAll) {
  start();
  hear({registered("*.one.example", 1), registered("*.two.example", 2),
        registered("plain.example", 3)});
  tell(shard, lease_wildcards{holder});
  ASSERT_THAT(record.grants, SizeIs(3));
  std::set<std::string> granted{record.grants[0].grant->host, record.grants[1].grant->host};
  EXPECT_THAT(granted, ElementsAre("*.one.example", "*.two.example"));
  EXPECT_EQ(record.grants[2].grant, nullptr);
}

TEST_F(RouteShard, PushesWildcardsToEveryHolder) {
  start();
  tell(shard, lease_wildcards{holder});
  tell(shard, lease_wildcards{other_holder});
  advance(push_time);
  hear({registered("*.new.example", 1)});
  for (const auto* each : {&record, &other_record}) {
    ASSERT_THAT(each->pushes, SizeIs(1));
    EXPECT_THAT(hosts_of(each->pushes.front()), ElementsAre("*.new.example"));
  }
}

// -- Failures

TEST_F(RouteShard, TellsEverybodyOfAFailedEndpoint) {
  start();
  hear({registered("a.example", 1), registered("a.example", 2)});
  lease("a.example");
  advance(push_time);
  tell(shard, endpoint_failed{"a.example", "", "127.0.0.1:2", false});
  const auto heard = news();
  ASSERT_THAT(heard.pushes, SizeIs(1));
  const auto& changed = heard.pushes.front().changes->front().paths.front().endpoints;
  ASSERT_THAT(changed, SizeIs(1));
  EXPECT_EQ(changed.front().what, routing::endpoint_change::kind::mark);
  EXPECT_EQ(changed.front().target->address(), "127.0.0.1:2");
  const auto lines = log.lines("endpoint-marked-as-ineligible");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["data"]["route-endpoint"]["Addr"], "127.0.0.1:2");
}

TEST_F(RouteShard, RemovesAFailedTlsEndpoint) {
  start();
  hear({registered("a.example", 1), registered("a.example", 2, [](auto& e) {
          e.tls = true;
          e.app = "guid";
          e.availability_zone = "z1";
        })});
  lease("a.example");
  tell(shard, endpoint_failed{"a.example", "", "127.0.0.1:2", true});
  lease("a.example");
  EXPECT_THAT(addresses_of(record.grants.back()), ElementsAre("127.0.0.1:1"));
  const auto lines = log.lines("prune-failed-endpoint");
  ASSERT_THAT(lines, SizeIs(1));
  const auto& endpoint = lines[0]["data"]["route-endpoint"];
  EXPECT_EQ(endpoint["ApplicationId"], "guid");
  EXPECT_EQ(endpoint["Addr"], "127.0.0.1:2");
  EXPECT_EQ(endpoint["AZ"], "z1");
}

TEST_F(RouteShard, IgnoresTheFailureOfAnEndpointItDoesNotKnow) {
  start();
  hear({registered("a.example", 1)});
  lease("a.example");
  advance(push_time);
  tell(shard, endpoint_failed{"a.example", "", "127.0.0.1:9", false});
  tell(shard, endpoint_failed{"a.example", "other", "127.0.0.1:1", false});
  tell(shard, endpoint_failed{"b.example", "", "127.0.0.1:1", false});
  EXPECT_THAT(news().pushes, IsEmpty());
}

// -- Listing

TEST_F(RouteShard, ListsRoutesAsTheirJson) {
  start();
  hear({registered("A.example/Path", 1), registered("b.example", 2)});
  EXPECT_THAT(list_all(), ElementsAre(Pair("a.example/path", testing::HasSubstr(":1\"")),
                                      Pair("b.example", testing::HasSubstr(":2\""))));
}

TEST_F(RouteShard, ListsALargeTableInPieces) {
  start();
  for (int i = 0; i < 2'000; ++i)
    hear({registered("host-" + std::to_string(i) + ".example", 1)});
  const auto first = list();
  EXPECT_NE(first.next, routing::slice::walk_end);
  EXPECT_LE(first.routes.size(), 1'000u);
  EXPECT_THAT(list_all(), SizeIs(2'000));
}

TEST_F(RouteShard, ListsRoutesWithoutEndpointsToo) {
  start();
  hear({registered("a.example", 1), unregistered("a.example", 1)});
  EXPECT_THAT(list_all(), ElementsAre(Pair("a.example", "[]")));
}

// -- Settings

TEST(RouteShardOptions, FollowTheSettings) {
  config::settings settings;
  settings.prune_stale_droplets_interval = 7s;
  settings.droplet_stale_threshold = 70s;
  settings.start_response_delay_interval = 3s;
  settings.suspend_pruning_if_nats_unavailable = true;
  settings.routing_table_sharding_mode = config::routing_table_sharding_mode::shared_and_segments;
  settings.isolation_segments = {"one"};
  settings.empty_pool.keep = 1h;
  settings.empty_pool.keep_routes_max = 10;
  const auto options = route_shard_options_of(settings, 2, 4);
  EXPECT_EQ(options.index, 2u);
  EXPECT_TRUE(options.in_sync);
  EXPECT_EQ(options.prune_interval, 7s);
  EXPECT_EQ(options.register_interval, 3s);
  EXPECT_EQ(options.return_interval, 2s);
  EXPECT_TRUE(options.suspend_pruning_without_nats);
  EXPECT_EQ(options.rules.stale_threshold, 70s);
  EXPECT_EQ(options.rules.sharding, routing::segment_mode::shared_and_segments);
  EXPECT_THAT(options.rules.isolation_segments, ElementsAre("one"));
  EXPECT_EQ(options.rules.keep, 1h);
  EXPECT_EQ(options.rules.keep_routes_max, 3u); // A quarter, rounded up.
  EXPECT_FALSE(options.rules.legacy);

  settings.empty_pool_response_code_503 = false;
  EXPECT_TRUE(route_shard_options_of(settings, 0, 1).rules.legacy);
}

} // namespace
} // namespace shunt
