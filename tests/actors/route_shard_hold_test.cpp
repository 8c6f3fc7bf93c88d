// What a shard tells those whose requests wait for a first endpoint, and the world about them.
#include "tests/actors/support/route_shard_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt {
namespace {

using namespace std::literals;
using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class RouteShardHold : public route_shard_fixture {
protected:
  RouteShardHold() {
    options.hold.requests_per_route = 2;
    options.demand = own(system.spawn([this]() -> demand_publisher_actor::behavior_type {
      return {[this](const route_demand& said) { demands.push_back(said); }};
    }));
  }

  void reserve(const std::string& host, const std::string& app = {}) {
    auto made = std::make_shared<std::vector<routing::reservation>>(1);
    made->front().host = host;
    made->front().app = app;
    made->front().until = scheduler().clock().now() + 1h;
    tell(shard, reserve_routes{std::move(made)});
  }
  void hold(const std::string& host, std::uint64_t id, const lease_cache_actor& of) {
    tell(shard, hold_request{host, "", id, 100, false, of});
  }
  void release(const std::string& host, std::uint64_t id) {
    tell(shard, release_hold{host, "", id, holder});
  }
  static std::vector<std::uint64_t> ids(const std::vector<hold_over>& of) {
    std::vector<std::uint64_t> out;
    for (const auto& each : of)
      out.push_back(each.id);
    return out;
  }

  std::vector<route_demand> demands;
};

TEST_F(RouteShardHold, SendsOffWhoeverWaitsBehindThePushOfTheEndpoint) {
  start();
  reserve("a.example");
  lease("a.example");
  news();
  hold("a.example", 1, holder);
  hold("a.example", 2, other_holder);
  EXPECT_THAT(record.holds_over, IsEmpty());
  hear({registered("b.example", 9)}); // Uses up the turn of a push at once.
  hear({registered("a.example", 1)});
  EXPECT_THAT(record.pushes, SizeIs(1)) << "not after ten milliseconds";
  EXPECT_THAT(ids(record.holds_over), ElementsAre(1));
  EXPECT_THAT(ids(other_record.holds_over), ElementsAre(2));
  EXPECT_FALSE(record.holds_over.front().refused);
}

TEST_F(RouteShardHold, LetsNobodyWaitForWhatIsThereOrIsNotKnown) {
  start();
  hear({registered("a.example", 1)});
  hold("a.example", 1, holder);
  hold("gone.example", 2, holder);
  EXPECT_THAT(ids(record.holds_over), ElementsAre(1, 2));
}

TEST_F(RouteShardHold, RefusesWhoeverFindsNoRoom) {
  start();
  reserve("a.example");
  for (const std::uint64_t id : {1, 2, 3})
    hold("a.example", id, holder);
  ASSERT_THAT(ids(record.holds_over), ElementsAre(3));
  EXPECT_TRUE(record.holds_over.front().refused);
  release("a.example", 1);
  hold("a.example", 4, holder);
  EXPECT_THAT(record.holds_over, SizeIs(1));
}

TEST_F(RouteShardHold, SendsTheNextOffWhenOneIsThrough) {
  options.conns_per_endpoint = 1;
  start();
  reserve("a.example");
  hold("a.example", 1, holder);
  hold("a.example", 2, holder);
  hear({registered("a.example", 1)});
  EXPECT_THAT(ids(record.holds_over), ElementsAre(1));
  release("a.example", 1);
  EXPECT_THAT(ids(record.holds_over), ElementsAre(1, 2));
}

TEST_F(RouteShardHold, TellsWhoeverWaitsThatTheReservationEnded) {
  start();
  reserve("a.example");
  hold("a.example", 1, holder);
  tell(shard, unreserve_routes{std::make_shared<std::vector<std::pair<std::string, std::string>>>(
                1, std::pair{"a.example"s, ""s})});
  EXPECT_THAT(ids(record.holds_over), ElementsAre(1));
}

TEST_F(RouteShardHold, SaysAtOnceAndThenEverySecondThatAnAppIsWanted) {
  start();
  reserve("a.example", "guid");
  hold("a.example", 1, holder);
  ASSERT_THAT(demands, SizeIs(1));
  EXPECT_EQ(demands[0].uri, "a.example/");
  EXPECT_EQ(demands[0].app, "guid");
  EXPECT_EQ(demands[0].waiting, 1u);
  hold("a.example", 2, holder);
  release("a.example", 2);
  release("a.example", 1);
  hold("a.example", 3, holder);
  EXPECT_THAT(demands, SizeIs(1)) << "once a second";
  advance(1s);
  EXPECT_THAT(demands, SizeIs(2));
  release("a.example", 3);
  advance(1s);
  advance(1s);
  EXPECT_THAT(demands, SizeIs(2)) << "nobody waits";
  hold("a.example", 4, holder);
  EXPECT_THAT(demands, SizeIs(3));
}

TEST_F(RouteShardHold, NamesEveryRouteInItsTurnWhenThereAreVeryMany) {
  start();
  std::set<std::string> named;
  for (int i = 0; i < 250; ++i) {
    const auto host = std::to_string(i) + ".example";
    reserve(host);
    hold(host, static_cast<std::uint64_t>(i), holder);
  }
  EXPECT_THAT(demands, SizeIs(100));
  for (int second = 1; second <= 3; ++second) {
    demands.clear();
    advance(1s);
    EXPECT_THAT(demands, SizeIs(100));
    for (const auto& each : demands)
      named.insert(each.uri);
  }
  EXPECT_THAT(named, SizeIs(250));
}

} // namespace
} // namespace shunt
