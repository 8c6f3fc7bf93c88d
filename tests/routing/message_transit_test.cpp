#include "routing/message_transit.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace shunt::routing {
namespace {

using namespace std::chrono_literals;

/// The peer's clock is ahead of this one, and the way takes 3 ms.
struct MessageTransit : ::testing::Test {
  static constexpr auto way = 3ms;

  std::uint64_t stamp() const {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>((now + ahead).time_since_epoch()).count());
  }
  /// How late it seems to be if it waits so long, for whatever reason.
  nanoseconds late_after(nanoseconds waiting) {
    const auto said = stamp();
    now += way + waiting;
    return now - transit.composed_at(said, now);
  }

  message_transit transit;
  nanoseconds ahead = 1h;
  time_point now{2000s};
};

TEST_F(MessageTransit, CountsFromTheQuickestMessage) {
  EXPECT_EQ(late_after(0s), 0s);
  EXPECT_EQ(late_after(7s), 7s);
  EXPECT_EQ(late_after(20ms), 20ms);
  EXPECT_EQ(late_after(0s), 0s);
}

TEST_F(MessageTransit, FindsABetterMeasureWhenItComes) {
  EXPECT_EQ(late_after(500ms), 0s) << "it is the only one";
  EXPECT_EQ(late_after(0s), 0s);
  EXPECT_EQ(late_after(500ms), 500ms);
}

TEST_F(MessageTransit, KnowsThatAllWaitedForALongStandstill) {
  late_after(0s);
  const auto first = stamp();
  now += 1s;
  const auto second = stamp();
  now += 10 * message_transit::window;
  EXPECT_EQ(now - transit.composed_at(first, now), 10 * message_transit::window + 1s - way);
  EXPECT_EQ(now - transit.composed_at(second, now), 10 * message_transit::window - way);
  EXPECT_EQ(late_after(0s), 0s);
}

TEST_F(MessageTransit, FollowsClocksThatRunApart) {
  late_after(0s);
  for (int i = 0; i < 100; ++i) {
    now += message_transit::window + 1ms;
    ahead -= 30ms;
    EXPECT_LE(late_after(0s), 30ms) << i;
  }
}

TEST_F(MessageTransit, IsBoundedWhateverIsSaid) {
  for (const auto said : {std::numeric_limits<std::uint64_t>::max(), std::uint64_t{0}, message_transit::stamp_max_ms, std::uint64_t{1}})
    for (const auto at : {now, now + 100'000h}) {
      const auto composed = transit.composed_at(said, at);
      EXPECT_LE(composed, at);
      EXPECT_GE(composed, at - message_transit::longest);
    }
}

} // namespace
} // namespace shunt::routing
