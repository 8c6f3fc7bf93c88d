// Which of two links between the same nodes stays.
#include "cluster/link_table.hpp"

#include <gtest/gtest.h>

namespace shunt::cluster {
namespace {

using namespace std::chrono_literals;

/// The table of node "m", and what it makes of greetings. Smaller names begin with "a", larger ones with "z".
struct LinkTable : testing::Test {
  using verdict = link_table::verdict;

  greeting met(const std::string& node, bool dialled, std::uint64_t incarnation = 5) {
    greeting g;
    g.link = std::make_shared<link_handle>(++links);
    g.dialled = dialled;
    g.node.node = node;
    g.node.incarnation = incarnation;
    return g;
  }
  linked_peer& has(const greeting& g, bool open) {
    table.add(1, linked_peer{g, {}, open, false, now});
    return *table.find(routing::peer_id{1});
  }

  std::uint64_t links = 0;
  routing::time_point now{1h};
  link_table table{"m", 1s};
};

TEST_F(LinkTable, LinksWhomItDoesNotHave) {
  has(met("a", true), true);
  EXPECT_EQ(table.judge(met("z", false), now), verdict::link);
}

TEST_F(LinkTable, TakesOfTwoThatOpenAtOnceTheOneThatTheSmallerNameOpens) {
  has(met("a", true), false);
  EXPECT_EQ(table.judge(met("a", false), now), verdict::wait);
  has(met("z", true), false);
  EXPECT_EQ(table.judge(met("z", false), now), verdict::duplicate);
  has(met("z", false), false);
  EXPECT_EQ(table.judge(met("z", true), now), verdict::wait);
}

TEST_F(LinkTable, KeepsALinkThatWorksWhoeverOpenedIt) {
  for (const bool dialled : {false, true}) {
    auto& before = has(met("a", dialled), true);
    EXPECT_EQ(table.judge(met("a", false), now), verdict::duplicate);
    EXPECT_EQ(table.judge(met("a", false), now + 1s), verdict::wait) << "it is not well";
    before.ending = true;
    EXPECT_EQ(table.judge(met("a", false), now), verdict::wait);
  }
}

TEST_F(LinkTable, GivesUpASilentLinkWhoeverConnectsAnew) {
  has(met("a", true), true);
  EXPECT_EQ(table.judge(met("z", false), now), verdict::link) << "another node";
  has(met("z", true), true);
  EXPECT_EQ(table.judge(met("z", false), now), verdict::duplicate);
  EXPECT_EQ(table.judge(met("z", false), now + 1s), verdict::wait);
}

TEST_F(LinkTable, FollowsWhoeverWelcomedItAndHasDecided) {
  has(met("z", false), true);
  EXPECT_EQ(table.judge(met("z", true), now), verdict::wait);
  has(met("a", false), true);
  EXPECT_EQ(table.judge(met("a", true), now), verdict::duplicate) << "that one has not: it has this link, too";
}

TEST_F(LinkTable, TakesTheLaterLifeOfANode) {
  has(met("a", true), true);
  EXPECT_EQ(table.judge(met("a", false, 6), now), verdict::wait);
  EXPECT_EQ(table.judge(met("a", false, 4), now), verdict::duplicate);
}

} // namespace
} // namespace shunt::cluster
