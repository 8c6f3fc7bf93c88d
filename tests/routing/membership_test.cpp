// How a node's peers are: who is let in, who is alive, suspect, dead or gone, and who agrees with
// whom.
#include "tests/routing/membership_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Membership : public ::testing::Test {
protected:
  void start(std::initializer_list<const char*> names) {
    for (const auto* name : names)
      world.start(name);
    world.link_all();
    world.pass(1s);
  }
  /// Whether it would answer for all, of one shard at least.
  bool speaks(const std::string& name) {
    world[name].set_hears_nats(true);
    for (std::size_t shard = 0; shard < world.rules.shards; ++shard)
      if (world[name].view_of(shard).first)
        return true;
    return false;
  }
  std::string refusal(const node_hello& theirs) {
    return world["a"].connected(theirs, world.now).refusal;
  }
  node_hello like(const std::string& name) {
    auto hello = world["a"].self();
    hello.node = name;
    return hello;
  }

  member_cluster world;
};

// -- Who is let in

TEST_F(Membership, RefusesAnotherCluster) {
  start({"a"});
  auto other = like("b");
  other.cluster = "test";
  EXPECT_EQ(refusal(other),
            "cluster.name is \"test\" there and \"prod\" here: give all nodes of one cluster "
            "the same, and take those of others from cluster.peers");
  EXPECT_TRUE(world["a"].peers().empty());
}

TEST_F(Membership, RefusesAnotherNumberOfShards) {
  start({"a"});
  auto other = like("b");
  other.shards = 128;
  EXPECT_EQ(refusal(other),
            "cluster.shards is 128 there and 256 here: it is fixed for a cluster, set the same on "
            "all nodes and start this one anew");
}

TEST_F(Membership, WarnsOfOtherHoldersAndTimes) {
  start({"a"});
  auto other = like("b");
  other.holders = 2;
  other.remove_after_ms = 7000;
  const auto welcome = world["a"].connected(other, world.now);
  ASSERT_TRUE(welcome.peer);
  EXPECT_EQ(welcome.warning,
            "cluster.holders is 2 there and 3 here; cluster.remove_after is 7000ms there and "
            "5000ms here: set the same on all nodes");
  EXPECT_EQ(world["a"].peers()[0].warning, welcome.warning);
  EXPECT_EQ(world["a"].connected(like("c"), world.now).warning, "");
}

TEST_F(Membership, RefusesItselfAndItsNamesake) {
  start({"a"});
  EXPECT_EQ(refusal(like("a")), "this is the node itself");
  auto namesake = like("a");
  ++namesake.incarnation;
  EXPECT_THAT(refusal(namesake), HasSubstr("give each node a name of its own"));
}

TEST_F(Membership, RefusesWhatNoNodeSays) {
  start({"a"});
  for (const auto& name :
       {std::string{}, std::string{"b\n"}, std::string{"b c"}, std::string(254, 'b')})
    EXPECT_THAT(refusal(like(name)), HasSubstr("empty, too long or not printable"));
  auto far = like("b");
  far.zone = std::string(65, 'z');
  EXPECT_THAT(refusal(far), HasSubstr("cluster.zone"));
  far = like("b");
  far.address = std::string(261, 'h');
  EXPECT_THAT(refusal(far), HasSubstr("cluster.node.host"));
}

TEST_F(Membership, HearsOfSoManyNamesAndNoMore) {
  world.rules.shards = 1;
  start({"a"});
  for (std::size_t i = 1; i < peers_max; ++i)
    ASSERT_EQ(refusal(like("n" + std::to_string(i))), "");
  EXPECT_THAT(refusal(like("too-many")), HasSubstr("more nodes than one may hear of, 1024 names"));
  EXPECT_EQ(refusal(like("n7")), "");
  node_news news{{{"another", "", "x:1", 1, 1, 0s, false}}};
  world["a"].told(news, world.now);
  EXPECT_EQ(world["a"].peers().size(), peers_max - 1);
}

