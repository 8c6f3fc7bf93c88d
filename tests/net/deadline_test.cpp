// The timer wheel: what fires, when, how often, and what callbacks may do to their neighbours. Time
// is whatever the test says.
#include "net/deadline.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;

/// Notes that it rang, and then does what the test wants.
struct alarm_clock {
  explicit alarm_clock(deadline_wheel& wheel)
    : at{wheel, [](void* self) { static_cast<alarm_clock*>(self)->ring(); }, this} {}

  void ring() {
    ++rung;
    if (then)
      then(); // May destroy this.
  }

  int rung = 0;
  std::function<void()> then;
  deadline at;
};

class Deadline : public ::testing::Test {
protected:
  static constexpr auto tick = deadline_wheel::tick;

  void advance_to(std::chrono::nanoseconds since_epoch) { wheel.advance(epoch + since_epoch); }
  void set(alarm_clock& alarm, std::chrono::nanoseconds since_epoch) {
    alarm.at.expires_at(epoch + since_epoch);
  }

  steady_time epoch{1'000'000s};
  deadline_wheel wheel{epoch};
};

TEST_F(Deadline, FiresOnceNeverEarlyAndAtMostATickLate) {
  for (auto wanted = 0ms; wanted <= 50ms; ++wanted) {
    deadline_wheel fresh{epoch};
    alarm_clock alarm{fresh};
    alarm.at.expires_at(epoch + wanted);
    auto fired = -1ms;
    for (auto now = 0ms; now <= 200ms; ++now) {
      fresh.advance(epoch + now);
      if (alarm.rung > 0 && fired < 0ms)
        fired = now;
    }
    EXPECT_GE(fired, wanted);
    EXPECT_LE(fired, wanted + tick);
    EXPECT_EQ(alarm.rung, 1);
  }
}

TEST_F(Deadline, IsDisarmedByFiring) {
  alarm_clock alarm{wheel};
  EXPECT_FALSE(alarm.at.armed());
  set(alarm, 100ms);
  EXPECT_TRUE(alarm.at.armed());
  EXPECT_EQ(alarm.at.at(), epoch + 100ms);
  EXPECT_TRUE(wheel.busy());
  advance_to(200ms);
  EXPECT_EQ(alarm.rung, 1);
  EXPECT_FALSE(alarm.at.armed());
  EXPECT_FALSE(wheel.busy());
}

TEST_F(Deadline, MovedLaterFiresAtTheLaterTimeOnly) {
  alarm_clock alarm{wheel};
  set(alarm, 100ms);
  set(alarm, 500ms);
  advance_to(499ms);
  EXPECT_EQ(alarm.rung, 0);
  advance_to(500ms + tick);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Deadline, MovedSoonerFiresAtTheSoonerTimeOnly) {
  alarm_clock alarm{wheel};
  set(alarm, 500ms);
  set(alarm, 100ms);
  advance_to(99ms);
  EXPECT_EQ(alarm.rung, 0);
  advance_to(100ms + tick);
  EXPECT_EQ(alarm.rung, 1);
  advance_to(2s);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Deadline, MovedLaterAndThenSoonerFiresAtTheSoonerTime) {
  alarm_clock alarm{wheel};
  set(alarm, 100ms);
  set(alarm, 10s);
  set(alarm, 300ms); // Later than the slot that it hangs in, sooner than its time.
  advance_to(299ms);
  EXPECT_EQ(alarm.rung, 0);
  advance_to(300ms + tick);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Deadline, MovedSoonerAfterItsFirstSlotHasPassedStillFiresInTime) {
  alarm_clock alarm{wheel};
  set(alarm, 50ms);
  set(alarm, 5s);
  advance_to(100ms); // Its first slot came round and hung it up anew.
  set(alarm, 200ms);
  advance_to(200ms + tick);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Deadline, DisarmedNeverFires) {
  alarm_clock alarm{wheel};
  set(alarm, 100ms);
  alarm.at.disarm();
  EXPECT_FALSE(alarm.at.armed());
  advance_to(10s);
  EXPECT_EQ(alarm.rung, 0);
  EXPECT_FALSE(wheel.busy());
}

TEST_F(Deadline, ArmedAgainAfterBeingDisarmedFiresWhetherSoonerOrLater) {
  for (const auto again : {50ms, 100ms, 400ms}) {
    deadline_wheel fresh{epoch};
    alarm_clock alarm{fresh};
    alarm.at.expires_at(epoch + 100ms);
    alarm.at.disarm();
    alarm.at.expires_at(epoch + again);
    fresh.advance(epoch + again - 1ms);
    EXPECT_EQ(alarm.rung, 0);
    fresh.advance(epoch + again + tick);
    EXPECT_EQ(alarm.rung, 1);
  }
}

