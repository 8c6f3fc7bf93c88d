// The router's life as its supervisor sees it, on a clock that the test moves: start, drain, stop,
// and what happens when an actor dies.
#include "net/listener.hpp"
#include "tests/actors/support/supervisor_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Supervisor : public supervisor_fixture {};

// -- Start

TEST_F(Supervisor, OpensTheDoorsWhenEverybodyHadTimeToRegister) {
  start();
  advance(settings.start_response_delay_interval - 1ms);
  EXPECT_EQ(acceptors[0].listeners, 0u);
  EXPECT_EQ(state(), health::initializing);
  advance(1ms);
  EXPECT_EQ(acceptors[0].listeners, 1u);
  EXPECT_EQ(acceptors[1].listeners, 1u);
  EXPECT_EQ(state(), health::healthy);
  EXPECT_THAT(log.lines("gorouter.started"), SizeIs(1));
}

TEST_F(Supervisor, OpensTheDoorsAtOnceWithoutADelay) {
  settings.start_response_delay_interval = 0s;
  start();
  EXPECT_EQ(acceptors[0].listeners, 1u);
}

TEST_F(Supervisor, WaitsForWhatOtherNodesKnow) {
  bool asks = true;
  parts->asks_peers = [&asks] { return asks; };
  start_serving();
  advance(5s);
  EXPECT_EQ(state(), health::initializing);
  asks = false;
  advance(100ms);
  EXPECT_EQ(state(), health::healthy);
  EXPECT_THAT(log.lines("table-not-in-sync"), IsEmpty());
}

TEST_F(Supervisor, ServesWhatItKnowsWhenOtherNodesDoNotTellTheRest) {
  parts->asks_peers = [] { return true; };
  start_serving();
  advance(59s);
  EXPECT_EQ(state(), health::initializing);
  advance(1s);
  EXPECT_EQ(state(), health::healthy);
  EXPECT_THAT(log.lines("table-not-in-sync"), SizeIs(1));
}

TEST_F(Supervisor, OpensTheDoorsWhenTheTableIsInSync) {
  parts->asks_peers = [] { return false; };
  start();
  tell(supervisor, table_ready{});
  EXPECT_EQ(state(), health::healthy);
}

TEST_F(Supervisor, OpensNoPortWithoutHttp) {
  settings.disable_http = true;
  start_serving();
  EXPECT_EQ(acceptors[0].listeners, 0u);
  EXPECT_EQ(state(), health::healthy);
  EXPECT_THAT(log.lines("tcp-listener-disabled"), SizeIs(1));
}

TEST_F(Supervisor, FailsWhenThePortIsTaken) {
  const auto taken = net::open_listening_sockets(0, 1);
  settings.port = net::port_of(taken.front());
  start_serving();
  EXPECT_THAT(log.lines("tcp-listener-error"), SizeIs(1));
  EXPECT_NE(state(), health::healthy);
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(1));
  ::close(taken.front());
}

// -- Drain

TEST_F(Supervisor, ServesOnWhileTheDrainWaits) {
  start_serving();
  drain();
  EXPECT_EQ(state(), health::degraded);
  advance(settings.drain_wait - 1ms);
  EXPECT_EQ(acceptors[0].drains, 0u);
  advance(1ms);
  EXPECT_EQ(acceptors[0].drains, 1u);
  EXPECT_EQ(acceptors[1].drains, 1u);
  const auto lines = log.lines("gorouter-draining");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["data"]["wait_seconds"], 20);
  EXPECT_EQ(lines[0]["data"]["timeout_seconds"], 60);
}

TEST_F(Supervisor, DrainsAtOnceWithoutAWait) {
  settings.drain_wait = 0s;
  start_serving();
  drain();
  EXPECT_EQ(acceptors[0].drains, 1u);
}

TEST_F(Supervisor, SaysHowManyConnectionsTheDrainWaitsFor) {
  context.counters[0]->connections = 2;
  context.counters[1]->connections = 1;
  settings.drain_wait = 0s;
  start_serving();
  drain();
  EXPECT_THAT(log.lines("Draining with 3 outstanding active connections"), SizeIs(1));
}

TEST_F(Supervisor, EndsWhenAllLoopsAreQuiet) {
  settings.drain_wait = 0s;
  start_serving();
  drain();
  quiet(0);
  quiet(0);
  EXPECT_THAT(exit_codes, IsEmpty());
  quiet(1);
  EXPECT_THAT(exit_codes, ElementsAre(0));
  EXPECT_EQ(acceptors[0].cuts, 0u);
  advance(1h);
  EXPECT_THAT(exit_codes, SizeIs(1));
}

TEST_F(Supervisor, CutsWhatTheDrainTimeoutLeaves) {
  settings.drain_wait = 0s;
  start_serving();
  drain();
  quiet(0);
  advance(settings.drain_timeout);
  EXPECT_THAT(log.lines("router.drain.timed-out"), SizeIs(1));
  EXPECT_THAT(log.lines("gorouter.stopping"), SizeIs(1));
  EXPECT_EQ(acceptors[1].cuts, 1u);
  EXPECT_THAT(exit_codes, IsEmpty());
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(0));
}

