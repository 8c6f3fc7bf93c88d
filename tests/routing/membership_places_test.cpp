// Who holds which shard as nodes come, go, and are away for a while.
#include "tests/routing/membership_fixture.hpp"

#include "routing/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using namespace test;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;

using name_set = std::set<std::string>;

class MembershipPlaces : public ::testing::Test {
protected:
  void start(std::size_t count, std::size_t holders = 3, std::size_t shards = 64) {
    world.rules.holders = holders;
    world.rules.shards = shards;
    for (std::size_t i = 0; i < count; ++i)
      world.start("n" + std::to_string(i));
    world.link_all();
    settle();
  }
  void settle() {
    world.pass(1s);
    world.sync();
    world.pass(1s);
    world.sync();
    world.pass(1s);
    ASSERT_TRUE(world.agree());
  }
  /// A shard that `name` holds.
  std::size_t shard_of(const std::string& name, std::size_t from = 0) {
    for (auto shard = from; shard < world.rules.shards; ++shard)
      if (world.holders("n0", shard).contains(name))
        return shard;
    return world.rules.shards;
  }
  void leave(const std::string& name) {
    world[name].set_leaving();
    world.speak(name);
    world.stop(name);
  }

  member_cluster world;
};

TEST_F(MembershipPlaces, ANodeThatIsAloneHoldsEverything) {
  start(1);
  for (const auto& each : world.all_holders("n0"))
    EXPECT_EQ(each, name_set{"n0"});
  EXPECT_FALSE(world["n0"].view_of(0).incomplete);
}

TEST_F(MembershipPlaces, HoldersAreTheFirstInRank) {
  start(9);
  std::vector<placed_node> nodes;
  for (const auto& [name, node] : world.nodes)
    nodes.push_back({name, ""});
  for (std::size_t shard = 0; shard < world.rules.shards; ++shard) {
    const auto ranked = rank_holders("prod", shard, nodes);
    name_set expected;
    for (std::size_t i = 0; i < 3; ++i)
      expected.insert(nodes[ranked[i]].name);
    for (const auto& [name, node] : world.nodes)
      EXPECT_EQ(world.holders(name, shard), expected);
  }
}

TEST_F(MembershipPlaces, OneNodeOfEachShardAnswersForItWhoeverDies) {
  start(5);
  for (auto& [name, node] : world.nodes)
    node.state.set_hears_nats(true);
  world.pass(1s);
  const auto expect_one = [this] {
    for (std::size_t shard = 0; shard < world.rules.shards; ++shard) {
      name_set answering;
      for (auto& [name, node] : world.nodes)
        if (node.state.view_of(shard).first)
          answering.insert(name);
      EXPECT_THAT(answering, SizeIs(1)) << "shard " << shard;
      for (const auto& name : answering)
        EXPECT_TRUE(world[name].view_of(shard).held);
    }
  };
  expect_one();
  for (std::size_t shard = 0; shard < world.rules.shards; ++shard)
    world["n1"].set_in_sync(shard, false);
  world.pass(1s);
  expect_one();
  for (std::size_t shard = 0; shard < world.rules.shards; ++shard)
    EXPECT_FALSE(world["n1"].view_of(shard).first) << "others know better";
  world.stop("n0");
  world.pass(1s);
  expect_one();
  world.stop("n3");
  world.pass(1s);
  expect_one();
}

TEST_F(MembershipPlaces, WhoHasOnlyJustMetOthersDoesNotAnswerForThem) {
  world.rules.peers_expected = true;
  start(2);
  world.start("n2").set_hears_nats(true);
  world.link_all();
  const auto firsts = [this] {
    std::size_t count = 0;
    for (std::size_t shard = 0; shard < world.rules.shards; ++shard)
      count += world["n2"].view_of(shard).first;
    return count;
  };
  EXPECT_EQ(firsts(), 0u) << "they have not said yet how they are";
  world.pass(1s);
  EXPECT_GT(firsts(), 0u) << "the others hear nothing";
}

TEST_F(MembershipPlaces, OthersStandInTheOrderOfPlacement) {
  start(9);
  const auto& borrower = world["n8"];
  auto names = member_cluster::names_of(borrower);
  for (std::size_t shard = 0; shard < world.rules.shards; ++shard) {
    const auto others = borrower.view_of(shard).others;
    for (std::size_t i = 1; i < others.size(); ++i)
      EXPECT_GT(placement_weight("prod", names[others[i - 1].peer], shard),
                placement_weight("prod", names[others[i].peer], shard));
  }
}

TEST_F(MembershipPlaces, AllMayHold) {
  start(5, 0);
  for (const auto& each : world.all_holders("n3"))
    EXPECT_THAT(each, SizeIs(5));
}

