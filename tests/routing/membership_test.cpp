// How a node's peers are: who is let in, who is alive, suspect, dead or gone, and who agrees with
// whom.
#include "tests/routing/membership_world.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

TEST_F(Membership, WhoseWordsAreStillToBeReadIsAlive) {
  start({"a", "b"});
  const auto b = world.nodes.at("a").links.at("b");
  const auto is_behind = [&] { return world["a"].view_of(0).others.at(0).behind; };
  EXPECT_FALSE(is_behind());
  for (int i = 0; i < 10; ++i) {
    world.pass(800ms, {"b"});
    world["a"].lives(b, world.now);
    EXPECT_EQ(world.state("b", "a"), "alive") << i;
  }
  EXPECT_TRUE(is_behind()) << "what it says of its shards is still to be read, too";
  world.speak("b");
  EXPECT_FALSE(is_behind());
  world.pass(1s, {"b"});
  EXPECT_EQ(world.state("b", "a"), "suspect");
  world.cut("a", "b");
  world["a"].lives(b, world.now);
  EXPECT_EQ(world.state("b", "a"), "suspect") << "over a link that is closed";
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

} // namespace
} // namespace shunt::routing
