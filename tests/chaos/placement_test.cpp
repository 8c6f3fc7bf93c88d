// What nodes show at /cluster, and whether that is a cluster as it should be.
#include "chaos/placement.hpp"

#include <gtest/gtest.h>

namespace shunt::chaos {
namespace {

using nlohmann::json;

class Placement : public testing::Test {
protected:
  /// Three nodes in order, of which two hold each of six shards.
  Placement() {
    for (int number = 0; number < 3; ++number) {
      json page{{"shards", 6}, {"holders", 2}, {"nodes", json::array()}};
      for (int other = 0; other < 3; ++other)
        page["nodes"].push_back({{"name", "router-" + std::to_string(other)},
                                 {"state", "alive"},
                                 {"hears_nats", true},
                                 {"view_equal", true},
                                 {"shards_held", 4},
                                 {"shards_in_sync", 4}});
      pages[number] = std::move(page);
    }
  }
  json& entry(int teller, int of) { return pages[teller]["nodes"][static_cast<std::size_t>(of)]; }

  std::map<int, json> pages;
};

TEST_F(Placement, IsSettledWhenEachShardHasItsHoldersInSync) {
  EXPECT_EQ(unsettled(pages), "");
  EXPECT_EQ(deaf(pages), "");
}

TEST_F(Placement, IsNotSettledWhileACopyIsNotInSync) {
  entry(1, 1)["shards_in_sync"] = 3;
  EXPECT_EQ(unsettled(pages), "router-1 has 3 shards in sync of 4");
}

TEST_F(Placement, IsNotSettledWhileOneMoreHasACopy) {
  entry(1, 1)["shards_in_sync"] = 5;
  EXPECT_NE(unsettled(pages), "");
}

TEST_F(Placement, IsNotSettledWithoutEnoughCopies) {
  entry(1, 1)["shards_held"] = entry(1, 1)["shards_in_sync"] = 3;
  EXPECT_EQ(unsettled(pages), "11 copies of shards are held, not 12");
}

TEST_F(Placement, IsNotSettledWhileSomeDoNotAgree) {
  entry(0, 2)["view_equal"] = false;
  EXPECT_EQ(unsettled(pages), "router-0 does not agree with router-2");
  entry(0, 2)["view_equal"] = true;
  entry(2, 1)["state"] = "suspect";
  EXPECT_EQ(unsettled(pages), "router-2 does not agree with router-1");
}

TEST_F(Placement, IsNotSettledWhileADeadOneIsTakenForAlive) {
  pages.erase(2);
  EXPECT_EQ(unsettled(pages), "router-0 sees one alive that is not");
  for (auto& [number, page] : pages) {
    entry(number, 2)["state"] = "dead";
    entry(number, number)["shards_held"] = entry(number, number)["shards_in_sync"] = 6;
  }
  EXPECT_EQ(unsettled(pages), "");
}

TEST_F(Placement, CountsAllNodesWhereAllAreHolders) {
  for (auto& [number, page] : pages)
    page["holders"] = "all";
  EXPECT_EQ(unsettled(pages), "12 copies of shards are held, not 18");
}

TEST_F(Placement, KnowsWhoDoesNotHearNats) {
  entry(1, 1)["hears_nats"] = false;
  EXPECT_EQ(unsettled(pages), "");
  EXPECT_EQ(deaf(pages), "router-1 does not hear NATS");
}

TEST(HeldByNoneBut, KnowsWhatTheLossOfItsHoldersCosts) {
  scenario plan;
  plan.nodes = 6;
  plan.holders = 2;
  plan.routes = 1'000;
  const auto lost = held_by_none_but({0, 1}, plan);
  EXPECT_GT(lost.size(), 20u); // One pair of fifteen: 67 or so.
  EXPECT_LT(lost.size(), 150u);
  EXPECT_EQ(held_by_none_but({1}, plan).size(), 0u);
  EXPECT_EQ(held_by_none_but({0, 1, 2, 3, 4, 5}, plan).size(), 1'000u);
  plan.holders = 0;
  EXPECT_EQ(held_by_none_but({0, 1, 2, 3, 4}, plan).size(), 0u);
}

} // namespace
} // namespace shunt::chaos
