// Who holds which shard: alike for all who know the same nodes, evenly, and hardly ever anew.
#include "routing/placement.hpp"
#include "routing/random.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

constexpr std::size_t shards = 256, holders = 3;

std::vector<placed_node> named(std::size_t count, std::size_t zones = 0) {
  std::vector<placed_node> nodes;
  for (std::size_t i = 0; i < count; ++i)
    nodes.push_back(
      {"router-" + std::to_string(i), zones == 0 ? "" : "z" + std::to_string(i % zones)});
  return nodes;
}

using name_set = std::set<std::string>;

/// The names of the holders of each shard.
std::vector<name_set> holders_of(const std::vector<placed_node>& nodes,
                                 std::size_t count = holders) {
  std::vector<name_set> all(shards);
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const auto ranked = rank_holders("prod", shard, nodes);
    for (std::size_t i = 0; i < std::min(count, ranked.size()); ++i)
      all[shard].insert(nodes[ranked[i]].name);
  }
  return all;
}

name_set without(name_set from, const name_set& taken) {
  for (const auto& name : taken)
    from.erase(name);
  return from;
}

/// What `after` has that `before` had not, over all shards: how often, by name.
std::map<std::string, std::size_t> gains(const std::vector<name_set>& before,
                                         const std::vector<name_set>& after) {
  std::map<std::string, std::size_t> gained;
  for (std::size_t shard = 0; shard < shards; ++shard)
    for (const auto& name : without(after[shard], before[shard]))
      ++gained[name];
  return gained;
}

TEST(Placement, HashIsTheSameInEveryVersion) {
  // Written down once: a node of another version must come to the same.
  EXPECT_EQ(murmur_mix(0), 0u);
  EXPECT_EQ(murmur_mix(1), 0xb456bcfc34c2cb2cu);
  EXPECT_EQ(placement_weight("prod", "router-0", 0), 0xc42cd1e0162b9571u);
  EXPECT_EQ(placement_weight("prod", "router-0", 255), 0x0e005b1c16c3e97eu);
}

TEST(Placement, NamesOfClusterAndNodeDoNotRunTogether) {
  EXPECT_NE(placement_weight("ab", "c", 7), placement_weight("a", "bc", 7));
  EXPECT_NE(placement_weight("a", "c", 7), placement_weight("b", "c", 7));
}

TEST(Placement, RanksEveryNodeOnceByWeight) {
  const auto nodes = named(20);
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const auto ranked = rank_holders("prod", shard, nodes);
    ASSERT_EQ(std::set(ranked.begin(), ranked.end()).size(), nodes.size());
    for (std::size_t i = 1; i < ranked.size(); ++i)
      EXPECT_GT(placement_weight("prod", nodes[ranked[i - 1]].name, shard),
                placement_weight("prod", nodes[ranked[i]].name, shard));
  }
}

TEST(Placement, OfNoNodesAndOfOne) {
  EXPECT_TRUE(rank_holders("prod", 0, {}).empty());
  EXPECT_EQ(rank_holders("prod", 0, named(1)), std::vector<std::uint16_t>{0});
}

TEST(Placement, DependsOnTheSetAndNotOnItsOrder) {
  rng dice{1};
  for (const std::size_t zones : {0, 2, 3, 5}) {
    auto nodes = named(17, zones);
    const auto first = holders_of(nodes);
    for (int round = 0; round < 5; ++round) {
      std::shuffle(nodes.begin(), nodes.end(), dice);
      EXPECT_EQ(holders_of(nodes), first);
    }
  }
}

TEST(Placement, ManyAtOnceAreAsOneByOne) {
  const auto nodes = named(30, 4);
  const placement all{"prod", nodes};
  for (std::size_t shard = 0; shard < shards; ++shard)
    EXPECT_EQ(all.rank(shard), rank_holders("prod", shard, nodes));
}

TEST(Placement, ANewNodeTakesItsShareAndNobodyElseGains) {
  for (const std::size_t count : {1, 2, 3, 4, 9, 30, 100, 199}) {
    const auto gained = gains(holders_of(named(count)), holders_of(named(count + 1)));
    const auto newest = "router-" + std::to_string(count);
    ASSERT_EQ(gained.size(), 1u) << count;
    EXPECT_EQ(gained.begin()->first, newest);
    // Each shard falls to it with the chance p = R / (N + 1), so its number of shards is
    // binomial: 4.5 standard deviations let one of 150 000 good hashes fail, and a share that is
    // wrong by half does not pass.
    const double p = std::min(1.0, double(holders) / double(count + 1));
    const double expected = shards * p, deviation = std::sqrt(shards * p * (1 - p));
    EXPECT_NEAR(double(gained.at(newest)), expected, 4.5 * deviation + 1e-9) << count;
  }
}

