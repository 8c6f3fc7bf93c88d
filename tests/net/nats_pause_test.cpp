// What is heard after the process stood still, by a clock that the test moves.
#include "net/nats_pause.hpp"

#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;

constexpr nats_pause::clock::time_point start{1h};

class NatsPause : public testing::Test {
protected:
  NatsPause() { look(0s); }
  /// At a time after the start.
  nats_pause::seen look(nats_pause::clock::duration at, bool connected = true) {
    return pause.look(start + at, connected);
  }

  nats_pause pause;
};

TEST_F(NatsPause, IsNotSeenWhileTheProcessRuns) {
  for (auto at = 0ms; at < 10s; at += 200ms)
    EXPECT_FALSE(look(at).stood_still);
  EXPECT_FALSE(pause.since());
}

TEST_F(NatsPause, LastsUntilWhatWasSentAfterwardsComesBack) {
  const auto seen = look(20s);
  EXPECT_EQ(seen.stood_still, 20s);
  ASSERT_TRUE(seen.send);
  EXPECT_EQ(pause.since(), start);
  EXPECT_FALSE(look(20'200ms).send);
  EXPECT_EQ(pause.since(), start);
  pause.came_back(*seen.send + 1);
  EXPECT_EQ(pause.since(), start);
  pause.came_back(*seen.send);
  EXPECT_FALSE(pause.since());
}

TEST_F(NatsPause, SendsAgainWhatMayHaveBeenLost) {
  const auto first = look(20s).send;
  EXPECT_FALSE(look(20'900ms).send);
  EXPECT_EQ(look(21s).send, first);
  EXPECT_FALSE(look(21'900ms).send);
  EXPECT_EQ(look(22'900ms).stood_still, std::nullopt);
  EXPECT_EQ(look(23s).send, first);
}

TEST_F(NatsPause, ReachesNoFurtherBackThanTheLastMarkerHoweverOftenItComes) {
  const auto first = look(20s).send;
  look(30s);
  EXPECT_EQ(pause.since(), start);
  ASSERT_TRUE(first);
  pause.came_back(*first); // What was said in the second pause is still to come.
  EXPECT_EQ(pause.since(), start + 20s);
  const auto second = look(30'200ms).send;
  ASSERT_TRUE(second);
  pause.came_back(*second);
  EXPECT_FALSE(pause.since());
}

TEST_F(NatsPause, SendsNothingWithoutAConnection) {
  EXPECT_FALSE(look(20s, false).send);
  for (auto at = 20'200ms; at < 100s; at += 200ms)
    EXPECT_FALSE(look(at, false).gave_up);
  EXPECT_EQ(pause.since(), start);
  EXPECT_TRUE(look(100'100ms).send);
}

TEST_F(NatsPause, CountsNoMoreWhenNothingEverComesBack) {
  int sent = 0, gave_up = 0;
  for (auto at = 20'000ms; at < 200s; at += at % 7s == 0s ? 1'500ms : 250ms) { // It stands still again and again.
    const auto seen = look(at);
    sent += seen.send.has_value();
    gave_up += seen.gave_up;
  }
  EXPECT_EQ(gave_up, 1);
  EXPECT_LT(sent, 10);
  EXPECT_FALSE(pause.since());
}

} // namespace
} // namespace shunt::net
