// One warning per episode of lost messages, by a clock that the test moves.
#include "net/nats_drops.hpp"

#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;

constexpr nats_drops::clock::time_point start{};

TEST(NatsDrops, SaysNothingWhileNothingIsLost) {
  nats_drops drops{10s};
  const auto seen = drops.look(0, start);
  EXPECT_EQ(seen.lost_more, 0u);
  EXPECT_FALSE(seen.begun);
  EXPECT_FALSE(drops.look(0, start + 1h).ended_with);
}

TEST(NatsDrops, BeginsOnceHoweverOftenTheQueueOverflows) {
  nats_drops drops{10s};
  EXPECT_TRUE(drops.look(3, start).begun);
  const auto again = drops.look(5, start + 9s);
  EXPECT_FALSE(again.begun);
  EXPECT_EQ(again.lost_more, 2u);
  EXPECT_FALSE(drops.look(6, start + 18s).begun);
}

TEST(NatsDrops, EndsWithWhatTheEpisodeCost) {
  nats_drops drops{10s};
  drops.look(3, start);
  drops.look(5, start + 5s);
  EXPECT_FALSE(drops.look(5, start + 14s).ended_with);
  EXPECT_EQ(drops.look(5, start + 15s).ended_with, 5u);
  EXPECT_FALSE(drops.look(5, start + 16s).ended_with) << "an episode ends once";
}

TEST(NatsDrops, BeginsAnewAfterTheEnd) {
  nats_drops drops{10s};
  drops.look(5, start);
  drops.look(5, start + 10s);
  EXPECT_TRUE(drops.look(7, start + 11s).begun);
  EXPECT_EQ(drops.look(7, start + 21s).ended_with, 2u);
}

} // namespace
} // namespace shunt::net
