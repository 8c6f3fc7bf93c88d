// What is heard after the process stood still, by a clock that the test moves.
#include "net/nats_pause.hpp"

#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;

constexpr nats_pause::clock::time_point start{1h};

TEST(NatsPause, IsNotSeenWhileTheProcessRuns) {
  nats_pause pause;
  for (auto now = start; now < start + 10s; now += 200ms)
    EXPECT_FALSE(pause.look(now).stood_still);
  EXPECT_FALSE(pause.since());
}

TEST(NatsPause, LastsUntilWhatWasSentAfterwardsComesBack) {
  nats_pause pause;
  pause.look(start);
  const auto seen = pause.look(start + 20s);
  EXPECT_EQ(seen.stood_still, 20s);
  ASSERT_TRUE(seen.send);
  EXPECT_EQ(pause.since(), start);
  EXPECT_FALSE(pause.look(start + 20s + 200ms).send);
  EXPECT_EQ(pause.since(), start);
  pause.came_back(*seen.send);
  EXPECT_FALSE(pause.since());
}

TEST(NatsPause, SendsAgainWhatMayHaveBeenLost) {
  nats_pause pause;
  pause.look(start);
  const auto first = pause.look(start + 20s).send;
  pause.look(start + 20s + 900ms);
  EXPECT_EQ(pause.look(start + 21s).send, first);
}

TEST(NatsPause, BeginsWithTheFirstOfSeveral) {
  nats_pause pause;
  pause.look(start);
  const auto first = pause.look(start + 20s).send;
  const auto second = pause.look(start + 30s).send;
  ASSERT_TRUE(first && second);
  pause.came_back(*first); // What was said during the second may still be waiting.
  EXPECT_EQ(pause.since(), start);
  pause.came_back(*second);
  EXPECT_FALSE(pause.since());
}

TEST(NatsPause, IsOverWhenNothingEverComesBack) {
  nats_pause pause;
  pause.look(start);
  auto now = start + 20s;
  int sent = 0;
  for (; now < start + 80s; now += 250ms)
    sent += pause.look(now).send.has_value();
  EXPECT_EQ(sent, nats_pause::sendings_max);
  EXPECT_FALSE(pause.since());
}

} // namespace
} // namespace shunt::net
