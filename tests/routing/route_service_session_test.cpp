// What a session of a route service makes of what happens: deadline, uses, loops, times; and its name.
#include "routing/route_service_session.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

namespace shunt::routing {
namespace {

using namespace std::chrono_literals;
using enum use_verdict;

constexpr bool to_app = true;      ///< At the session's own route.
constexpr bool elsewhere = false;  ///< Through a route of no route service.

class Session : public ::testing::Test {
protected:
  time_point at(nanoseconds after) const { return began + after; }
  use_verdict use(nanoseconds after, bool where = to_app) { return session.use(where, at(after)); }
  void end(nanoseconds after, bool where = to_app) { session.use_ended(where, at(after)); }
  void limited(session_limits limits) { session = {limits, began}; }

  time_point began{1000s};
  route_service_session session{{.timeout = 5s}, began};
};

// -- The deadline.

TEST_F(Session, GivesTheServiceItsTimeAndNoMore) {
  EXPECT_EQ(session.deadline(), at(5s));
  EXPECT_FALSE(session.expire(at(5s) - 1ns));
  EXPECT_FALSE(session.given_up());
  EXPECT_TRUE(session.expire(at(5s)));
  EXPECT_TRUE(session.given_up());
  EXPECT_FALSE(session.expire(at(6s))) << "once";
  EXPECT_EQ(session.deadline(), time_point::max());
}

TEST_F(Session, HasNoDeadlineUnlessItIsGivenOne) {
  limited({});
  EXPECT_EQ(session.deadline(), time_point::max());
  EXPECT_FALSE(session.expire(at(std::chrono::hours{24 * 365})));
}

TEST_F(Session, HasNoDeadlineOnceTheServiceAnswered) {
  session.answered();
  EXPECT_EQ(session.deadline(), time_point::max());
  EXPECT_FALSE(session.expire(at(1h)));
}

TEST_F(Session, HasNoDeadlineOnceTheRequestCameBack) {
  EXPECT_EQ(use(1s), admitted);
  EXPECT_EQ(session.deadline(), time_point::max());
  end(2s);
  EXPECT_FALSE(session.expire(at(1h))) << "nor when the app has answered";
}

TEST_F(Session, KeepsItsDeadlineWhileTheServiceIsBeingReachedThroughTheRouter) {
  EXPECT_EQ(use(1s, elsewhere), admitted);
  EXPECT_EQ(session.deadline(), at(5s));
  EXPECT_TRUE(session.expire(at(5s)));
}

TEST_F(Session, RefusesAServiceThatWasGivenUp) {
  ASSERT_TRUE(session.expire(at(5s)));
  EXPECT_EQ(use(6s), too_late);
  EXPECT_FALSE(session.has_come_back());
  EXPECT_EQ(use(6s, elsewhere), admitted) << "it does not reach the app";
}

TEST_F(Session, MayBeGivenUpBeforeItsTime) {
  session.give_up();
  EXPECT_EQ(session.deadline(), time_point::max());
  EXPECT_EQ(use(1s), too_late);
}

// -- Uses.

TEST_F(Session, CountsUsesWithoutLimitUnlessOneIsSet) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(use(1s), admitted);
    end(1s);
  }
}

TEST_F(Session, RefusesUsesBeyondTheLimit) {
  limited({.uses_max = 2});
  EXPECT_EQ(use(1s), admitted);
  end(1s);
  EXPECT_EQ(use(2s), admitted);
  EXPECT_EQ(use(2s), used_up) << "whether or not the one before is over";
  end(2s);
  end(2s);
  EXPECT_EQ(use(3s), used_up);
  EXPECT_TRUE(session.has_come_back());
}

TEST_F(Session, CountsNoUseThatDoesNotComeBack) {
  limited({.uses_max = 1});
  EXPECT_EQ(use(1s, elsewhere), admitted);
  EXPECT_EQ(use(1s, elsewhere), admitted);
  EXPECT_FALSE(session.has_come_back());
  EXPECT_EQ(use(1s), admitted);
  EXPECT_EQ(use(1s), used_up);
}

// -- Loops.

TEST_F(Session, TakesTooManyRequestsAtOnceForALoop) {
  for (const bool where : {to_app, elsewhere}) {
    limited({});
    for (std::uint32_t i = 0; i < signature_uses_at_once_max; ++i)
      EXPECT_EQ(use(1s, where), admitted) << i;
    EXPECT_EQ(use(1s, where), looping);
    EXPECT_EQ(use(1s, !where), looping) << "wherever it comes from";
  }
}

TEST_F(Session, TakesNoLoopForOneOnceItIsOver) {
  for (std::uint32_t i = 0; i < signature_uses_at_once_max; ++i)
    EXPECT_EQ(use(1s), admitted);
  EXPECT_EQ(use(1s), looping);
  end(1s); // The refused one.
  EXPECT_EQ(use(1s), looping);
  end(1s);
  end(1s); // One of the others.
  EXPECT_EQ(use(2s), admitted);
}

TEST_F(Session, TakesNoRepetitionForALoop) {
  for (std::uint32_t i = 0; i < 10 * signature_uses_at_once_max; ++i) {
    EXPECT_EQ(use(1s), admitted);
    end(1s);
  }
}

