// What is known of the time in which the process stood still, by a clock that the test moves, and over NATS.
#include "net/nats_catch_up.hpp"

#include "nats_bus_fixture.hpp"

namespace shunt::net {
namespace {

constexpr standstill::clock::time_point start{1h};

class Standstill : public testing::Test {
protected:
  Standstill() { pauses->beat(start); }

  std::shared_ptr<standstill> pauses = std::make_shared<standstill>();
};

TEST_F(Standstill, IsNotSeenWhileTheProcessRuns) {
  for (auto at = start; at < start + 10s; at += standstill::beat_every) {
    pauses->beat(at);
    EXPECT_EQ(pauses->count(at + standstill::longest_beat), 0u);
  }
}

TEST_F(Standstill, IsNoticedByWhoeverComesFirst) {
  EXPECT_EQ(pauses->count(start + 251ms), 1u);
  pauses->beat(start + 252ms);
  EXPECT_EQ(pauses->count(start + 253ms), 1u);
  pauses->beat(start + 1s);
  EXPECT_EQ(pauses->count(start + 1s), 2u);
}

TEST_F(Standstill, IsNotSeenBeforeTheFirstBeat) {
  EXPECT_EQ(standstill{}.count(start), 0u);
}

TEST_F(Standstill, IsOverWhenWhatWasHeardBeforeTheMarkerIsApplied) {
  nats_catch_up bus{pauses};
  auto before = bus.present_turn();
  EXPECT_FALSE(bus.look(start, true));
  const auto marker = bus.look(start + 1s, true);
  ASSERT_EQ(marker, 1u);
  auto meanwhile = bus.present_turn();
  bus.came_back(*marker);
  const auto after = bus.present_turn();
  before.reset();
  EXPECT_FALSE(pauses->has_caught_up(1));
  meanwhile.reset();
  EXPECT_TRUE(pauses->has_caught_up(1));
  EXPECT_FALSE(bus.look(start + 1200ms, true));
}

TEST_F(Standstill, IsNotOverBeforeWhatWasHeardInAnEarlierOneIsApplied) {
  nats_catch_up bus{pauses};
  auto first = bus.present_turn();
  bus.came_back(*bus.look(start + 1s, true));
  bus.came_back(*bus.look(start + 2s, true));
  EXPECT_FALSE(pauses->has_caught_up(1));
  first.reset();
  EXPECT_TRUE(pauses->has_caught_up(2));
}

TEST_F(Standstill, HasAMarkerSentAgainThatMayHaveBeenLost) {
  nats_catch_up bus{pauses};
  EXPECT_FALSE(bus.look(start + 1s, false));
  EXPECT_EQ(bus.look(start + 1100ms, true), 1u);
  EXPECT_FALSE(bus.look(start + 1200ms, true));
  for (auto at = start + 1200ms; at < start + 2100ms; at += 100ms)
    pauses->beat(at);
  EXPECT_EQ(bus.look(start + 2100ms, true), 1u);
  bus.came_back(7); // Of nobody here.
  EXPECT_FALSE(pauses->has_caught_up(1));
}

TEST_F(Standstill, IsOverAtOnceWhereNatsLetsNoMarkerPass) {
  nats_catch_up bus{pauses};
  auto now = start + 1s;
  for (const auto end = now + nats_pause::patience; now <= end; now += 200ms) {
    (void)bus.look(now, true);
    EXPECT_FALSE(pauses->has_caught_up(1));
  }
  for (int i = 0; i < 100 && !pauses->has_caught_up(1); ++i)
    (void)bus.look(now += 200ms, true);
  EXPECT_TRUE(pauses->has_caught_up(1));
  EXPECT_FALSE(bus.look(now += 1s, true));
  EXPECT_TRUE(pauses->has_caught_up(2));
}

TEST_F(NatsBus, CatchesUpWhenWhatItHeardIsApplied) {
  nats_server server;
  nats_peer peer{server}, listener{server};
  listener.subscribe("router.marker");
  const auto pauses = std::make_shared<standstill>();
  const auto soon = std::chrono::steady_clock::now() + 24h; // Ahead of the clock, which then changes nothing.
  pauses->beat(soon);
  bus = std::make_unique<nats_bus>(options_for({server.port()}), handler, *logged.log, pauses);
  bus->connect();
  handler.hold_batches();
  bus->start();
  peer.publish("router.register", "meanwhile");
  ASSERT_TRUE(handler.await_messages(1));
  pauses->beat(soon + 1h);
  ASSERT_TRUE(listener.next()); // The marker.
  peer.publish("router.register", "afterwards");
  ASSERT_TRUE(handler.await_messages(2)); // It is back.
  EXPECT_FALSE(pauses->has_caught_up(1));
  handler.release_batches();
  EXPECT_TRUE(handler.await([&] { return pauses->has_caught_up(1); }));
}

} // namespace
} // namespace shunt::net
