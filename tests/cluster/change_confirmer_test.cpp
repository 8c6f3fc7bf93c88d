// Whom the confirmer answers, and when.
#include "cluster/change_confirmer.hpp"

#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"

#include <gmock/gmock.h>

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

} // namespace
} // namespace shunt