TEST_F(Deadline, InThePastFiresWithTheNextTick) {
  advance_to(1s);
  for (const auto when : {epoch + 500ms, epoch, epoch - 1h, steady_time::min()}) {
    deadline_wheel later{epoch};
    later.advance(epoch + 1s);
    alarm_clock alarm{later};
    alarm.at.expires_at(when);
    EXPECT_EQ(alarm.rung, 0);
    later.advance(epoch + 1s + tick);
    EXPECT_EQ(alarm.rung, 1);
  }
}

TEST_F(Deadline, NoDelayMeansNever) {
  alarm_clock alarm{wheel};
  for (const auto delay : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    set(alarm, 100ms);
    alarm.at.expires_after(delay);
    EXPECT_FALSE(alarm.at.armed());
  }
  advance_to(1h);
  EXPECT_EQ(alarm.rung, 0);
}

TEST_F(Deadline, AnEndlessDelayMeansNever) {
  alarm_clock alarm{wheel};
  alarm.at.expires_after(std::chrono::nanoseconds::max());
  EXPECT_FALSE(alarm.at.armed());
  alarm.at.expires_at(steady_time::max());
  EXPECT_FALSE(alarm.at.armed());
  EXPECT_FALSE(wheel.busy());
}

TEST_F(Deadline, ADelayCountsFromNow) {
  alarm_clock alarm{wheel};
  const auto before = std::chrono::steady_clock::now();
  alarm.at.expires_after(5s);
  EXPECT_GE(alarm.at.at(), before + 5s);
  EXPECT_LE(alarm.at.at(), std::chrono::steady_clock::now() + 5s);
}

TEST_F(Deadline, BeyondTheHorizonWaitsForManyTurns) {
  alarm_clock alarm{wheel};
  set(alarm, 1h); // 220 turns of the wheel.
  for (auto now = 0ms; now < 1h; now += tick) {
    advance_to(now);
    ASSERT_EQ(alarm.rung, 0) << now.count() << " ms";
  }
  advance_to(1h + tick);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Deadline, AtEveryDistanceAroundAWholeTurnFiresInTime) {
  constexpr auto turn = tick * 1024;
  for (auto distance = turn - 3 * tick; distance <= turn + 3 * tick; distance += 1ms) {
    deadline_wheel fresh{epoch};
    fresh.advance(epoch + 5 * tick);
    alarm_clock alarm{fresh};
    alarm.at.expires_at(epoch + 5 * tick + distance);
    fresh.advance(epoch + 5 * tick + distance - 1ns);
    ASSERT_EQ(alarm.rung, 0) << distance.count();
    fresh.advance(epoch + 6 * tick + distance);
    ASSERT_EQ(alarm.rung, 1) << distance.count();
  }
}

TEST_F(Deadline, AfterALongStopFiresWhatIsDueAndKeepsTheRest) {
  std::vector<std::unique_ptr<alarm_clock>> alarms;
  for (int i = 0; i < 5000; ++i) {
    alarms.push_back(std::make_unique<alarm_clock>(wheel));
    set(*alarms.back(), i * 1s);
  }
  advance_to(1h); // As when the machine was suspended.
  for (int i = 0; i < 5000; ++i)
    ASSERT_EQ(alarms[static_cast<std::size_t>(i)]->rung, i * 1s <= 1h ? 1 : 0) << i;
  for (auto now = 1h + 0ms; now <= 2h; now += 250ms)
    advance_to(now);
  for (const auto& alarm : alarms)
    ASSERT_EQ(alarm->rung, 1);
  EXPECT_FALSE(wheel.busy());
}

TEST_F(Deadline, ATimeBeforeTheLatestChangesNothing) {
  alarm_clock alarm{wheel};
  advance_to(1s);
  set(alarm, 2s);
  advance_to(500ms);
  wheel.advance(epoch - 1h);
  EXPECT_EQ(alarm.rung, 0);
  advance_to(2s + tick);
  EXPECT_EQ(alarm.rung, 1);
}

TEST_F(Deadline, MayArmItselfWhenItFires) {
  alarm_clock alarm{wheel};
  auto next = std::chrono::milliseconds{100};
  alarm.then = [&] { set(alarm, next += 100ms); };
  set(alarm, 100ms);
  for (auto now = 0ms; now <= 1050ms; now += tick)
    advance_to(now);
  EXPECT_EQ(alarm.rung, 10);
  EXPECT_TRUE(alarm.at.armed());
}

TEST_F(Deadline, ThatArmsItselfInThePastDoesNotHoldTheWheelUp) {
  alarm_clock alarm{wheel};
  alarm.then = [&] { set(alarm, 0ms); };
  set(alarm, 0ms);
  advance_to(10 * tick);
  EXPECT_EQ(alarm.rung, 10); // Once a tick, and `advance` came back.
}

