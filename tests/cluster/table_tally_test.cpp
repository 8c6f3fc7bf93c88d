// How nodes that see each other add up the table: each shard once, whoever holds it.
#include "cluster/table_tally.hpp"

#include "tests/routing/membership_fixture.hpp"

#include <gtest/gtest.h>

namespace shunt::cluster {
namespace {

using namespace std::chrono_literals;
using routing::test::member_cluster;

class TableTally : public testing::Test {
protected:
  TableTally() {
    for (const auto* name : {"a", "b", "c"})
      all.start(name);
    all.link_all();
    all.pass(1s);
    for (auto& [name, node] : all.nodes)
      for (std::size_t shard = 0; shard < all.rules.shards; ++shard)
        in_sync[name].push_back(node.state.view_of(shard).held);
    all.sync();
    all.pass(1s);
  }
  static routing::membership_rules rules() {
    routing::membership_rules some;
    some.shards = 64;
    some.holders = 2;
    return some;
  }
  /// What each node counts for all, and tells the others that it is linked with.
  void exchange() {
    for (auto& [name, node] : all.nodes) {
      tallies[name].count(node.state, in_sync[name], [](std::size_t shard) { return table_counts{shard + 1, 10}; });
    }
    for (auto& [name, node] : all.nodes)
      for (const auto& [other, peer] : node.links)
        tallies[name].told(peer, tallies[other].own());
  }
  table_counts whole(const std::string& name) { return tallies[name].whole(all[name]); }

  member_cluster all{rules()};
  std::map<std::string, table_tally> tallies;
  std::map<std::string, std::vector<bool>> in_sync; ///< As each has told the others.
  const table_counts table{64 * 65 / 2, 640};
};

TEST_F(TableTally, CountsEachShardOnceThoughTwoNodesHoldIt) {
  exchange();
  for (const auto* name : {"a", "b", "c"})
    EXPECT_EQ(whole(name), table) << name;
  EXPECT_LT(tallies["a"].own().routes, table.routes);
  EXPECT_LT(tallies["c"].own().routes, tallies["a"].own().routes) << "the smallest name counts";
}

TEST_F(TableTally, LetsOneInSyncCountForOneThatIsNot) {
  for (std::size_t shard = 0; shard < all.rules.shards; ++shard)
    all["a"].set_in_sync(shard, in_sync["a"][shard] = false);
  all.pass(1s);
  exchange();
  EXPECT_EQ(tallies["a"].own(), table_counts{}); // It may know little yet.
  for (const auto* name : {"a", "b", "c"})
    EXPECT_EQ(whole(name), table) << name;
}

TEST_F(TableTally, CountsOnWithoutANodeThatDied) {
  exchange();
  all.stop("a");
  all.pass(1s); // Those that it held have one other holder each.
  exchange();
  for (const auto* name : {"b", "c"})
    EXPECT_EQ(whole(name), table) << name;
}

TEST_F(TableTally, CountsOnWithoutANodeThatLeavesThoughOthersStillTakeFromIt) {
  all["a"].set_leaving();
  all.pass(1s);
  exchange();
  for (const auto* name : {"b", "c"})
    EXPECT_EQ(whole(name), table) << name;
}

TEST_F(TableTally, TellsAPeerOnlyWhatIsNew) {
  exchange();
  auto& tally = tallies["a"];
  EXPECT_TRUE(tally.is_news_to(1));
  EXPECT_FALSE(tally.is_news_to(1));
  EXPECT_TRUE(tally.is_news_to(2));
  tally.count(all["a"], std::vector<bool>(64, true), [](std::size_t) { return table_counts{7, 7}; });
  EXPECT_TRUE(tally.is_news_to(1));
  tally.forget(1);
  EXPECT_TRUE(tally.is_news_to(1)); // Another link, perhaps to another process.
}

TEST_F(TableTally, CountsNothingOfOneWhoseLinkEnded) {
  exchange();
  const auto own = tallies["a"].own();
  for (const auto& [name, peer] : all.nodes.at("a").links)
    tallies["a"].forget(peer);
  EXPECT_EQ(whole("a"), own);
}

} // namespace
} // namespace shunt::cluster
