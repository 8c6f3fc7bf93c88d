// Whom the confirmer answers, and when.
#include "cluster/change_confirmer.hpp"

#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace shunt {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

/// Asks a shard that says nothing.
class ChangeConfirmer : public test::actors_by_hand {
protected:
  ChangeConfirmer() {
    scheduler().advance_time(24h);
    tell(confirmer, confirmer_contacts{{own(test::spawn_recording_shard(system, shard))}, {}});
  }
  void wish(const std::string& reply, std::chrono::nanoseconds waited) {
    tell(confirmer, confirm_change{reply, {{.which = {"a.example", "", "10.0.0.1:80"}}}, waited});
  }

  test::shard_record shard;
  confirmation_counters counters;
  std::vector<std::string> answered;
  change_confirmer_actor confirmer = own(spawn_change_confirmer(
    system, {.node = "a", .timeout = 5s, .id = "1", .own_thread = false},
    [this](std::string_view reply, std::string_view) {
      answered.emplace_back(reply);
      return true;
    }, counters));
};

TEST_F(ChangeConfirmer, AnswersWhoeverWaitedElsewhereWithinTheSameTime) {
  wish("in.1", 0s);
  wish("in.2", 4s);
  wish("in.3", 2s);
  advance(999ms);
  EXPECT_THAT(answered, IsEmpty());
  advance(1ms);
  EXPECT_THAT(answered, ElementsAre("in.2"));
  advance(2s);
  EXPECT_THAT(answered, ElementsAre("in.2", "in.3"));
  advance(2s);
  EXPECT_THAT(answered, ElementsAre("in.2", "in.3", "in.1"));
  EXPECT_EQ(counters.pending, 3u);
}

/// And hears whom of its peers it asks.
class ChangeConfirmerAmongPeers : public ChangeConfirmer {
protected:
  ChangeConfirmerAmongPeers() {
    const auto outlet = own(system.spawn(
      [](std::reference_wrapper<std::vector<routing::peer_id>> to) -> shard_outlet_actor::behavior_type {
        return {
          [to](const to_peer& m) { to.get().push_back(m.to); },
          [](const shard_sync&) {},
          [](registrations_wished) {},
        };
      },
      std::ref(asked)));
    tell(confirmer, confirmer_contacts{{own(test::spawn_recording_shard(system, shard))}, outlet});
    see_b(true);
  }
  void see_b(bool alive) { tell(confirmer, peers_changed{{{.id = b, .name = "b", .alive = alive}}}); }
  void drained_at(routing::peer_id node) {
    tell(confirmer, change_answered{node, 0, {.change = 1, .applied = true, .drained = true}});
  }

  static constexpr routing::peer_id b = 1;
  std::vector<routing::peer_id> asked;
};

TEST_F(ChangeConfirmerAmongPeers, AsksEverybodyTwice) {
  wish("in.1", 0s);
  EXPECT_THAT(asked, ElementsAre(b));
  drained_at(b);
  drained_at(routing::this_node);
  EXPECT_THAT(asked, ElementsAre(b, b));
  EXPECT_THAT(answered, IsEmpty());
  drained_at(routing::this_node);
  drained_at(b);
  EXPECT_EQ(counters.confirmed, 1u);
}

TEST_F(ChangeConfirmerAmongPeers, AsksWhoIsSuspectAsTheSecondRoundBeginsWhenItIsAliveAgain) {
  wish("in.1", 0s);
  drained_at(b);
  see_b(false);
  drained_at(routing::this_node);
  EXPECT_THAT(asked, ElementsAre(b)) << "nobody knows whether it is there";
  drained_at(routing::this_node);
  EXPECT_THAT(answered, IsEmpty());
  see_b(true);
  EXPECT_THAT(asked, ElementsAre(b, b));
  drained_at(b);
  EXPECT_THAT(answered, ElementsAre("in.1"));
  EXPECT_EQ(counters.confirmed, 1u);
}

TEST_F(ChangeConfirmerAmongPeers, AsksNobodyTwiceInARoundWhoWasSuspectInTheMiddleOfIt) {
  wish("in.1", 0s);
  see_b(false);
  see_b(true);
  EXPECT_THAT(asked, ElementsAre(b));
  drained_at(routing::this_node);
  drained_at(b);
  EXPECT_THAT(asked, ElementsAre(b, b));
}

} // namespace
} // namespace shunt