TEST_F(Deadline, MayDestroyItselfWhenItFires) {
  auto alarm = std::make_unique<alarm_clock>(wheel);
  bool fired = false;
  alarm->then = [&] {
    fired = true;
    alarm.reset();
  };
  set(*alarm, 100ms);
  advance_to(1s);
  EXPECT_TRUE(fired);
  EXPECT_FALSE(wheel.busy());
}

TEST_F(Deadline, MayDestroyEveryOtherOfItsSlotWhenItFires) {
  for (std::size_t killer = 0; killer < 5; ++killer) {
    std::vector<std::unique_ptr<alarm_clock>> alarms(5);
    int rung = 0;
    for (auto& alarm : alarms) {
      alarm = std::make_unique<alarm_clock>(wheel);
      alarm->then = [&rung] { ++rung; };
    }
    alarms[killer]->then = [&] {
      for (std::size_t i = 0; i < alarms.size(); ++i)
        if (i != killer)
          alarms[i].reset();
    };
    for (auto& alarm : alarms)
      set(*alarm, 100ms + std::chrono::seconds{killer});
    advance_to(200ms + std::chrono::seconds{killer});
    EXPECT_EQ(alarms[killer]->rung, 1);
    EXPECT_LT(rung, 5);
    EXPECT_FALSE(wheel.busy());
  }
}

TEST_F(Deadline, MayDisarmMoveAndArmItsNeighboursWhenItFires) {
  // In both orders, because a slot fires its latest entry first.
  for (const bool acts_first : {false, true}) {
    deadline_wheel fresh{epoch};
    alarm_clock first{fresh}, disarmed{fresh}, moved{fresh}, armed{fresh}, last{fresh};
    auto& actor = acts_first ? last : first;
    actor.then = [&] {
      disarmed.at.disarm();
      moved.at.expires_at(epoch + 1s);
      armed.at.expires_at(epoch + 2s);
    };
    for (auto* alarm : {&first, &disarmed, &moved, &last})
      alarm->at.expires_at(epoch + 100ms);
    fresh.advance(epoch + 200ms);
    const int before = acts_first ? 0 : 1; // Those that fired before `actor` acted.
    EXPECT_EQ(disarmed.rung, before);
    EXPECT_EQ(moved.rung, before);
    EXPECT_EQ(armed.rung, 0);
    fresh.advance(epoch + 3s);
    EXPECT_EQ(disarmed.rung, before);
    EXPECT_EQ(moved.rung, before + 1);
    EXPECT_EQ(armed.rung, 1);
  }
}

TEST_F(Deadline, DestroyedWhileArmedLeavesItsNeighboursAlone) {
  alarm_clock first{wheel};
  auto middle = std::make_unique<alarm_clock>(wheel);
  alarm_clock last{wheel};
  for (auto* alarm : {&first, middle.get(), &last})
    set(*alarm, 100ms);
  middle.reset();
  advance_to(200ms);
  EXPECT_EQ(first.rung, 1);
  EXPECT_EQ(last.rung, 1);
}

/// A deadline, and what a list kept by hand says of it.
struct expectation {
  explicit expectation(deadline_wheel& wheel) : alarm{wheel} {}
  alarm_clock alarm;
  std::optional<steady_time> due;
  int fired = 0;
};

TEST_F(Deadline, AgreesWithAListKeptByHandThroughRandomOrders) {
  std::mt19937 chance{20240611};
  const auto below = [&](int bound) {
    return static_cast<int>(chance() % static_cast<unsigned>(bound));
  };
  std::vector<std::unique_ptr<expectation>> all;
  for (int i = 0; i < 300; ++i)
    all.push_back(std::make_unique<expectation>(wheel));
  auto now = epoch;
  for (int round = 0; round < 3000; ++round) {
    for (int change = 0; change < 20; ++change) {
      auto& each = *all[static_cast<std::size_t>(below(300))];
      if (below(4) == 0) {
        each.alarm.at.disarm();
        each.due.reset();
      } else {
        each.due = now + std::chrono::milliseconds{below(8) == 0 ? below(60'000) : below(300)};
        each.alarm.at.expires_at(*each.due);
      }
    }
    now += std::chrono::milliseconds{below(50) == 0 ? below(40'000) : below(20)};
    wheel.advance(now);
    for (auto& each : all) {
      const bool fired = each->alarm.rung > each->fired;
      const bool overdue = each->due && *each->due + tick <= now;
      ASSERT_TRUE(fired || !overdue) << "late in round " << round;
      if (fired) {
        ASSERT_TRUE(each->due.has_value()) << "disarmed, in round " << round;
        ASSERT_LE(*each->due, now) << "early in round " << round;
        ASSERT_EQ(each->alarm.rung, each->fired + 1);
        each->fired = each->alarm.rung;
        each->due.reset();
      }
    }
  }
}

} // namespace
} // namespace shunt::net
