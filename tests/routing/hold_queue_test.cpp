// Who waits for the first endpoint of a route, and who goes when endpoints come.
#include "routing/hold_queue.hpp"

#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

class HoldQueue : public ::testing::Test {
protected:
  static constexpr hold_limits limits{
    .requests_per_route = 3, .bytes_per_route = 100, .requests = 5, .bytes = 150};

  static std::vector<std::uint64_t> ids(const std::vector<hold_ticket>& of) {
    std::vector<std::uint64_t> out;
    for (const auto& each : of)
      out.push_back(each.id);
    return out;
  }
  using list = std::vector<std::uint64_t>;

  hold_room room;
  hold_queue any{limits, 0, room};
  hold_queue two{limits, 2, room}; ///< Requests for each endpoint.
};

TEST_F(HoldQueue, SendsAllOffInTheOrderOfTheirArrival) {
  for (const std::uint64_t id : {7, 8, 9})
    ASSERT_TRUE(any.join("a/", {0, id}, 10));
  EXPECT_EQ(any.waiting("a/"), 3u);
  EXPECT_EQ(ids(any.let_go("a/", 1)), (list{7, 8, 9}));
  EXPECT_EQ(any.waiting("a/"), 0u);
  EXPECT_EQ(room.requests, 0u);
  EXPECT_EQ(room.bytes, 0u);
}

TEST_F(HoldQueue, SendsNobodyOffToARouteWithoutEndpointsOrToAnother) {
  ASSERT_TRUE(any.join("a/", {0, 1}, 10));
  EXPECT_TRUE(any.let_go("a/", 0).empty());
  EXPECT_TRUE(any.let_go("b/", 1).empty());
  EXPECT_EQ(any.waiting("a/"), 1u);
}

TEST_F(HoldQueue, SendsNoMoreOffThanTheEndpointsTakeAndTheNextWhenOneIsThrough) {
  for (const std::uint64_t id : {1, 2, 3})
    ASSERT_TRUE(two.join("a/", {0, id}, 10));
  EXPECT_EQ(ids(two.let_go("a/", 1)), (list{1, 2}));
  EXPECT_TRUE(two.let_go("a/", 1).empty());
  two.leave("a/", {0, 1});
  EXPECT_EQ(ids(two.let_go("a/", 1)), (list{3}));
  EXPECT_FALSE(two.empty()) << "two are on their way";
  two.leave("a/", {0, 2});
  two.leave("a/", {0, 3});
  EXPECT_TRUE(two.empty());
}

TEST_F(HoldQueue, SendsMoreOffWhenAnotherEndpointComes) {
  for (const std::uint64_t id : {1, 2, 3})
    ASSERT_TRUE(two.join("a/", {0, id}, 10));
  EXPECT_EQ(two.let_go("a/", 1).size(), 2u);
  EXPECT_EQ(ids(two.let_go("a/", 2)), (list{3}));
}

TEST_F(HoldQueue, ForgetsWhoLeaves) {
  ASSERT_TRUE(any.join("a/", {0, 1}, 10));
  ASSERT_TRUE(any.join("a/", {1, 1}, 20));
  any.leave("a/", {0, 1});
  EXPECT_EQ(room.requests, 1u);
  EXPECT_EQ(room.bytes, 20u);
  const auto off = any.let_go("a/", 1);
  ASSERT_EQ(off.size(), 1u);
  EXPECT_EQ(off[0].holder, 1u) << "the same number of another holder";
  any.leave("a/", {5, 5});
  any.leave("b/", {0, 1});
}

TEST_F(HoldQueue, IsBoundedForARouteInRequestsAndBytes) {
  EXPECT_FALSE(any.join("a/", {0, 1}, 101));
  ASSERT_TRUE(any.join("a/", {0, 1}, 90));
  EXPECT_FALSE(any.join("a/", {0, 2}, 11));
  ASSERT_TRUE(any.join("a/", {0, 2}, 5));
  ASSERT_TRUE(any.join("a/", {0, 3}, 5));
  EXPECT_FALSE(any.join("a/", {0, 4}, 0));
  any.leave("a/", {0, 1});
  EXPECT_TRUE(any.join("a/", {0, 4}, 90));
}

