// What nodes answered that were asked for every route, and what a scenario asks so.
#include "chaos/scenario.hpp"
#include "chaos/served.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace shunt::chaos {
namespace {

TEST(Served, IsEverythingIfEveryNodeServesEveryRoute) {
  EXPECT_EQ(unserved({{0, {{0, 200}, {1, 204}}}, {2, {{0, 200}, {1, 200}}}}), "");
}

TEST(Served, IsNotWhatOneNodeDoesNotServe) {
  EXPECT_EQ(unserved({{0, {{0, 200}, {7, 200}}}, {2, {{0, 200}, {7, 404}, {8, 503}}}}),
            "router-2 does not serve 2 of 3 routes, such as r7.chaos.test: 404");
  EXPECT_EQ(unserved({{1, {{3, 0}}}}), "router-1 does not serve 1 of 1 routes, such as r3.chaos.test: no answer");
  EXPECT_NE(unserved({{1, {{3, 302}}}}), "");
}

TEST(Served, IsNothingThatNobodyWasAskedFor) {
  EXPECT_NE(unserved({}), "");
  EXPECT_NE(unserved({{0, {{0, 200}}}, {1, {}}}), "");
}

TEST(Served, IsAskedForAgainUnlessItIsDenied) {
  EXPECT_FALSE(denies({{0, {{0, 200}, {1, 503}, {2, 0}}}}));
  EXPECT_TRUE(denies({{0, {{0, 200}}}, {1, {{0, 200}, {1, 404}}}}));
}

/// Or what only snapshots have could be lost, and nobody would notice.
TEST(Served, IsAllThatSnapshotsAloneHaveAfterARollingRestart) {
  const auto plan = read_scenario(SHUNT_SCENARIOS "/rolling_restart_from_snapshots.yml");
  EXPECT_LT(plan.asked_routes, plan.routes);
  ASSERT_FALSE(plan.steps.empty());
  const auto& last = plan.steps.back();
  ASSERT_EQ(last.what, action::ask_all);
  std::vector<int> all(static_cast<std::size_t>(plan.routes));
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(last.routes, all);
  const auto falls_silent = std::find_if(plan.steps.begin(), plan.steps.end(),
                                         [](const step& each) { return each.what == action::silence_emitter; });
  const auto dies = std::find_if(plan.steps.begin(), plan.steps.end(),
                                 [](const step& each) { return each.what == action::kill; });
  EXPECT_LT(falls_silent, dies);
  EXPECT_TRUE(std::none_of(falls_silent, plan.steps.end(),
                           [](const step& each) { return each.what == action::resume_emitter; }));
}

} // namespace
} // namespace shunt::chaos