TEST_F(Supervisor, WaitsForDrainingConnectionsAsLongAsItTakesWithoutATimeout) {
  settings.drain_wait = 0s;
  settings.drain_timeout = 0s;
  start_serving();
  drain();
  advance(24h);
  EXPECT_EQ(acceptors[0].cuts, 0u);
  EXPECT_THAT(log.lines("router.drain.timed-out"), IsEmpty());
  EXPECT_THAT(exit_codes, IsEmpty());
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(0));
}

TEST_F(Supervisor, IgnoresASecondSignal) {
  start_serving();
  drain();
  drain();
  stop();
  EXPECT_EQ(acceptors[0].cuts, 0u);
  EXPECT_THAT(log.lines("gorouter.signal.ignored"), SizeIs(2));
  advance(settings.drain_wait);
  EXPECT_EQ(acceptors[0].drains, 1u);
  stop();
  EXPECT_EQ(acceptors[0].cuts, 0u);
}

// -- Stop

TEST_F(Supervisor, StopsWithoutWaiting) {
  start_serving();
  stop();
  EXPECT_EQ(acceptors[0].cuts, 1u);
  EXPECT_EQ(acceptors[1].cuts, 1u);
  EXPECT_EQ(state(), health::degraded);
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(0));
}

TEST_F(Supervisor, WaitsOnlyBrieflyForConnectionsThatDoNotNoticeTheirEnd) {
  start_serving();
  stop();
  quiet(0);
  advance(cut_time);
  EXPECT_THAT(exit_codes, ElementsAre(0));
}

TEST_F(Supervisor, StopsBeforeTheDoorsOpen) {
  start();
  drain(); // There is nothing to drain.
  EXPECT_EQ(acceptors[0].cuts, 1u);
  all_quiet();
  advance(1h);
  EXPECT_THAT(exit_codes, ElementsAre(0));
  EXPECT_EQ(acceptors[0].listeners, 0u);
}

TEST_F(Supervisor, StopsAsSoonAsItStartsIfThatWasAskedBefore) {
  stop();
  EXPECT_THAT(exit_codes, IsEmpty());
  start();
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(0));
}

// -- Failure

TEST_F(Supervisor, ExitsWithOneAfterAFatalFailure) {
  start_serving();
  tell(supervisor, fatal_failure{"nats-connection-closed", "why"});
  EXPECT_EQ(acceptors[0].cuts, 1u);
  EXPECT_EQ(state(), health::degraded);
  EXPECT_THAT(log.lines("nats-connection-closed"), SizeIs(1));
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(1));
  EXPECT_LT(log.lines("gorouter.stopped").at(0)["data"]["took"], 1.0);
}

TEST_F(Supervisor, ExitsWithOneAfterAFatalFailureBeforeTheStart) {
  tell(supervisor, fatal_failure{"nats-connection-closed", "why"});
  start();
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(1));
}

TEST_F(Supervisor, ExitsWithOneWhenItFailsDuringADrain) {
  start_serving();
  drain();
  advance(settings.drain_wait);
  tell(supervisor, fatal_failure{"broken", "why"});
  EXPECT_EQ(acceptors[0].cuts, 1u);
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(1));
}

// -- Death

TEST_F(Supervisor, ReplacesAShardThatDiesByAnException) {
  start_serving();
  const auto dead = parts->shards[1];
  crash(dead);
  const auto& successor = parts->shards[1];
  EXPECT_NE(successor, dead);
  for (const auto& each : holders) {
    ASSERT_THAT(each.successors, SizeIs(1));
    EXPECT_EQ(each.successors.front().shard, 1u);
    EXPECT_EQ(each.successors.front().successor, successor);
  }
  EXPECT_EQ(announced, 1u); // Everybody is to register again.
  EXPECT_THAT(exit_codes, IsEmpty());
  const auto lines = log.lines("route-shard-died");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["data"]["shard"], 1);
  EXPECT_EQ(restarts.route_shards, 1u);
}

TEST_F(Supervisor, LetsNoSuccessorSpeakForLoopsThatRouteByWhatItsPredecessorGranted) {
  test::confirmer_record heard;
  parts->confirmer = own(test::spawn_recording_confirmer(system, heard));
  start_serving();
  crash(parts->shards[1]);
  advance(settings.start_response_delay_interval); // Now it is in sync.
  const routing::change_asked gone{.which = {"a.example", "", "127.0.0.1:1"}, .present = false, .within = 1s};
  tell(parts->shards[1], ask_change{gone});
  advance(1s);
  ASSERT_THAT(heard.answers, SizeIs(1));
  EXPECT_FALSE(heard.answers[0].applied);
}