TEST_F(MembershipPlaces, HoldersAreInDifferentZones) {
  world.rules.shards = 64;
  for (const auto* name : {"a1", "a2", "a3"})
    world.start(name, 1, "a");
  for (const auto* name : {"b1", "c1"})
    world.start(name, 1, name);
  world.link_all();
  settle();
  for (const auto& each : world.all_holders("a1")) {
    EXPECT_THAT(each, SizeIs(3));
    EXPECT_THAT(each, IsSupersetOf({"b1", "c1"}));
  }
}

TEST_F(MembershipPlaces, ViewsSayWhoIsInSyncAndHearsNats) {
  start(2);
  world["n1"].set_hears_nats(true);
  world["n1"].set_in_sync(3, false);
  world.speak("n1");
  EXPECT_EQ(world["n0"].view_of(3).others,
            (std::vector<shard_view::holder>{{1, false, true, true}}));
  EXPECT_EQ(world["n0"].view_of(4).others,
            (std::vector<shard_view::holder>{{1, true, true, true}}));
}

// -- Away for a while

TEST_F(MembershipPlaces, AShortAbsenceMovesNothing) {
  start(8);
  const auto before = world.all_holders("n0");
  world.stop("n7");
  for (const auto time : {0s, 2s, 5s, 40s}) {
    world.pass(time);
    const auto now = world.all_holders("n0");
    for (std::size_t shard = 0; shard < before.size(); ++shard) {
      auto left = before[shard];
      left.erase("n7");
      EXPECT_EQ(now[shard], left);
      EXPECT_EQ(world["n0"].view_of(shard).incomplete, before[shard].contains("n7"));
    }
  }
  world.start("n7", 2);
  world.link_all();
  settle();
  EXPECT_EQ(world.all_holders("n0"), before);
  EXPECT_FALSE(world["n0"].view_of(0).incomplete);
}

TEST_F(MembershipPlaces, ALongAbsenceMovesTheShareOfTheOneThatIsGone) {
  start(8);
  const auto before = world.all_holders("n0");
  world.stop("n7");
  world.pass(59s);
  EXPECT_THAT(world.all_holders("n0"), Not(Contains(Contains("n7"))));
  world.pass(3s);
  ASSERT_TRUE(world.agree());
  const auto after = world.all_holders("n0");
  for (std::size_t shard = 0; shard < before.size(); ++shard) {
    EXPECT_THAT(after[shard], SizeIs(3));
    auto kept = before[shard];
    kept.erase("n7");
    EXPECT_THAT(after[shard], IsSupersetOf(kept));
  }
}

TEST_F(MembershipPlaces, AnAnnouncedRestartMovesNothing) {
  start(8);
  const auto before = world.all_holders("n0");
  leave("n7");
  world.pass(50s);
  for (std::size_t shard = 0; shard < before.size(); ++shard) {
    auto left = before[shard];
    left.erase("n7");
    EXPECT_EQ(world.holders("n0", shard), left);
  }
  world.start("n7", 2);
  world.link_all();
  settle();
  EXPECT_EQ(world.all_holders("n0"), before);
}

TEST_F(MembershipPlaces, ALeavingNodeHoldsToItsEnd) {
  start(4);
  const auto shard = shard_of("n3");
  world["n3"].set_leaving();
  world.pass(1s);
  EXPECT_TRUE(world["n3"].view_of(shard).held);
  EXPECT_TRUE(world["n3"].view_of(shard).incomplete);
  EXPECT_THAT(world.holders("n0", shard), Not(Contains("n3")));
}

TEST_F(MembershipPlaces, ALeavingNodeIsThereToTakeItsCopiesFromForAsLongAsItIsHeard) {
  start(3, 1);
  const auto shard = shard_of("n2");
  const auto copies = [&](const std::string& name) {
    std::set<std::string> all;
    const auto names = world.names_of(world[name]);
    for (const auto& other : world[name].view_of(shard).others)
      if (other.in_sync)
        all.insert(names.at(other.peer) + (other.placed ? "" : ", leaving"));
    return all;
  };
  world["n2"].set_leaving();
  world.pass(1s);
  const bool first_follows = world["n0"].view_of(shard).held;
  const std::string next = first_follows ? "n0" : "n1", other = first_follows ? "n1" : "n0";
  EXPECT_EQ(world.holders(other, shard), name_set{next});
  for (const auto& name : {next, other})
    EXPECT_EQ(copies(name), name_set{"n2, leaving"}) << name;
  world[next].set_in_sync(shard, true);
  world.pass(1s);
  EXPECT_EQ(copies(other), (name_set{next, "n2, leaving"}));
  EXPECT_FALSE(world[other].view_of(shard).others.back().placed) << "whoever can asks somebody else";
  world.pass(3s, {"n2"});
  EXPECT_EQ(copies(other), name_set{next}) << "it stands still";
  world.pass(1s);
  EXPECT_EQ(copies(other), (name_set{next, "n2, leaving"}));
  world.stop("n2");
  EXPECT_EQ(copies(other), name_set{next});
}