TEST_F(HoldQueue, TakesOtherBoundsForThoseWhoComeLater) {
  for (const std::uint64_t id : {1, 2, 3})
    ASSERT_TRUE(two.join("a/", {0, id}, 10));
  EXPECT_EQ(ids(two.let_go("a/", 1)), (list{1, 2}));
  two.set_limits({.requests_per_route = 1, .bytes_per_route = 100, .requests = 5, .bytes = 150}, 1);
  EXPECT_EQ(two.waiting("a/"), 1u) << "who waits goes on";
  EXPECT_FALSE(two.join("a/", {0, 4}, 10));
  two.leave("a/", {0, 1});
  EXPECT_TRUE(two.let_go("a/", 1).empty()) << "one is still on its way";
  two.leave("a/", {0, 2});
  EXPECT_EQ(ids(two.let_go("a/", 1)), (list{3}));
}

TEST_F(HoldQueue, IsBoundedForTheNodeWhoeverHoldsThem) {
  ASSERT_TRUE(any.join("a/", {0, 1}, 80));
  EXPECT_FALSE(two.join("b/", {0, 2}, 71)) << "bytes";
  EXPECT_EQ(room.requests, 1u) << "what was refused took no room";
  for (const std::uint64_t id : {2, 3})
    ASSERT_TRUE(any.join("a/", {0, id}, 0));
  for (const std::uint64_t id : {4, 5})
    ASSERT_TRUE(two.join("b/", {0, id}, 0));
  EXPECT_FALSE(two.join("c/", {0, 6}, 0)) << "requests";
}

TEST_F(HoldQueue, DismissesAllOfARouteAndGivesTheirRoomBack) {
  ASSERT_TRUE(two.join("a/", {0, 1}, 10));
  ASSERT_TRUE(two.join("a/", {0, 2}, 10));
  EXPECT_EQ(ids(two.dismiss("a/")), (list{1, 2}));
  EXPECT_TRUE(two.empty());
  EXPECT_EQ(room.requests, 0u);
  EXPECT_TRUE(two.dismiss("a/").empty());
}

TEST_F(HoldQueue, NamesTheRoutesForWhichSomebodyWaits) {
  ASSERT_TRUE(two.join("a/", {0, 1}, 0));
  ASSERT_TRUE(two.join("a/", {0, 2}, 0));
  ASSERT_TRUE(two.join("b/x", {0, 3}, 0));
  two.let_go("b/x", 1);
  std::vector<std::pair<std::string, std::size_t>> named;
  two.for_each([&](std::string_view route, std::size_t waiting) { named.emplace_back(route, waiting); });
  EXPECT_EQ(named, (std::vector<std::pair<std::string, std::size_t>>{{"a/", 2}}));
}

TEST_F(HoldQueue, PutsThoseWhoCameBackBeforeAllOthersAndCountsThemAsWaiting) {
  for (const std::uint64_t id : {1, 2, 3})
    ASSERT_TRUE(two.join("a/", {0, id}, 10));
  two.let_go("a/", 1);
  two.rejoin("a/", {0, 2}, 10);
  EXPECT_EQ(two.waiting("a/"), 2u);
  EXPECT_EQ(room.bytes, 20u);
  EXPECT_EQ(ids(two.let_go("a/", 1)), (list{2})) << "1 is still on its way";
}

TEST_F(HoldQueue, KnowsTheRoutesBelowAnother) {
  hold_room large;
  hold_queue all{{}, 0, large};
  std::uint64_t id = 0;
  for (const std::string route : {"a/", "a/x", "a/x/y", "a/xy", "aa/", "b/"})
    ASSERT_TRUE(all.join(route, {0, ++id}, 0));
  using names = std::vector<std::string>;
  EXPECT_EQ(all.below("a/"), (names{"a/x", "a/x/y", "a/xy"}));
  EXPECT_EQ(all.below("a/x"), (names{"a/x/y"}));
  EXPECT_EQ(all.below("b/"), names{});
}

TEST_F(HoldQueue, GivesItsRoomBackWhenItEnds) {
  {
    hold_queue dies{limits, 0, room};
    ASSERT_TRUE(dies.join("a/", {0, 1}, 10));
    EXPECT_EQ(room.requests, 1u);
  }
  EXPECT_EQ(room.requests, 0u);
  EXPECT_EQ(room.bytes, 0u);
}

} // namespace
} // namespace shunt::routing
