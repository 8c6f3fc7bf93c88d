// What peers tell each other of others: who is known by hearsay, and what news cannot do.
#include "tests/routing/membership_world.hpp"

#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using namespace test;

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

TEST_F(Membership, NoNewsSpeakAgainstWhoeverIsLinked) {
  start({"a", "b"});
  const auto told = node_news{{{"b", "", "x:1", 99, 7, 10s, false}}}; // Of before its clock was set back.
  world["a"].told(told, world.now);
  EXPECT_EQ(world.state("b", "a"), "alive");
  world.pass(10s);
  EXPECT_EQ(world.state("b", "a"), "alive") << "it is heard as before";
  EXPECT_TRUE(world.agree());
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
