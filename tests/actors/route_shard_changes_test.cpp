// When a shard says that its node routes by a change, and whom it leaves the answer to.
#include "tests/actors/support/route_shard_fixture.hpp"

#include <gmock/gmock.h>

namespace shunt {
namespace {

using namespace std::literals;
using namespace test;
using testing::IsEmpty;
using testing::SizeIs;

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

  /// In steps that a node which runs would notice.
  void pass(std::chrono::seconds time) {
    for (auto left = 2 * time.count(); left > 0; --left)
      advance(500ms);
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

// -- The successor of a shard that died

class RouteShardThatSucceeds : public RouteShardAsked {
protected:
  RouteShardThatSucceeds() {
    options.in_sync = false;
    options.loops_to_renew = 2;
    start();
    hear({registered("a.example", 1)});
    tell(shard, ask_change{{.which = {"a.example", "", "127.0.0.1:1"},
                            .content = registered("a.example", 1).target->content_hash(),
                            .within = 1h}});
  }
  void become_in_sync() {
    tell(shard, registrations_asked{});
    advance(options.register_interval);
  }
  void meet(const lease_cache_actor& loop) { tell(shard, lease_wildcards{loop}); }
  void apply(const lease_cache_actor& loop, const holder_record& of) {
    tell(shard, changes_applied{options.incarnation, of.pushes.back().sequence, loop});
    advance(10ms);
  }
  void expect_answer_when_both_have_applied() {
    EXPECT_THAT(heard.answers, IsEmpty());
    ASSERT_FALSE(record.pushes.empty());
    EXPECT_TRUE(record.pushes.back().in_sync);
    apply(holder, record);
    EXPECT_THAT(heard.answers, IsEmpty());
    apply(other_holder, other_record);
    ASSERT_THAT(heard.answers, SizeIs(1));
    EXPECT_TRUE(heard.answers[0].applied);
  }
};

TEST_F(RouteShardThatSucceeds, SpeaksForNoLoopThatRoutesByWhatItsPredecessorGranted) {
  meet(holder);
  meet(other_holder);
  advance(1min);
  EXPECT_THAT(heard.answers, IsEmpty()) << "they keep it until this one is in sync";
  become_in_sync();
  expect_answer_when_both_have_applied();
}

TEST_F(RouteShardThatSucceeds, WaitsForLoopsThatItHasNotHeardOf) {
  become_in_sync();
  meet(holder);
  advance(1min);
  EXPECT_THAT(record.pushes, IsEmpty());
  EXPECT_THAT(heard.answers, IsEmpty());
  meet(other_holder);
  expect_answer_when_both_have_applied();
}

// -- What failed

TEST_F(RouteShardAsked, OfAClusterForgetsAFailedTlsEndpointThatNobodyHears) {
  options.rules.stale_threshold = 4s;
  options.prune_interval = 1s;
  begin_in_a_cluster();
  see(true);
  hear({registered("a.example", 1, [](auto& e) { e.tls = true; })});
  pass(10s);
  EXPECT_NE(list_all().at("a.example"), "[]") << "it never goes by age";
  tell(shard, endpoint_failed{"a.example", "", "127.0.0.1:1", true});
  EXPECT_NE(list_all().at("a.example"), "[]") << "it may be well for other nodes";
  pass(2s);
  EXPECT_EQ(list_all().at("a.example"), "[]");
}

} // namespace
} // namespace shunt