TEST_F(MembershipPlaces, WhoStartsWhileAnotherIsAwayPlacesAsTheOthersDo) {
  start(6);
  world.stop("n5");
  world.pass(10s);
  world.stop("n4");
  world.start("n4", 2);
  world.link_all();
  EXPECT_TRUE(world.agree()) << "before any time passed";
  world.pass(10s);
  world.start("new");
  world.link_all();
  world.pass(600ms);
  EXPECT_TRUE(world.agree());
  world.pass(50s);
  EXPECT_TRUE(world.agree()) << "when the one that was away is forgotten";
}

// -- The last holder

TEST_F(MembershipPlaces, TheLastHolderGetsAnotherAtOnce) {
  start(6);
  const auto shard = shard_of("n5");
  auto holders = world.holders("n0", shard);
  auto gone = holders.begin();
  const auto first = *gone++, second = *gone++, last = *gone;
  world.stop(first);
  world.stop(second);
  for (auto& [name, node] : world.nodes) {
    const auto now = world.holders(name, shard);
    EXPECT_THAT(now, SizeIs(2)) << name;
    EXPECT_THAT(now, Contains(last));
    EXPECT_TRUE(node.state.view_of(shard).incomplete);
  }
}

TEST_F(MembershipPlaces, TheOtherGivesTheShardBackWhenAPlacedOneIs) {
  start(6);
  const auto shard = shard_of("n5");
  const auto before = world.holders("n0", shard);
  auto gone = before.begin();
  const auto first = *gone++, second = *gone++, last = *gone;
  world.stop(first);
  world.stop(second);
  settle();
  auto with_spare = world.holders(last, shard);
  ASSERT_THAT(with_spare, SizeIs(2));
  with_spare.erase(last);
  const auto spare = *with_spare.begin();
  world.start(first, 2);
  world.link_all();
  world.pass(1s);
  for (auto& [name, node] : world.nodes)
    EXPECT_EQ(world.holders(name, shard), (name_set{first, last})) << name;
  EXPECT_EQ(world.copies(first, shard), name_set{spare}) << "who can be asked";
  world[spare].set_in_sync(shard, false);
  world.speak(spare);
  EXPECT_THAT(world.copies(first, shard), IsEmpty());
  world.start(second, 2);
  world.link_all();
  settle();
  EXPECT_EQ(world.holders(last, shard), before);
}

TEST_F(MembershipPlaces, IfAllHoldersAreGoneTheNextTwoHold) {
  start(6);
  const auto shard = shard_of("n5");
  const auto before = world.holders("n0", shard);
  for (const auto& name : before)
    world.stop(name);
  for (auto& [name, node] : world.nodes)
    EXPECT_THAT(world.holders(name, shard), SizeIs(2));
  settle();
  for (const auto& name : before)
    world.start(name, 2);
  world.link_all();
  world.pass(1s);
  EXPECT_EQ(world.holders(*before.begin(), shard), before);
  EXPECT_THAT(world.copies(*before.begin(), shard), SizeIs(2));
}

TEST_F(MembershipPlaces, ALeaveCountsForTheLastHolderToo) {
  start(4, 2);
  const auto shard = shard_of("n3");
  world["n3"].set_leaving();
  world.speak("n3");
  for (const auto* name : {"n0", "n1", "n2"})
    EXPECT_THAT(world.holders(name, shard), SizeIs(2)) << name;
  EXPECT_THAT(world.holders("n3", shard), SizeIs(3)) << "itself to its end";
}

TEST_F(MembershipPlaces, TwoNodesOfWhichOneIsGoneAskForNoThird) {
  start(2);
  world.stop("n1");
  EXPECT_EQ(world.holders("n0", 0), name_set{"n0"});
  EXPECT_TRUE(world["n0"].view_of(0).incomplete);
}

TEST_F(MembershipPlaces, WithOneHolderEachTheNextReplacesIt) {
  start(4, 1);
  const auto shard = shard_of("n3");
  ASSERT_EQ(world.holders("n0", shard), name_set{"n3"});
  world.stop("n3");
  EXPECT_THAT(world.holders("n0", shard), SizeIs(1));
}

// -- Handing over