TEST(Placement, ANodeThatGoesLeavesItsShareAndNobodyElseLoses) {
  const auto before = named(40);
  const auto was = holders_of(before);
  for (std::size_t gone = 0; gone < before.size(); gone += 7) {
    auto after = before;
    after.erase(after.begin() + static_cast<std::ptrdiff_t>(gone));
    const auto lost = gains(holders_of(after), was); // What only the earlier ones have.
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_EQ(lost.begin()->first, before[gone].name);
  }
}

TEST(Placement, LoadIsEven) {
  for (const std::size_t count : {5, 20, 100}) {
    std::map<std::string, std::size_t> load;
    for (const auto& each : holders_of(named(count)))
      for (const auto& name : each)
        ++load[name];
    const double p = double(holders) / double(count);
    const double expected = shards * p, deviation = std::sqrt(shards * p * (1 - p));
    EXPECT_EQ(load.size(), count);
    for (const auto& [name, slots] : load)
      EXPECT_NEAR(double(slots), expected, 4.5 * deviation) << name;
  }
}

TEST(Placement, OtherClustersPlaceOtherwise) {
  const auto nodes = named(20);
  std::size_t same = 0;
  for (std::size_t shard = 0; shard < shards; ++shard)
    same += rank_holders("prod", shard, nodes)[0] == rank_holders("test", shard, nodes)[0];
  EXPECT_LT(same, shards / 5); // A twentieth is expected.
}

// -- Zones

name_set zones_of(const std::vector<placed_node>& nodes, const std::vector<std::uint16_t>& ranked,
                  std::size_t count) {
  name_set zones;
  for (std::size_t i = 0; i < count; ++i)
    zones.insert(nodes[ranked[i]].zone);
  return zones;
}

TEST(PlacementZones, HoldersAreInDifferentZonesAsLongAsThereAreSuch) {
  for (const std::size_t zones : {1, 2, 3, 4, 7}) {
    const auto nodes = named(21, zones);
    for (std::size_t shard = 0; shard < shards; ++shard) {
      const auto ranked = rank_holders("prod", shard, nodes);
      for (std::size_t count = 1; count <= 5; ++count)
        EXPECT_EQ(zones_of(nodes, ranked, count).size(), std::min(count, zones));
      EXPECT_EQ(std::set(ranked.begin(), ranked.end()).size(), nodes.size());
    }
  }
}

TEST(PlacementZones, EachZoneSendsItsHeaviestNode) {
  const auto nodes = named(12, 3);
  for (std::size_t shard = 0; shard < shards; ++shard) {
    const auto ranked = rank_holders("prod", shard, nodes);
    for (std::size_t i = 0; i < 3; ++i)
      for (const auto& other : nodes) {
        const auto& first = nodes[ranked[i]];
        if (other.zone == first.zone && other.name != first.name) {
          EXPECT_GT(placement_weight("prod", first.name, shard),
                    placement_weight("prod", other.name, shard));
        }
      }
  }
}

TEST(PlacementZones, ANodeWithoutAZoneIsInOneOfItsOwn) {
  auto nodes = named(6, 1);
  nodes.push_back({"alone-1", ""});
  nodes.push_back({"alone-2", ""});
  for (const auto& each : holders_of(nodes)) {
    EXPECT_TRUE(each.contains("alone-1"));
    EXPECT_TRUE(each.contains("alone-2"));
  }
}

TEST(PlacementZones, ComingAndGoingMovesNothingBetweenOthers) {
  rng dice{2};
  for (int round = 0; round < 60; ++round) {
    auto nodes = named(3 + dice.below(20), 1 + dice.below(6));
    if (dice.below(4) == 0)
      nodes[dice.below(nodes.size())].zone.clear();
    const auto fewer = holders_of(nodes);
    nodes.push_back({"new", dice.below(3) == 0 ? "zone-new" : "z0"});
    const auto more = holders_of(nodes);
    for (const auto& [name, count] : gains(fewer, more))
      EXPECT_EQ(name, "new");
    for (std::size_t shard = 0; shard < shards; ++shard)
      EXPECT_LE(without(fewer[shard], more[shard]).size(), 1u);
  }
}

} // namespace
} // namespace shunt::routing
