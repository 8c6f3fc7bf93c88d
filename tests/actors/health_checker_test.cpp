// Between shards and the health checker: what a shard tells it and hears from it, and that checks
// end with whoever wanted them.
#include "actors/health_checker.hpp"

#include "tests/actors/support/route_shard_fixture.hpp"
#include "tests/actors/support/router_in_process.hpp"
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/client.hpp"

#include <gmock/gmock.h>

#include <map>

namespace shunt::test {
namespace {

using testing::SizeIs;

const shape_endpoint asking = [](routing::endpoint_spec& s) {
  s.health_check_path = "/healthz";
  s.health_check_interval_ms = 1'000;
};

// -- A shard and a checker that only listens.

class CheckedShard : public route_shard_fixture {
protected:
  CheckedShard() {
    checker = own(system.spawn([this]() -> health_checker_actor::behavior_type {
      return {
        [this](const check_routes& m) { told.push_back(m); },
        [](const shard_replaced&) {},
        [](const use_policy&) {},
        [](checks_due) {},
        [](const check_ended&) {},
      };
    }));
  }
  void judge(const check_routes& on, std::uint16_t port, bool healthy) {
    const auto& route = on.routes->at(0);
    tell(shard, endpoint_judged{{route.host, route.path, "127.0.0.1:" + std::to_string(port),
                                 route.version, healthy}});
  }

  health_checker_actor checker;
  std::vector<check_routes> told;
};

TEST_F(CheckedShard, TellsTheCheckerOfRoutesThatAskAndOfNoOthers) {
  start();
  tell(shard, check_health{checker});
  hear({registered("plain.example", 1)});
  EXPECT_THAT(told, SizeIs(0));
  hear({registered("a.example", 1, asking), registered("a.example", 2, asking)});
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_EQ(told[0].shard, 3u);
  EXPECT_TRUE(told[0].owner == shard);
  EXPECT_THAT(told[0].routes->at(0).members, SizeIs(2));
  hear({registered("a.example", 1, asking)});
  EXPECT_THAT(told, SizeIs(1)) << "heard again";
  hear({unregistered("a.example", 1), unregistered("a.example", 2)});
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_FALSE(told[1].routes->at(0).wish);
}

TEST_F(CheckedShard, KeepsWhatThereIsToTellUntilThereIsAChecker) {
  start();
  hear({registered("a.example", 1, asking)});
  EXPECT_THAT(told, SizeIs(0));
  tell(shard, check_health{checker});
  EXPECT_THAT(told, SizeIs(1));
}

TEST_F(CheckedShard, TellsTheCheckerWhenTheFileSaysOtherwise) {
  start();
  tell(shard, check_health{checker});
  hear({registered("a.example", 1, asking)});
  ASSERT_THAT(told, SizeIs(1));
  config::settings settings;
  settings.health_checks.enabled = false;
  tell(shard, use_policy{std::make_shared<const policy>(settings)});
  ASSERT_THAT(told, SizeIs(2));
  EXPECT_FALSE(told[1].routes->at(0).wish);
  settings.health_checks.enabled = true;
  tell(shard, use_policy{std::make_shared<const policy>(settings)});
  ASSERT_THAT(told, SizeIs(3));
  EXPECT_TRUE(told[2].routes->at(0).wish);
}

TEST_F(CheckedShard, PushesVerdictsAndTheirEnd) {
  start();
  tell(shard, check_health{checker});
  hear({registered("a.example", 1, asking), registered("a.example", 2, asking)});
  lease("a.example");
  const auto last_mark = [this] {
    const auto& change = record.pushes.back().changes->at(0).paths.at(0).endpoints.back();
    EXPECT_EQ(change.what, routing::endpoint_change::kind::mark);
    return change.failed_until;
  };
  record.clear();
  judge(told[0], 1, false);
  advance(push_time);
  ASSERT_THAT(record.pushes, SizeIs(1));
  EXPECT_EQ(last_mark(), routing::unhealthy_until);
  judge(told[0], 1, true);
  advance(push_time);
  EXPECT_EQ(last_mark(), routing::time_point{});
  judge(told[0], 1, false);
  advance(push_time);
  hear({registered("a.example", 1), registered("a.example", 2)}); // Nobody asks any more.
  advance(push_time);
  EXPECT_EQ(last_mark(), routing::time_point{});
  record.clear();
  judge(told[0], 1, false); // Too late.
  advance(push_time);
  EXPECT_THAT(record.pushes, SizeIs(0));
}

// -- The real one.

bool is_asked(const backend& there) {
  const auto before = there.request_count();
  return eventually([&] { return there.request_count() > before; }, 20s);
}

TEST(HealthChecker, StopsWithTheShardThatWantedItAndGoesOnWithTheSuccessor) {
  auto settings = router_in_process::defaults();
  settings.health_checks.timeout = slowed(500ms);
  settings.health_checks.unhealthy_after = 1;
  router_in_process router{settings, 2};
  const backend there{answers::bytes("HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n")};
  router.hear(registered("a.example", there.port(), asking));
  ASSERT_TRUE(is_asked(there));
  EXPECT_TRUE(eventually([&] { return router.health_counters().unhealthy == 1; }));
  router.kill_shard_of("a.example");
  EXPECT_TRUE(eventually([&] { return router.health_counters().unhealthy == 0; }));
  EXPECT_TRUE(eventually([&] { return there.ended_count() == there.connection_count(); }));
  router.hear(registered("a.example", there.port(), asking));
  EXPECT_TRUE(is_asked(there));
  EXPECT_TRUE(eventually([&] { return router.health_counters().unhealthy == 1; }));
}

TEST(HealthChecker, ReachesAllLoops) {
  auto settings = router_in_process::defaults();
  settings.health_checks.timeout = slowed(500ms);
  settings.health_checks.unhealthy_after = 1;
  router_in_process router{settings, 2};
  const backend well, ill{[](backend_session& session) {
    if (session.request.target == "/healthz")
      answers::bytes("HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n")(session);
    else
      answers::ok("hello")(session);
  }};
  router.hear(registered("a.example", well.port(), asking));
  router.hear(registered("a.example", ill.port(), asking));
  client one{router.port()}, two{router.port()}; // A loop each: the second goes to the idle one.
  const auto visits = [&] {
    std::size_t count = 0;
    for (const auto& each : ill.requests())
      count += each.target == "/healthz" ? 0 : 1;
    return count;
  };
  const auto spared = [&] {
    const auto before = visits();
    for (auto* each : {&one, &two})
      for (int i = 0; i < 4; ++i)
        EXPECT_EQ(each->send(get_request("a.example")).response().status, 200);
    return visits() == before;
  };
  EXPECT_FALSE(spared());
  EXPECT_TRUE(eventually(spared, 20s));
  EXPECT_TRUE(spared()) << "and it stays so";
}

} // namespace
} // namespace shunt::test