// -- Alive, suspect, dead, forgotten

TEST_F(Membership, IsAliveWhileItIsHeard) {
  start({"a", "b"});
  EXPECT_EQ(world.log("a"), "b:peer-alive");
  world.pass(100s);
  EXPECT_EQ(world.state("b", "a"), "alive");
  EXPECT_EQ(world.log("a"), "");
}

TEST_F(Membership, SilenceMakesSuspectThenDeadThenForgotten) {
  start({"a", "b"});
  world.pass(800ms, {"b"});
  EXPECT_EQ(world.state("b", "a"), "alive");
  world.pass(200ms, {"b"});
  EXPECT_EQ(world.state("b", "a"), "suspect");
  world.pass(3800ms, {"b"});
  EXPECT_EQ(world.state("b", "a"), "suspect");
  world.pass(200ms, {"b"});
  EXPECT_EQ(world.state("b", "a"), "dead");
  world.pass(54800ms, {"b"});
  EXPECT_EQ(world.state("b", "a"), "dead");
  world.pass(200ms, {"b"});
  EXPECT_EQ(world.state("b", "a"), "unknown");
  EXPECT_EQ(world.log("a"), "b:peer-alive b:peer-suspect b:peer-dead b:peer-forgotten");
}

TEST_F(Membership, AClosedLinkMakesSuspectAtOnceAndAnOpenOneAlive) {
  start({"a", "b"});
  world.cut("a", "b");
  EXPECT_EQ(world.state("b", "a"), "suspect");
  world.pass(2s);
  EXPECT_EQ(world.state("b", "a"), "suspect");
  world.link("a", "b");
  EXPECT_EQ(world.state("b", "a"), "alive");
}

TEST_F(Membership, WhoWasSilentIsAliveWithItsNextWord) {
  start({"a", "b"});
  world.pass(70s, {"b"});
  EXPECT_EQ(world.state("b", "a"), "unknown");
  world.pass(1s);
  EXPECT_EQ(world.state("b", "a"), "alive");
  EXPECT_TRUE(world.agree());
}

TEST_F(Membership, LeavingNeedsNoSuspicion) {
  start({"a", "b"});
  world["b"].set_leaving();
  world.speak("b");
  EXPECT_EQ(world.state("b", "a"), "left");
  world.pass(20s); // It drains, and says so.
  EXPECT_EQ(world.state("b", "a"), "left");
  world.cut("a", "b");
  world.pass(30s);
  EXPECT_EQ(world.state("b", "a"), "left");
  world.pass(31s);
  EXPECT_EQ(world.state("b", "a"), "unknown");
  EXPECT_EQ(world.log("a"), "b:peer-alive b:peer-left b:peer-forgotten");
}

TEST_F(Membership, ALeavingNodeThatLinksAgainStillLeaves) {
  start({"a", "b"});
  world["b"].set_leaving();
  world.speak("b");
  world.cut("a", "b");
  world.link("a", "b");
  EXPECT_EQ(world.state("b", "a"), "left");
}

TEST_F(Membership, NothingIsHeardOverAClosedLink) {
  start({"a", "b"});
  const auto peer = world.nodes.at("a").links.at("b");
  world.cut("a", "b");
  world["a"].heard(peer, world["b"].heartbeat(), world.now);
  EXPECT_EQ(world.state("b", "a"), "suspect");
  world["a"].heard(999, {}, world.now);
  world["a"].disconnected(999, world.now);
  world["a"].disconnected(this_node, world.now);
}