TEST_F(MembershipPlaces, WhoStillHasACopyIsNamed) {
  start(3, 1);
  const auto before = world.all_holders("n0");
  world.start("n3");
  world.link_all();
  world.pass(1s);
  std::size_t moved = 0;
  for (std::size_t shard = 0; shard < before.size(); ++shard)
    if (world.holders("n3", shard) == name_set{"n3"}) {
      ++moved;
      EXPECT_EQ(world.copies("n3", shard), before[shard]);
    } else {
      EXPECT_EQ(world.holders("n3", shard), before[shard]);
      EXPECT_THAT(world.copies("n3", shard), IsEmpty());
    }
  EXPECT_GT(moved, 0u);
  settle();
  for (std::size_t shard = 0; shard < before.size(); ++shard)
    EXPECT_THAT(world.copies("n3", shard), IsEmpty());
}

TEST_F(MembershipPlaces, JoiningMovesOnlyToTheNewNode) {
  start(9, 3, 256);
  const auto before = world.all_holders("n0");
  world.start("n9");
  world.link_all();
  settle();
  std::size_t moved = 0;
  const auto after = world.all_holders("n0");
  for (std::size_t shard = 0; shard < before.size(); ++shard) {
    auto gained = after[shard];
    for (const auto& name : before[shard])
      gained.erase(name);
    EXPECT_THAT(gained, ::testing::AnyOf(IsEmpty(), name_set{"n9"}));
    moved += gained.size();
  }
  // 256 * 3 / 10, and 4.5 standard deviations of the binomial; see placement_test.cpp.
  EXPECT_NEAR(static_cast<double>(moved), 76.8, 33);
}

// -- What changed

TEST_F(MembershipPlaces, ChangedShardsAreToldOnce) {
  start(6);
  auto& state = world["n0"];
  EXPECT_THAT(state.take_changed(), SizeIs(64)) << "all are new";
  EXPECT_THAT(state.take_changed(), IsEmpty());
  world.pass(10s);
  EXPECT_THAT(state.take_changed(), IsEmpty());
}

TEST_F(MembershipPlaces, OnlyShardsWhoseViewsChangedAreTold) {
  start(6);
  auto& state = world["n0"];
  state.take_changed();
  const auto before = world.all_holders("n0");
  world.stop("n5");
  std::vector<std::size_t> expected;
  for (std::size_t shard = 0; shard < before.size(); ++shard)
    if (before[shard].contains("n5"))
      expected.push_back(shard);
  EXPECT_EQ(state.take_changed(), expected);
}

TEST_F(MembershipPlaces, AWordOfOneShardTouchesThatShard) {
  start(6);
  auto& state = world["n0"];
  state.take_changed();
  const auto shard = shard_of("n5");
  world["n5"].set_in_sync(shard, false);
  world.speak("n5");
  EXPECT_EQ(state.take_changed(), std::vector<std::size_t>{shard});
  state.set_in_sync(shard_of("n0"), false); // Of itself: not in its own views.
  world.speak("n5");
  EXPECT_THAT(state.take_changed(), IsEmpty());
}

TEST_F(MembershipPlaces, ViewsThatWereTakenAreThoseThatStand) {
  // Whoever follows `take_changed` knows all views, through any sequence of events.
  start(5, 2, 16);
  rng dice{3};
  std::map<std::string, std::vector<shard_view>> known;
  const auto follow = [&] {
    for (auto& [name, node] : world.nodes) {
      auto& views = known[name];
      views.resize(16);
      for (const auto shard : node.state.take_changed())
        views[shard] = node.state.view_of(shard);
      for (std::size_t shard = 0; shard < 16; ++shard)
        ASSERT_EQ(views[shard], node.state.view_of(shard)) << name << ' ' << shard;
    }
  };
  std::uint64_t incarnation = 1;
  for (int step = 0; step < 300; ++step) {
    const auto name = "n" + std::to_string(dice.below(5)),
               other = "n" + std::to_string(dice.below(5));
    switch (dice.below(6)) {
      case 0:
        if (world.nodes.size() > 1) {
          world.stop(name);
          known.erase(name);
        }
        break;
      case 1:
        if (!world.nodes.contains(name))
          world.start(name, ++incarnation);
        break;
      case 2: world.cut(name, other); break;
      case 3:
        if (world.nodes.contains(name))
          world[name].set_in_sync(dice.below(16), dice.below(2) == 0);
        break;
      case 4: world.pass(std::chrono::milliseconds{200 * dice.below(100)}); break;
      default: world.link_all(); break;
    }
    follow();
    if (HasFatalFailure())
      return;
  }
}

} // namespace
} // namespace shunt::routing
