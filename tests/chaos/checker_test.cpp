// The checker, fed with histories that are good and, above all, with ones that are not.
#include "chaos/checker.hpp"

#include <gtest/gtest.h>

namespace shunt::chaos {
namespace {

using namespace std::chrono_literals;

class Checker : public testing::Test {
protected:
  Checker() {
    all.nodes = 2;
    all.routes = 2;
    all.length = 20s;
    all.mappings = {mapped(0, 7, -10s)}; // Route 0 to instance 7; route 1 is not mapped.
  }

  static mapping mapped(int route, int instance, nanoseconds from, nanoseconds to = for_ever) {
    return {route, instance, from, to, {}, {}};
  }
  static request answered(nanoseconds at, int status, int instance = -1, int route = 0) {
    request made;
    made.start = at;
    made.end = at + 10ms;
    made.route = route;
    made.status = status;
    made.instance = instance;
    return made;
  }
  static request unanswered(nanoseconds at) {
    auto made = answered(at, 0);
    made.error = "reset";
    return made;
  }
  judgement judged(const request& asked) const { return judge(asked, all, wanted); }
  outcome outcome_of(const request& asked) const { return judged(asked).what; }

  history all;
  expectations wanted;
};

TEST_F(Checker, AcceptsA2xxOfAMappedInstance) {
  EXPECT_EQ(outcome_of(answered(1s, 200, 7)), outcome::good);
  EXPECT_EQ(outcome_of(answered(1s, 204, 7)), outcome::good);
}

TEST_F(Checker, RefusesA404ForAMappedRouteEvenInAnOutage) {
  all.outages = {{0, 0s, for_ever}};
  wanted.allowed_statuses = {404, 503};
  EXPECT_EQ(judged(answered(1s, 404)).why, "a 404 for a mapped route");
  EXPECT_EQ(outcome_of(answered(1s, 404)), outcome::failed);
}

TEST_F(Checker, RefusesA2xxForARouteThatNobodyMappedEvenInAnOutage) {
  all.outages = {{0, 0s, for_ever}};
  EXPECT_EQ(outcome_of(answered(1s, 200, 7, 1)), outcome::failed);
  EXPECT_EQ(outcome_of(answered(1s, 404, -1, 1)), outcome::good);
  EXPECT_EQ(outcome_of(answered(1s, 503, -1, 1)), outcome::good);
}

TEST_F(Checker, RefusesA2xxOfAnotherInstance) {
  EXPECT_EQ(outcome_of(answered(1s, 200, 8)), outcome::failed);
  EXPECT_EQ(outcome_of(answered(1s, 200, -1)), outcome::failed) << "nobody knows who that was";
}

TEST_F(Checker, RefusesErrorsForAMappedRoute) {
  EXPECT_EQ(outcome_of(answered(1s, 503)), outcome::failed);
  EXPECT_EQ(outcome_of(answered(1s, 502)), outcome::failed);
  EXPECT_EQ(judged(unanswered(1s)).why, "no answer: reset");
  EXPECT_EQ(outcome_of(unanswered(1s)), outcome::failed);
}

TEST_F(Checker, RefusesNoAnswerForAnUnmappedRouteToo) {
  auto asked = unanswered(1s);
  asked.route = 1;
  EXPECT_EQ(outcome_of(asked), outcome::failed);
}

TEST_F(Checker, RefusesWhatComesTooLate) {
  auto late = answered(1s, 200, 7);
  late.end = late.start + wanted.deadline;
  EXPECT_EQ(outcome_of(late), outcome::good);
  late.end += 1ms;
  EXPECT_EQ(outcome_of(late), outcome::failed);
  late.route = 1;
  late.status = 404;
  EXPECT_EQ(outcome_of(late), outcome::failed) << "a no has to come in time, too";
}

TEST_F(Checker, ExcusesANodeInAnOutageButNotTheOthers) {
  all.outages = {{0, 1s, 2s}};
  auto asked = unanswered(1500ms);
  EXPECT_EQ(outcome_of(asked), outcome::excused);
  asked.node = 1;
  EXPECT_EQ(outcome_of(asked), outcome::failed);
}

TEST_F(Checker, ExcusesWhatWasUnderWayAndAGraceAfterwards) {
  all.outages = {{0, 1s, 2s}};
  wanted.grace = 500ms;
  EXPECT_EQ(outcome_of(unanswered(995ms)), outcome::excused);
  EXPECT_EQ(outcome_of(unanswered(900ms)), outcome::failed);
  EXPECT_EQ(outcome_of(unanswered(2500ms)), outcome::excused);
  EXPECT_EQ(outcome_of(unanswered(2501ms)), outcome::failed);
}

TEST_F(Checker, LetsANodeThatStoodStillHearOfEndsWhenItGoesOn) {
  auto ended = mapped(1, 7, 0s);
  ended.to = 3s;
  all.mappings.push_back(ended);
  all.outages = {{0, 2s, 10s, 8s}};
  wanted.settle = 1s;
  EXPECT_EQ(outcome_of(answered(8900ms, 200, 7, 1)), outcome::good);
  EXPECT_EQ(outcome_of(answered(9001ms, 200, 7, 1)), outcome::failed) << "it came back";
  auto other = answered(8900ms, 200, 7, 1);
  other.node = 1;
  EXPECT_EQ(outcome_of(other), outcome::failed);
  all.mappings.back().to = 900ms;
  EXPECT_EQ(outcome_of(answered(8900ms, 200, 7, 1)), outcome::failed) << "it had been over before";
}

TEST_F(Checker, ExcusesOnlyAllowedStatuses) {
  all.outages = {{0, 0s, for_ever}};
  EXPECT_EQ(outcome_of(answered(1s, 503)), outcome::excused);
  EXPECT_EQ(outcome_of(answered(1s, 502)), outcome::failed);
  wanted.allowed_statuses = {};
  EXPECT_EQ(outcome_of(answered(1s, 503)), outcome::failed);
}

TEST_F(Checker, LetsARouteBeNewForAsLongAsItMaySettle) {
  all.mappings.push_back(mapped(1, 7, 5s));
  wanted.settle = 1s;
  EXPECT_EQ(outcome_of(answered(4980ms, 200, 7, 1)), outcome::failed) << "before it was mapped";
  EXPECT_EQ(outcome_of(answered(5100ms, 200, 7, 1)), outcome::good);
  EXPECT_EQ(outcome_of(answered(5100ms, 404, -1, 1)), outcome::good);
  EXPECT_EQ(outcome_of(answered(6000ms, 404, -1, 1)), outcome::failed);
}

TEST_F(Checker, LetsARouteBeOldForAsLongAsItMaySettle) {
  all.mappings[0].to = 5s;
  wanted.settle = 1s;
  EXPECT_EQ(outcome_of(answered(5900ms, 200, 7)), outcome::good);
  EXPECT_EQ(outcome_of(answered(6001ms, 200, 7)), outcome::failed);
  EXPECT_EQ(outcome_of(answered(6001ms, 404)), outcome::good);
  EXPECT_EQ(outcome_of(answered(6001ms, 503)), outcome::good);
}

TEST_F(Checker, SeesAnInstanceThatWasUnmappedWhileAnotherTookOver) {
  all.mappings = {mapped(0, 7, -10s, 5s), mapped(0, 8, 2s)};
  EXPECT_EQ(outcome_of(answered(5500ms, 200, 7)), outcome::good);
  EXPECT_EQ(outcome_of(answered(5500ms, 200, 8)), outcome::good);
  EXPECT_EQ(outcome_of(answered(5500ms, 503)), outcome::failed) << "green was there all the time";
  EXPECT_EQ(judged(answered(7s, 200, 7)).why, "answered by instance 7, which was not mapped");
}

TEST_F(Checker, GivesAConfirmedChangeNoTimeToSettle) {
  wanted.settle = 10s;
  all.mappings = {mapped(0, 7, -20s, 5s), mapped(0, 8, 4s)};
  EXPECT_EQ(outcome_of(answered(6s, 503)), outcome::good);
  EXPECT_EQ(outcome_of(answered(6s, 200, 7)), outcome::good);
  all.mappings[1].known = 4100ms;
  all.mappings[0].gone = 5100ms;
  EXPECT_EQ(outcome_of(answered(4200ms, 404)), outcome::failed);
  EXPECT_EQ(outcome_of(answered(6s, 503)), outcome::failed);
  EXPECT_EQ(outcome_of(answered(5090ms, 200, 7)), outcome::good) << "it was under way";
  EXPECT_EQ(outcome_of(answered(5101ms, 200, 7)), outcome::failed);
}

TEST_F(Checker, ExcusesA503ForWhatWasLostOnlyWhereItWasNeverServed) {
  wanted.unheard = {5s, 10s, 9s, {0}};
  all.requests = {answered(4s, 503), answered(6s, 503), answered(7s, 200, 7), answered(8s, 503),
                  answered(11s, 503)};
  const auto found = check(all, wanted);
  EXPECT_EQ(found.outcomes, (std::vector{outcome::failed, outcome::excused, outcome::good,
                                         outcome::failed, outcome::failed}));
  EXPECT_EQ(found.unheard, 1u);
  EXPECT_EQ(found.excused, 1u);
}

TEST_F(Checker, ExcusesNoOtherStatusForWhatWasLost) {
  wanted.unheard = {0s, 10s, 5s, {0}};
  all.requests = {answered(1s, 404), answered(2s, 502), unanswered(3s)};
  EXPECT_EQ(check(all, wanted).failures.size(), 3u);
}

TEST_F(Checker, ExcusesNothingOfWhatOthersHold) {
  wanted.unheard = {5s, 10s, 9s, {1}};
  all.requests = {answered(6s, 503)};
  EXPECT_FALSE(check(all, wanted).passed());
  wanted.unheard->routes = {0};
  EXPECT_TRUE(check(all, wanted).passed());
}

TEST_F(Checker, TakesWhatOneNodeServedForKnownToAllOnceItIsShared) {
  wanted.unheard = {5s, 10s, 7s, {0}};
  all.requests = {answered(1s, 200, 7), answered(6s, 503)};
  auto& asked = all.requests[1];
  EXPECT_FALSE(check(all, wanted).passed()) << "it served it itself";
  asked.node = 1;
  EXPECT_TRUE(check(all, wanted).passed()) << "the other one had not told it yet";
  asked = answered(7s, 503);
  asked.node = 1;
  EXPECT_FALSE(check(all, wanted).passed());
  all.outages = {{0, 5s, for_ever}};
  EXPECT_TRUE(check(all, wanted).passed()) << "the other one is gone";
}

TEST_F(Checker, GivesANodeTheTimeToShareWhatItHasJustServed) {
  wanted.unheard = {5s, 10s, 7s, {0}};
  all.requests = {answered(8s, 200, 7), answered(8900ms, 503)};
  all.requests[1].node = 1;
  EXPECT_TRUE(check(all, wanted).passed());
  all.requests[1] = answered(9100ms, 503);
  all.requests[1].node = 1;
  EXPECT_FALSE(check(all, wanted).passed());
}

TEST_F(Checker, WantsRequestsInTheTimeInWhichANodeWasInOrder) {
  all.nodes = 1;
  all.outages = {{0, 10s, for_ever}};
  for (int i = 0; i < 20; ++i)
    all.requests.push_back(answered(i * 500ms, 200, 7)); // For 10 s of 20 s.
  EXPECT_EQ(asked_too_little(all, 2).size(), 0u);
  all.requests.pop_back();
  for (int i = 0; i < 20; ++i)
    all.requests.push_back(unanswered(11s));
  ASSERT_EQ(asked_too_little(all, 2).size(), 1u) << "what it could not answer was no load";
  EXPECT_EQ(asked_too_little(all, 2)[0].node, 0);
}

TEST_F(Checker, CountsAndSortsWhatItFound) {
  all.outages = {{1, 0s, for_ever}};
  auto slow = answered(3s, 200, 7);
  slow.end = slow.start + 300ms;
  auto excused = unanswered(4s);
  excused.node = 1;
  all.requests = {unanswered(6s), slow, excused, answered(1s, 404), answered(2s, 200, 7)};
  const auto found = check(all, wanted);
  EXPECT_FALSE(found.passed());
  ASSERT_EQ(found.failures.size(), 2u);
  EXPECT_EQ(found.failures[0].at, 1s);
  EXPECT_EQ(found.failures[0].what, "route 0: a 404 for a mapped route");
  EXPECT_EQ(found.failures[1].at, 6s);
  EXPECT_EQ(found.excused, 1u);
  EXPECT_EQ(found.worst, 300ms);
  EXPECT_EQ(found.outcomes, (std::vector{outcome::failed, outcome::good, outcome::excused,
                                         outcome::failed, outcome::good}));
}

} // namespace
} // namespace shunt::chaos