TEST_F(Membership, NobodyIsJudgedByTheTimeInWhichThisNodeDidNotRun) {
  start({"a", "b", "c"});
  world.log("a");
  world.now += 30s; // As after SIGSTOP; what they said meanwhile is still to be read.
  world["a"].tick(world.now);
  EXPECT_EQ(world.log("a"), "");
  world.pass(10s);
  EXPECT_EQ(world.log("a"), "");
  world.now += 30s;
  world["a"].tick(world.now);
  world.pass(800ms, {"b"});
  EXPECT_EQ(world.log("a"), "");
  world.pass(400ms, {"b"});
  EXPECT_EQ(world.log("a"), "b:peer-dead");
}

TEST_F(Membership, ANodeThatIsAlwaysSlowJudgesAllTheSame) {
  start({"a", "b"});
  for (int i = 0; i < 20; ++i)
    world["a"].tick(world.now += 600ms);
  EXPECT_EQ(world.state("b", "a"), "dead");
}

// -- Incarnations

TEST_F(Membership, ANewIncarnationReplacesTheOldOne) {
  start({"a", "b"});
  const auto number = world.nodes.at("a").links.at("b");
  auto anew = world["b"].self();
  anew.incarnation = 2;
  const auto welcome = world["a"].connected(anew, world.now);
  EXPECT_EQ(welcome.peer, number);
  EXPECT_TRUE(welcome.renewed);
  EXPECT_EQ(world.state("b", "a"), "alive");
  EXPECT_EQ(world["a"].peers()[0].hello.incarnation, 2u);
}

TEST_F(Membership, TheSameIncarnationResumes) {
  start({"a", "b"});
  const auto number = world.nodes.at("a").links.at("b");
  world.cut("a", "b");
  world.pass(10s);
  const auto welcome = world["a"].connected(world["b"].self(), world.now);
  EXPECT_EQ(welcome.peer, number);
  EXPECT_FALSE(welcome.renewed);
}

TEST_F(Membership, AnOldIncarnationIsRefusedUntilTheNewOneIsForgotten) {
  start({"a"});
  auto anew = like("b"), old = like("b");
  anew.incarnation = 5;
  old.incarnation = 4;
  const auto number = world["a"].connected(anew, world.now).peer;
  EXPECT_THAT(refusal(old),
              HasSubstr("\"b\" started again since, or the clock of its machine was set back"));
  world["a"].disconnected(*number, world.now);
  world.pass(60s);
  const auto welcome = world["a"].connected(old, world.now);
  EXPECT_EQ(welcome.peer, number);
  EXPECT_TRUE(welcome.renewed);
}

TEST_F(Membership, ANumberIsNeverGivenToAnotherName) {
  start({"a", "b"});
  const auto number = world.nodes.at("a").links.at("b");
  world.stop("b");
  world.pass(61s);
  EXPECT_NE(world["a"].connected(like("c"), world.now).peer, number);
  EXPECT_EQ(world["a"].connected(like("b"), world.now).peer, number);
}

// -- Who agrees with whom

TEST_F(Membership, ViewsAreEqualWhereTheSameIsKnown) {
  start({"a", "b", "c", "d"});
  EXPECT_TRUE(world.agree());
  const auto before = world["a"].view_hash();
  world.start("e");
  world.link_all();
  world.pass(2s);
  EXPECT_TRUE(world.agree());
  EXPECT_NE(world["a"].view_hash(), before);
  world.stop("e");
  world.pass(100s);
  EXPECT_TRUE(world.agree());
  EXPECT_EQ(world["a"].view_hash(), before);
}

TEST_F(Membership, ViewsDifferByIncarnationAndByWhoIsThere) {
  start({"a", "b", "c"});
  const auto before = world["a"].view_hash();
  world.cut("a", "b");
  EXPECT_NE(world["a"].view_hash(), before);
  EXPECT_EQ(world["c"].view_hash(), before);
  world.link("a", "b");
  EXPECT_EQ(world["a"].view_hash(), before);
  world.stop("b");
  world.start("b", 2);
  world.link_all();
  world.pass(1s);
  EXPECT_TRUE(world.agree());
  EXPECT_NE(world["a"].view_hash(), before);
}

