// Ejection of outliers: what ejects, for how long, and how many of a pool.
#include "routing/outlier.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace shunt::routing {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

class Outlier : public ::testing::Test {
protected:
  Outlier() {
    settings.consecutive_failures = 3;
    settings.base_ejection_time = 30s;
    settings.max_ejection_time = 100s;
    settings.interval = 10s;
    settings.requests_min = 10;
  }

  bool succeed() { return endpoint.ended(true, now, settings); }
  bool fail() { return endpoint.ended(false, now, settings); }
  /// Whether any of them asked for an ejection.
  bool succeed(int requests) { return report(true, requests); }
  bool fail(int requests) { return report(false, requests); }
  /// How long it is ejected from now on.
  time_point::duration eject() { return endpoint.eject(now, settings) - now; }
  /// From here to the end of the ejection and `healthy` beyond.
  void sit_out(time_point::duration healthy = 0s) { now = endpoint.ejected_until() + healthy; }
  void watch_only_the_rate(std::uint32_t percent) {
    settings.consecutive_failures = 0;
    settings.error_rate_percent = percent;
  }

  outlier endpoint;
  outlier_settings settings;
  time_point now{1000s}; ///< Where an interval begins.

private:
  bool report(bool success, int requests) {
    bool asked = false;
    for (int i = 0; i < requests; ++i)
      asked = endpoint.ended(success, now, settings) || asked;
    return asked;
  }
};

// -- Off

