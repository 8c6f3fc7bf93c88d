// When a shard says that its node routes by a change, and whom it leaves the answer to.
#include "tests/actors/support/route_shard_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt {
namespace {

using namespace std::literals;
using namespace test;
using testing::IsEmpty;
using testing::SizeIs;

shard_outlet_actor::behavior_type deaf_cluster() {
  return {[](const to_peer&) {}, [](const shard_sync&) {}, [](const registrations_wished&) {}};
}

class RouteShardAsked : public route_shard_fixture {
protected:
  RouteShardAsked() { options.confirmer = own(spawn_recording_confirmer(system, heard)); }

  void begin_in_a_cluster() {
    options.in_sync = false;
    options.cluster = own(system.spawn(deaf_cluster));
    start();
  }
  /// Whether it is the first of the holders from now on.
  void see(bool first) { tell(shard, shard_view_changed{routing::shard_view{.first = first}}); }
  void wish(const std::string& reply) {
    tell(shard, confirm_change{reply, {{.which = {"a.example", "", "127.0.0.1:1"}, .within = 5s}}});
  }

  confirmer_record heard;
};

// -- Whose turn it is

TEST_F(RouteShardAsked, LeavesTheAnswerToOthersBeforeItKnowsWhoTheyAre) {
  begin_in_a_cluster();
  wish("in.1");
  EXPECT_THAT(heard.wished, IsEmpty());
  see(true);
  EXPECT_THAT(heard.wished, SizeIs(1));
}

TEST_F(RouteShardAsked, AnswersInThePlaceOfTheFirstThatStandsStill) {
  begin_in_a_cluster();
  see(false);
  wish("in.1");
  advance(200ms);
  wish("in.2");
  advance(1s);
  EXPECT_THAT(heard.wished, IsEmpty());
  see(true);
  ASSERT_THAT(heard.wished, SizeIs(2));
  EXPECT_EQ(heard.wished[0].reply, "in.1");
  EXPECT_EQ(heard.wished[0].waited, 1200ms) << "who waits is answered in the time that was said";
  EXPECT_EQ(heard.wished[1].reply, "in.2");
  EXPECT_EQ(heard.wished[1].waited, 1s);
  wish("in.3");
  ASSERT_THAT(heard.wished, SizeIs(3)) << "and nobody twice";
  EXPECT_EQ(heard.wished[2].waited, 0s);
}

TEST_F(RouteShardAsked, AnswersNothingThatNobodyWaitsForAnyMore) {
  begin_in_a_cluster();
  see(false);
  wish("in.1");
  advance(3s);
  wish("in.2");
  advance(2s);
  see(true);
  ASSERT_THAT(heard.wished, SizeIs(1));
  EXPECT_EQ(heard.wished[0].reply, "in.2");
}

TEST_F(RouteShardAsked, RemembersSoManyQuestionsOfOthers) {
  begin_in_a_cluster();
  see(false);
  for (int i = 0; i < 1001; ++i)
    wish(std::to_string(i));
  see(true);
  ASSERT_THAT(heard.wished, SizeIs(1000));
  EXPECT_EQ(heard.wished.front().reply, "1");
}

} // namespace
} // namespace shunt