TEST_F(Membership, ALeavingNodeAgreesThatItLeaves) {
  start({"a", "b", "c"});
  const auto before = world["a"].view_hash();
  world["b"].set_leaving();
  EXPECT_NE(world["b"].view_hash(), before);
  world.pass(400ms);
  EXPECT_EQ(world["a"].view_hash(), world["b"].view_hash());
}

TEST_F(Membership, HeartbeatsSayWhatTheNodeSays) {
  start({"a", "b"});
  world["b"].set_hears_nats(true);
  world["b"].set_in_sync(7, true);
  const auto first = world["b"].heartbeat(), second = world["b"].heartbeat();
  EXPECT_EQ(second.sequence, first.sequence + 1);
  EXPECT_EQ(second.view, world["b"].view_hash());
  EXPECT_TRUE(second.hears_nats);
  EXPECT_FALSE(second.leaving);
  EXPECT_EQ(second.in_sync.size(), 256u);
  EXPECT_TRUE(second.in_sync[7]);
  world.speak("b");
  const auto peer = world["a"].peers().at(0);
  EXPECT_TRUE(peer.hears_nats);
  EXPECT_EQ(peer.shards_in_sync, 1u);
  EXPECT_EQ(peer.shards_held, 256u);
  EXPECT_EQ(peer.view, world["b"].view_hash());
}

// -- Alone

TEST_F(Membership, AloneByWishIsNotIsolated) {
  start({"a"});
  world.pass(100s);
  EXPECT_FALSE(world["a"].isolated(world.now));
}

TEST_F(Membership, WhoExpectsOthersAndMeetsNoneIsIsolated) {
  world.rules.peers_expected = true;
  start({"a"});
  EXPECT_FALSE(world["a"].isolated(world.now)) << "there was no time yet";
  world.pass(5s);
  EXPECT_TRUE(world["a"].isolated(world.now));
}

TEST_F(Membership, WhoHearsNobodyAnyMoreIsIsolatedHoweverLong) {
  start({"a", "b", "c"});
  world.pass(10s, {"b"});
  EXPECT_FALSE(world["a"].isolated(world.now));
  world.pass(4s, {"b", "c"});
  EXPECT_FALSE(world["a"].isolated(world.now));
  world.pass(2s, {"b", "c"});
  EXPECT_TRUE(world["a"].isolated(world.now));
  world.pass(1000s, {"b", "c"});
  EXPECT_TRUE(world["a"].isolated(world.now));
  world.pass(1s, {"b"});
  EXPECT_FALSE(world["a"].isolated(world.now));
}

TEST_F(Membership, WhomAllLeftOnPurposeIsNotIsolated) {
  world.rules.peers_expected = true;
  start({"a", "b"});
  world["b"].set_leaving();
  world.speak("b");
  world.stop("b");
  world.pass(100s);
  EXPECT_FALSE(world["a"].isolated(world.now));
}

// -- Speaking for all

TEST_F(Membership, WhoExpectsOthersSpeaksForNobodyBeforeItMeetsOne) {
  world.rules.peers_expected = true;
  start({"a"});
  EXPECT_FALSE(speaks("a"));
  world.pass(100s);
  EXPECT_FALSE(speaks("a")) << "it is isolated";
  start({"b"});
  EXPECT_TRUE(speaks("a"));
}

TEST_F(Membership, WhoSeeksOthersInVainSpeaksForItselfAfterAWhile) {
  world.rules.peers_sought = 20s;
  start({"a"});
  EXPECT_FALSE(speaks("a"));
  world.pass(18s);
  EXPECT_FALSE(speaks("a"));
  world.pass(2s);
  EXPECT_TRUE(speaks("a"));
}