TEST_F(Outlier, EjectsNobodyByDefault) {
  settings = {};
  EXPECT_FALSE(settings.enabled());
  EXPECT_FALSE(fail(100'000));
  EXPECT_FALSE(endpoint.is_ejected(now));
}

TEST_F(Outlier, IsOffIfTheSettingsCannotEject) {
  const auto with = [&](auto change) {
    auto changed = settings;
    change(changed);
    return changed.enabled();
  };
  EXPECT_TRUE(settings.enabled());
  EXPECT_FALSE(with([](auto& s) { s.consecutive_failures = 0; }));
  EXPECT_FALSE(with([](auto& s) { s.base_ejection_time = 0ms; }));
  EXPECT_FALSE(with([](auto& s) { s.base_ejection_time = -1ms; }));
  EXPECT_FALSE(with([](auto& s) { s.max_ejected_percent = 0; }));
  const auto by_rate = [&](auto change) {
    return with([&](auto& s) {
      s.consecutive_failures = 0;
      s.error_rate_percent = 50;
      change(s);
    });
  };
  EXPECT_TRUE(by_rate([](auto&) {}));
  EXPECT_FALSE(by_rate([](auto& s) { s.interval = 0ms; }));
}

TEST_F(Outlier, CountsNothingWhileItIsOff) {
  auto off = settings;
  off.consecutive_failures = 0;
  for (int i = 0; i < 10; ++i)
    endpoint.ended(false, now, off);
  EXPECT_FALSE(fail(2)) << "these are the first that count";
  EXPECT_TRUE(fail());
}

// -- Failures in a row

TEST_F(Outlier, AsksForEjectionAfterThatManyFailuresInARow) {
  EXPECT_FALSE(fail());
  EXPECT_FALSE(fail());
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, StartsARowAnewAfterASuccess) {
  EXPECT_FALSE(fail(2));
  EXPECT_FALSE(succeed());
  EXPECT_FALSE(fail(2));
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, CountsARowAcrossAnyTime) {
  fail(2);
  now += 24h;
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, CountsARowUpToTheLargestSetting) {
  settings.consecutive_failures = 65535;
  EXPECT_FALSE(fail(65534));
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, GivesAnEndpointThatWasSparedAnotherRow) {
  EXPECT_TRUE(fail(3));
  EXPECT_FALSE(fail(2)) << "not every failure asks about the pool again";
  EXPECT_TRUE(fail());
  EXPECT_FALSE(endpoint.is_ejected(now)) << "who is spared is not ejected";
}

TEST_F(Outlier, ObeysASettingThatChangesOnTheWay) {
  settings.consecutive_failures = 10;
  EXPECT_FALSE(fail(5));
  settings.consecutive_failures = 3;
  EXPECT_TRUE(fail());
}

// -- Error rate

TEST_F(Outlier, AsksForEjectionAtTheErrorRate) {
  const struct {
    int good, bad;
    bool ejects;
  } cases[] = {
    {10, 9, false}, {10, 10, true}, {0, 9, false}, {0, 10, true}, {5, 5, true}, {6, 4, false},
  };
  watch_only_the_rate(50);
  for (const auto& c : cases) {
    endpoint = {};
    EXPECT_FALSE(succeed(c.good));
    EXPECT_EQ(fail(c.bad), c.ejects) << c.good << " good, " << c.bad << " bad";
  }
}

TEST_F(Outlier, SaysNothingOfARateBeforeThereAreEnoughRequests) {
  watch_only_the_rate(1);
  settings.requests_min = 100;
  EXPECT_FALSE(fail(99));
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, NeverAsksForEjectionBecauseOfASuccess) {
  watch_only_the_rate(50);
  EXPECT_FALSE(fail(9));
  EXPECT_FALSE(succeed()) << "the tenth request, and nine of ten have failed";
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, JudgesEveryIntervalAlone) {
  watch_only_the_rate(50);
  now += 9'999ms;
  EXPECT_FALSE(fail(9));
  now += 1ms;
  EXPECT_FALSE(fail(9)) << "a new interval";
  now += 9'999ms;
  EXPECT_TRUE(fail()) << "still the same";
}

TEST_F(Outlier, ForgetsGoodOldTimesToo) {
  watch_only_the_rate(50);
  succeed(1000);
  now += 10s;
  EXPECT_TRUE(fail(10));
}

TEST_F(Outlier, NeverReachesARateAboveAHundredPercent) {
  watch_only_the_rate(101);
  EXPECT_FALSE(fail(1000));
}

TEST_F(Outlier, HoldsARateOfManyRequests) {
  watch_only_the_rate(50);
  EXPECT_FALSE(succeed(1'000'000));
  EXPECT_FALSE(fail(999'999));
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, WatchesRowAndRateAtOnce) {
  settings.error_rate_percent = 40;
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(succeed());
    EXPECT_FALSE(fail());
  }
  EXPECT_FALSE(succeed());
  EXPECT_TRUE(fail()) << "the rate";
  EXPECT_FALSE(fail(2));
  EXPECT_TRUE(fail()) << "the row";
}

TEST_F(Outlier, LooksAtNoRateWithoutAnInterval) {
  settings.error_rate_percent = 1;
  settings.interval = 0ms;
  settings.requests_min = 0;
  EXPECT_FALSE(fail(2));
  EXPECT_TRUE(fail());
}

// -- How long

TEST_F(Outlier, IsEjectedForTheBaseTimeAtFirst) {
  EXPECT_EQ(eject(), 30s);
  EXPECT_TRUE(endpoint.is_ejected(now));
  EXPECT_TRUE(endpoint.is_ejected(now + 30s - 1ns));
  EXPECT_FALSE(endpoint.is_ejected(now + 30s));
}

TEST_F(Outlier, IsEjectedLongerEachTimeUpToTheMaximum) {
  for (const auto expected : {30s, 60s, 90s, 100s, 100s}) {
    EXPECT_EQ(eject(), expected);
    sit_out();
  }
}

TEST_F(Outlier, IsEjectedForShorterAgainAfterHealthyTime) {
  const struct {
    time_point::duration healthy, next;
  } cases[] = {
    {0s, 90s}, {30s - 1ns, 90s}, {30s, 60s}, {60s - 1ns, 60s}, {60s, 30s}, {90s, 30s}, {24h, 30s},
  };
  for (const auto& c : cases) {
    endpoint = {};
    eject();
    sit_out();
    EXPECT_EQ(eject(), 60s);
    sit_out(c.healthy);
    EXPECT_EQ(eject(), c.next) << c.healthy.count();
  }
}

TEST_F(Outlier, ShrinksARowEvenBeyondTheMaximum) {
  for (int i = 0; i < 10; ++i) {
    eject();
    sit_out();
  }
  now += 8 * 30s; // Ten in a row, eight forgiven.
  EXPECT_EQ(eject(), 90s);
}

TEST_F(Outlier, LeavesAnEjectionThatLastsAsItIs) {
  eject();
  now += 10s;
  EXPECT_EQ(eject(), 20s);
  sit_out();
  EXPECT_EQ(eject(), 60s) << "it was one";
}

TEST_F(Outlier, CountsNothingWhileEjected) {
  eject();
  now += 29s;
  EXPECT_FALSE(fail(100)) << "stragglers";
  sit_out();
  EXPECT_FALSE(fail(2));
  EXPECT_TRUE(fail());
}

TEST_F(Outlier, ForgetsWhatItHasCountedWhenEjected) {
  fail(2);
  eject();
  sit_out();
  EXPECT_FALSE(fail(2));
}

TEST_F(Outlier, TakesTheBaseTimeForTheMaximumIfThatIsLess) {
  settings.max_ejection_time = 1s;
  EXPECT_EQ(eject(), 30s);
  sit_out();
  EXPECT_EQ(eject(), 30s);
}

TEST_F(Outlier, BearsTheLongestTimesThatCanBeConfigured) {
  settings.interval = milliseconds::max();
  settings.error_rate_percent = 50;
  settings.base_ejection_time = settings.max_ejection_time = milliseconds::max();
  EXPECT_TRUE(fail(3));
  endpoint.eject(now, settings);
  EXPECT_EQ(endpoint.ejected_until(), time_point::max());
  EXPECT_TRUE(endpoint.is_ejected(now + 24h * 365));
}

TEST_F(Outlier, KeepsAtTheMaximumHoweverOftenItIsEjected) {
  settings.base_ejection_time = 1ms;
  settings.max_ejection_time = 65'535ms;
  for (int i = 0; i < 65'540; ++i) {
    eject();
    sit_out();
  }
  EXPECT_EQ(eject(), settings.max_ejection_time) << "the count must not start over";
}

TEST_F(Outlier, IsNotEjectedByATimeOfZero) {
  settings.base_ejection_time = 0ms;
  endpoint.eject(now, settings);
  EXPECT_FALSE(endpoint.is_ejected(now));
}

// -- Share of the pool

TEST_F(Outlier, EjectsNoMoreThanTheShareOfThePool) {
  const struct {
    std::size_t members;
    std::uint32_t percent;
    std::size_t most;
  } cases[] = {
    {0, 10, 0},  {1, 10, 0},    {1, 100, 0}, {2, 10, 1},    {3, 10, 1},
    {19, 10, 1}, {20, 10, 2},   {29, 10, 2}, {100, 50, 50}, {5, 100, 4},
    {2, 100, 1}, {10, 5000, 9}, {10, 0, 0},  {100, 1, 1},   {300, 33, 99},
  };
  for (const auto& c : cases) {
    settings.max_ejected_percent = c.percent;
    EXPECT_EQ(ejected_most(c.members, settings), c.most) << c.members << ' ' << c.percent;
  }
}

TEST_F(Outlier, MayEjectAnotherWhileTheShareIsNotUsedUp) {
  settings.max_ejected_percent = 20;
  EXPECT_TRUE(may_eject(0, 10, settings));
  EXPECT_TRUE(may_eject(1, 10, settings));
  EXPECT_FALSE(may_eject(2, 10, settings));
  EXPECT_FALSE(may_eject(3, 10, settings)) << "the pool has shrunk since";
  EXPECT_FALSE(may_eject(0, 1, settings)) << "never the last one";
}

TEST_F(Outlier, ReturnsByTimeAndIsEjectedAgainIfItFailsAgain) {
  EXPECT_TRUE(fail(3));
  EXPECT_EQ(eject(), 30s);
  sit_out();
  EXPECT_FALSE(endpoint.is_ejected(now));
  EXPECT_TRUE(fail(3));
  EXPECT_EQ(eject(), 60s);
  sit_out(60s);
  EXPECT_FALSE(succeed(10));
  EXPECT_TRUE(fail(3));
  EXPECT_EQ(eject(), 30s);
}

} // namespace
} // namespace shunt::routing