TEST_F(Supervisor, LetsASuccessorBeginInDoubtAndAsALaterIncarnation) {
  start_serving();
  for (std::uint64_t incarnation = 2; incarnation < 4; ++incarnation) {
    kill(parts->shards[0]);
    tell(parts->shards[0], lease_host{"a.example", parts->lease_caches[0]});
    ASSERT_THAT(holders[0].grants, SizeIs(1));
    EXPECT_EQ(holders[0].grants.front().incarnation, incarnation);
    EXPECT_EQ(holders[0].grants.front().shard, 0u);
    EXPECT_FALSE(holders[0].grants.front().in_sync);
    holders[0].clear();
  }
}

TEST_F(Supervisor, LetsASuccessorBeCertainWhenEverybodyHadTimeToRegisterAnew) {
  start_serving();
  kill(parts->shards[0]);
  advance(settings.start_response_delay_interval);
  tell(parts->shards[0], lease_host{"a.example", parts->lease_caches[0]});
  EXPECT_TRUE(holders[0].grants.back().in_sync);
}

TEST_F(Supervisor, LeavesASuccessorInDoubtAsLongAsNatsIsAway) {
  start_serving();
  nats_now.connected = false;
  kill(parts->shards[0]);
  advance(1h);
  tell(parts->shards[0], lease_host{"a.example", parts->lease_caches[0]});
  EXPECT_FALSE(holders[0].grants.back().in_sync);
}

TEST_F(Supervisor, ReplacesTheRegistrarAndLetsTheShardsDoubt) {
  start_serving();
  kill(parts->registrar);
  ASSERT_THAT(registrars, SizeIs(1));
  EXPECT_EQ(parts->registrar, registrars.front());
  for (const auto& each : shards) // What its mailbox held is lost.
    EXPECT_EQ(each.asked_again, 1u);
  EXPECT_EQ(announced, 1u);
  kill(parts->registrar); // It watches the successor too.
  EXPECT_THAT(registrars, SizeIs(2));
}

TEST_F(Supervisor, ReplacesTheKeeperOfReservationsAndLetsItKnowWhoDies) {
  std::vector<std::size_t> replaced; // Shards that a keeper heard of.
  std::size_t keepers = 0;
  const auto spawn = [&](const std::vector<route_shard_actor>& shards_now) {
    ++keepers;
    EXPECT_EQ(shards_now, parts->shards);
    return own(system.spawn([&replaced]() -> reservation_keeper_actor::behavior_type {
      return {
        [](const reservation_messages&) {},
        [&replaced](const shard_replaced& m) { replaced.push_back(m.shard); },
        [](const use_policy&) {},
        [](const await_reservations&) { return reservations_loaded{}; },
        [](end_reservations) {},
        [](write_reservations) {},
      };
    }));
  };
  parts->replace_reservation_keeper = spawn;
  parts->reservation_keeper = spawn(parts->shards);
  start_serving();
  kill(parts->shards[1]);
  EXPECT_THAT(replaced, ElementsAre(1u));
  for (std::size_t deaths = 1; deaths < 3; ++deaths) { // It watches the successor too.
    const auto dead = parts->reservation_keeper;
    kill(dead);
    EXPECT_EQ(keepers, 1 + deaths);
    EXPECT_NE(parts->reservation_keeper, dead);
    EXPECT_THAT(log.lines("reservation-keeper-died"), SizeIs(deaths));
  }
  kill(parts->shards[0]);
  EXPECT_THAT(replaced, ElementsAre(1u, 0u));
  EXPECT_THAT(exit_codes, IsEmpty());
  kill(parts->reservation_keeper);
}

TEST_F(Supervisor, EndsTheRouterWhenALeaseCacheDies) {
  start_serving();
  kill(parts->lease_caches[1]);
  EXPECT_THAT(log.lines("loop-actor-died"), SizeIs(1));
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(1));
}

TEST_F(Supervisor, EndsTheRouterWhenTheWriterOfTheAccessLogDies) {
  parts->access_writer = own(system.spawn([]() -> access_log_writer_actor::behavior_type {
    return {
      [](const access_records&) {},
      [](const use_access_sinks&) {},
      [](const reopen_access_log&) {},
      [](const flush_access_log&) { return true; },
      [](const tend_access_log&) {},
      [](const end_access_log&) {},
    };
  }));
  start_serving();
  kill(parts->access_writer);
  EXPECT_THAT(log.lines("access-log-writer-died"), SizeIs(1));
  all_quiet();
  EXPECT_THAT(exit_codes, ElementsAre(1));
}

TEST_F(Supervisor, EndsTheRouterWhenAnAcceptorDies) {
  start_serving();
  kill(parts->acceptors[0]);
  quiet(1);
  EXPECT_THAT(exit_codes, IsEmpty());
  advance(cut_time); // The dead one cannot say that it is quiet.
  EXPECT_THAT(exit_codes, ElementsAre(1));
}

TEST_F(Supervisor, ReplacesNobodyAtTheEnd) {
  start_serving();
  stop();
  all_quiet();
  parts->shut_down();
  run();
  EXPECT_EQ(announced, 0u);
  EXPECT_THAT(registrars, IsEmpty());
  EXPECT_THAT(exit_codes, ElementsAre(0));
  for (const auto& each : holders)
    EXPECT_THAT(each.successors, IsEmpty());
}

} // namespace
} // namespace shunt