TEST_F(Membership, WhoIsCutOffSeesThatItSpeaksForTooFew) {
  start({"a", "b", "c"});
  EXPECT_TRUE(world["a"].sees_most(world.now));
  world.pass(6s, {"b", "c"});
  EXPECT_FALSE(world["a"].sees_most(world.now));
  world.pass(100s, {"b", "c"});
  EXPECT_FALSE(world["a"].sees_most(world.now)) << "they are forgotten, and may be there";
  EXPECT_TRUE(speaks("a")) << "or nobody would say which nodes are missed";
  world.pass(1s);
  EXPECT_TRUE(world["a"].sees_most(world.now));
}

TEST_F(Membership, WhomAllLeftOnPurposeSpeaksForItself) {
  world.rules.peers_expected = true;
  start({"a", "b"});
  world["b"].set_leaving();
  world.speak("b");
  world.stop("b");
  world.pass(100s);
  EXPECT_TRUE(speaks("a"));
}

TEST_F(Membership, SeesMostWhileItIsNotOnTheSmallerSide) {
  start({"a", "b", "c", "d", "e"});
  EXPECT_TRUE(world["a"].sees_most(world.now));
  world.pass(6s, {"d", "e"});
  EXPECT_TRUE(world["a"].sees_most(world.now));
  world.pass(6s, {"c", "d", "e"});
  EXPECT_FALSE(world["a"].sees_most(world.now));
  world.pass(60s, {"c", "d", "e"});
  EXPECT_TRUE(world["a"].sees_most(world.now)) << "the others are forgotten";
}

TEST_F(Membership, CountsNobodyWhoLeftOnPurpose) {
  start({"a", "b"});
  world["b"].set_leaving();
  world.speak("b");
  world.stop("b");
  world.pass(1s);
  EXPECT_TRUE(world["a"].sees_most(world.now));
}

// -- Hearsay

TEST_F(Membership, ANodeIsKnownByHearsayButNotAlive) {
  start({"a", "b"});
  world.start("c");
  world.link("a", "c");
  EXPECT_EQ(world.state("b", "c"), "suspect");
  EXPECT_EQ(world["c"].peers().at(1).hello.address, "b:7946");
  EXPECT_FALSE(world["c"].peers().at(1).linked);
}

TEST_F(Membership, ABrokenLinkKillsNobodyWhomOthersHear) {
  start({"a", "b", "c"});
  world.cut("a", "b");
  world.pass(200s);
  EXPECT_EQ(world.state("b", "a"), "suspect");
  EXPECT_EQ(world.state("a", "b"), "suspect");
  world.link("a", "b");
  world.pass(1s);
  EXPECT_TRUE(world.agree());
}

TEST_F(Membership, NoEchoKeepsTheDeadAlive) {
  start({"a", "b", "c", "d"});
  world.cut("a", "c"); // Views differ for good, so news are told all the time.
  world.stop("d");
  world.pass(6s);
  for (const auto* name : {"a", "b", "c"})
    EXPECT_EQ(world.state("d", name), "dead") << name;
  world.pass(56s);
  for (const auto* name : {"a", "b", "c"})
    EXPECT_EQ(world.state("d", name), "unknown") << name;
}

TEST_F(Membership, WhoReadLastWordsLateForgetsWithTheOthers) {
  start({"a", "b", "c"});
  const auto last = world["c"].heartbeat();
  world["a"].heard(world.nodes.at("a").links.at("c"), last, world.now);
  world["a"].heard(world.nodes.at("a").links.at("c"), world["c"].heartbeat(), world.now); // It is lost for the other.
  world.cut("a", "b");
  world.pass(50s, {"b", "c"});
  world["b"].heard(world.nodes.at("b").links.at("c"), last, world.now); // It was stopped until now.
  world.pass(12s, {"c"});
  ASSERT_EQ(world.state("c", "a"), "unknown");
  ASSERT_EQ(world.state("c", "b"), "dead");
  world.link("a", "b");
  world.pass(3s, {"c"});
  EXPECT_EQ(world.state("c", "b"), "unknown");
  EXPECT_EQ(world["a"].view_hash(), world["b"].view_hash());
}