TEST_F(Session, SurvivesEndsThatItNeverHeardTheBeginningsOf) {
  end(1s);
  end(1s, elsewhere);
  for (std::uint32_t i = 0; i < signature_uses_at_once_max; ++i)
    EXPECT_EQ(use(1s), admitted);
  EXPECT_EQ(use(1s), looping);
}

// -- Times.

TEST_F(Session, GivesTheServiceAllTheTimeIfTheRequestDidNotComeBack) {
  const auto times = session.times(at(3s));
  EXPECT_EQ(times.service, 3s);
  EXPECT_LT(times.app, 0s);
}

TEST_F(Session, TellsTheAppsTimeFromTheServices) {
  use(1s);
  end(4s);
  const auto times = session.times(at(6s));
  EXPECT_EQ(times.app, 3s);
  EXPECT_EQ(times.service, 3s);
}

TEST_F(Session, AddsUpTheAppsTimes) {
  use(1s);
  end(2s);
  use(3s);
  end(5s);
  const auto times = session.times(at(7s));
  EXPECT_EQ(times.app, 3s);
  EXPECT_EQ(times.service, 4s);
}

TEST_F(Session, CountsTimeOnceWhenTheAppHasTheRequestTwice) {
  use(1s);
  use(2s);
  end(3s);
  end(5s);
  EXPECT_EQ(session.times(at(6s)).app, 4s);
}

TEST_F(Session, CountsTheAppsTimeWhileItLasts) {
  use(1s);
  EXPECT_EQ(session.times(at(4s)).app, 3s);
  EXPECT_EQ(session.times(at(4s)).service, 1s);
}

TEST_F(Session, CountsNoTimeOfTheAppsForRequestsThatDoNotComeBack) {
  use(1s, elsewhere);
  end(3s, elsewhere);
  EXPECT_EQ(session.times(at(4s)).service, 4s);
  EXPECT_LT(session.times(at(4s)).app, 0s);
}

TEST_F(Session, KnowsNoTimeBelowZero) { // Loops read their clocks before they send.
  use(2s);
  end(1s);
  EXPECT_EQ(session.times(at(3s)).app, 0s);
  use(5s);
  EXPECT_EQ(session.times(at(4s)).app, 0s);
  EXPECT_EQ(session.times(at(-1s)).service, 0s);
}

// -- All together: every sequence of seven events against the rules, said once more.

TEST_F(Session, FollowsTheRulesWhateverHappens) {
  constexpr int events = 6, length = 7;
  int sequences = 1;
  for (int i = 0; i < length; ++i)
    sequences *= events;
  for (int n = 0; n < sequences; ++n) {
    limited({.timeout = 5s, .uses_max = 2});
    bool waiting = true, given_up = false;
    int uses = 0, under_way = 0;
    for (int i = 0, rest = n; i < length; ++i, rest /= events) {
      const auto now = nanoseconds{i};
      switch (rest % events) {
        case 0:
          ASSERT_EQ(use(now), given_up ? too_late : uses == 2 ? used_up : admitted) << n;
          ++under_way;
          if (!given_up && uses < 2) {
            ++uses;
            waiting = false;
          }
          break;
        case 1:
          end(now);
          under_way -= under_way > 0;
          break;
        case 2:
          ASSERT_EQ(use(now, elsewhere), admitted) << n;
          ++under_way;
          break;
        case 3:
          session.answered();
          waiting = false;
          break;
        case 4:
          ASSERT_EQ(session.expire(at(5s)), waiting && !given_up) << n;
          given_up = given_up || waiting;
          break;
        case 5:
          session.give_up();
          given_up = true;
          break;
      }
      ASSERT_EQ(session.given_up(), given_up) << n;
      ASSERT_EQ(session.has_come_back(), uses > 0) << n;
      ASSERT_EQ(session.deadline(), waiting && !given_up ? at(5s) : time_point::max()) << n;
      const auto times = session.times(at(10s));
      ASSERT_EQ(times.app >= 0ns, uses > 0) << n;
      ASSERT_GE(times.service, 0ns) << n;
    }
  }
}

// -- Names.

std::string text_of(const session_id& id) {
  std::string text;
  id.append_to(text);
  return text;
}

TEST(SessionId, IsReadAsItWasWritten) {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  for (const auto& id : {session_id{}, session_id{1, 2, 3}, session_id{0xab, 0xc, 0xdef},
                         session_id{most, std::numeric_limits<std::uint32_t>::max(), most}})
    EXPECT_EQ(session_id::parse(text_of(id)), id) << text_of(id);
  EXPECT_EQ(text_of({0xab, 12, 255}), "ab-c-ff");
  EXPECT_LE(text_of({most, 63, most}).size(), 40u) << "it is sent with every request";
}

TEST(SessionId, IsNothingElse) {
  for (const std::string text : {"", "-", "--", "---", "1", "1-2", "1-2-", "-1-2", "1--2", "1-2-3-", "1-2-3-4",
                                 "01-2-3", "1-02-3", "A-2-3", "1-2-g", " 1-2-3", "1-2-3 ", "0x1-2-3", "+1-2-3",
                                 "10000000000000000-2-3", "1-100000000-3", "1-2-10000000000000000"})
    EXPECT_EQ(session_id::parse(text), std::nullopt) << text;
  EXPECT_EQ(session_id::parse(std::string(100'000, '1')), std::nullopt);
  EXPECT_EQ(session_id::parse(std::string("1-2-3\0", 6)), std::nullopt);
}

} // namespace
} // namespace shunt::routing
