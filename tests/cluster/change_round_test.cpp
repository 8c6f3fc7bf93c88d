#include "cluster/change_round.hpp"

#include <gtest/gtest.h>

namespace shunt::cluster {
namespace {

constexpr routing::change_told applied{.applied = true}, drained{.applied = true, .drained = true}, late{};

TEST(ChangeRound, IsConfirmedAndDrainedWhenAllNodesSaySo) {
  change_round round{2};
  round.expect(0, "a", true);
  round.expect(1, "b", true);
  for (const routing::peer_id node : {0, 0, 1, 1}) {
    EXPECT_FALSE(round.is_over());
    round.hear(node, drained);
  }
  EXPECT_TRUE(round.is_over());
  EXPECT_EQ(round.answer("x-1"), R"({"change":"x-1","confirmed":true,"drained":true,"nodes":2,"pending":[]})");
}

TEST(ChangeRound, NamesWhoIsPendingAndWhy) {
  change_round round{1};
  round.expect(0, "a", true);
  round.expect(1, "b", true);
  round.expect(2, "c", true);
  round.expect(3, "d", false);
  round.hear(0, applied);
  round.hear(1, late);
  EXPECT_FALSE(round.is_over());
  EXPECT_EQ(round.answer("1"), R"({"change":"1","confirmed":false,"drained":false,"nodes":4,"pending":[)"
                               R"({"node":"a","reason":"requests in flight"},{"node":"b","reason":"not applied"},)"
                               R"({"node":"c","reason":"no answer"},{"node":"d","reason":"unreachable"}]})");
}

TEST(ChangeRound, IsNotOverWhileSomebodySeesNodesThatNobodyAsked) {
  change_round round{1};
  round.expect(0, "a", true);
  round.expect(1, "b", true);
  round.sees_alike(1, false);
  round.hear(0, drained);
  round.hear(1, drained);
  EXPECT_FALSE(round.is_over());
  EXPECT_EQ(round.answer("1"), R"({"change":"1","confirmed":false,"drained":false,"nodes":2,"pending":[)"
                               R"({"node":"b","reason":"sees other nodes"}]})");
  round.sees_alike(1, true);
  EXPECT_TRUE(round.is_over());
  EXPECT_TRUE(round.is_drained());
}

TEST(ChangeRound, ExpectsNothingOfTheDead) {
  change_round round{1};
  round.expect(0, "a", true);
  round.expect(1, "b", false);
  round.hear(0, drained);
  EXPECT_FALSE(round.is_over());
  round.expect_no_more(1);
  EXPECT_TRUE(round.is_over());
  EXPECT_TRUE(round.is_drained());
}

TEST(ChangeRound, SaysAnewInASecondRoundWhoCanBeAsked) {
  change_round round{1};
  round.expect(0, "a", true);
  round.expect(1, "b", true);
  round.hear(0, drained);
  round.hear(1, drained);
  round.begin_again();
  round.expect(0, "a", true);
  round.expect(1, "b", false);
  EXPECT_TRUE(round.reaches(0));
  EXPECT_FALSE(round.reaches(1));
  round.hear(0, drained);
  EXPECT_FALSE(round.is_over());
  EXPECT_EQ(round.answer("1"), R"({"change":"1","confirmed":false,"drained":false,"nodes":2,"pending":[)"
                               R"({"node":"b","reason":"unreachable"}]})");
}

TEST(ChangeRound, HearsNobodyItDidNotAsk) {
  change_round round{1};
  round.expect(0, "a", true);
  round.hear(7, drained);
  EXPECT_FALSE(round.is_over());
}

} // namespace
} // namespace shunt::cluster