TEST_F(Membership, ALateEchoRevivesNobody) {
  start({"a", "b", "c"});
  const auto number = world.nodes.at("b").links.at("a");
  world.pass(2s);
  world.cut("b", "a");
  world.link("b", "a");
  world.cut("b", "a");
  world.nodes.at("b").state.connected(world["a"].self(), world.now);
  const auto old = world["b"].news_for(number, world.now);
  ASSERT_TRUE(old);
  world.stop("c");
  world.pass(6s);
  ASSERT_EQ(world.state("c", "a"), "dead");
  world["a"].told(*old, world.now); // It lay in a buffer.
  EXPECT_EQ(world.state("c", "a"), "dead");
  world.pass(56s);
  world["a"].told(*old, world.now);
  EXPECT_EQ(world.state("c", "a"), "unknown");
}

TEST_F(Membership, WhoReadsLateForgetsWithTheOthers) {
  start({"a", "b", "c"});
  const auto last = world["c"].heartbeat();
  world["b"].heard(world.nodes.at("b").links.at("c"), last, world.now);
  world.cut("a", "b");
  world.pass(9s, {"a", "c"});
  world["a"].heard(world.nodes.at("a").links.at("c"), last, world.now); // It was stopped meanwhile.
  world.link("a", "b");
  world.pass(52s, {"c"}); // rebalance_after is over, but not since then.
  EXPECT_EQ(world.state("c", "b"), "unknown");
  EXPECT_EQ(world.state("c", "a"), "unknown");
}

TEST_F(Membership, ALeaveIsHeardOfByThoseWhoAreCutOff) {
  start({"a", "b", "c"});
  world.cut("a", "b");
  world["b"].set_leaving();
  world.pass(2s);
  EXPECT_EQ(world.state("b", "a"), "left");
  world.stop("b");
  world.start("b", 2);
  world.link("b", "c");
  world.pass(2s);
  EXPECT_EQ(world.state("b", "a"), "suspect") << "its new self did not leave";
}

TEST_F(Membership, NewsAreToldOnceAndWhileViewsDiffer) {
  start({"a", "b", "c"});
  const auto number = world.nodes.at("a").links.at("b");
  EXPECT_FALSE(world["a"].news_for(number, world.now + 100s)) << "they agree";
  world.cut("a", "c");
  world.speak("b");
  world.now += 1s;
  EXPECT_TRUE(world["a"].news_for(number, world.now));
  EXPECT_FALSE(world["a"].news_for(number, world.now)) << "but not all the time";
}

TEST_F(Membership, NonsenseIsNotHeardOf) {
  start({"a", "b"});
  node_news news{{{"a", "", "x:1", 99, 1, 0s, true},
                  {"", "", "x:1", 1, 1, 0s, false},
                  {"c\n", "", "x:1", 1, 1, 0s, false},
                  {"d", "", "x:1", 1, 1, -1s, false},
                  {"e", "", "x:1", 1, 1, 60s, false},
                  {"f", std::string(65, 'z'), "x:1", 1, 1, 0s, false}}};
  world["a"].told(news, world.now);
  EXPECT_EQ(world["a"].peers().size(), 1u);
  EXPECT_FALSE(world["a"].heartbeat().leaving);
}

TEST_F(Membership, AHeartbeatOfTheWrongSizeDoesNoHarm) {
  start({"a", "b"});
  const auto number = world.nodes.at("a").links.at("b");
  node_heartbeat said;
  for (const std::size_t size : {0, 1, 255, 257, 100'000}) {
    said.in_sync.assign(size, true);
    world["a"].heard(number, said, world.now);
    EXPECT_EQ(world["a"].peers()[0].shards_in_sync, std::min<std::size_t>(size, 256));
  }
}

} // namespace
} // namespace shunt::routing
