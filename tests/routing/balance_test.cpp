// Balancing and the retry rule, by the tables of the protocol.
#include "routing/balance.hpp"
#include "routing/lease_table.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;

class Balance : public ::testing::Test {
protected:
  void fill(int count, const std::function<void(endpoint_spec&)>& more = {}) {
    path_grant path{"", traits, {}};
    for (int i = 1; i <= count; ++i)
      path.endpoints.push_back({make_endpoint(static_cast<std::uint16_t>(i), more), {}});
    pool = table.grant({"a.com", {path}}, start).pool("");
  }
  ~Balance() override {
    pool->for_each([](leased_endpoint& e) {
      e.stats().in_flight = 0;
      e.stats().awaiting_headers = 0;
    });
  }
  leased_endpoint& at(std::uint16_t port) { return *pool->find_address(address_of(port)); }
  void fail(std::uint16_t port) { at(port).failed_until = now + 30s; }
  /// The port a request picks; 0 if none.
  int pick_port(attempt_state& state) {
    auto* e = pick(*pool, state, rules, now, random);
    return e == nullptr ? 0 : e->about().port();
  }
  int pick_port() {
    attempt_state fresh;
    return pick_port(fresh);
  }
  std::map<int, int> tally(int requests) {
    std::map<int, int> count;
    for (int i = 0; i < requests; ++i)
      ++count[pick_port()];
    return count;
  }

  lease_table table{{}, 1};
  leased_pool* pool = nullptr;
  route_traits traits;
  balance_rules rules;
  rng random{1};
  time_point now = start;
};

TEST_F(Balance, RoundRobinVisitsInTurn) {
  fill(5);
  const int first = pick_port();
  for (int i = 1; i < 20; ++i)
    EXPECT_EQ(pick_port(), (first - 1 + i) % 5 + 1);
}

TEST_F(Balance, RoundRobinStartsAnywhere) {
  std::map<int, int> firsts;
  for (int i = 0; i < 400; ++i) {
    table.drop("a.com");
    fill(4);
    ++firsts[pick_port()];
  }
  for (int port = 1; port <= 4; ++port)
    EXPECT_GT(firsts[port], 60) << port;
}

TEST_F(Balance, RoundRobinIsFairAcrossHoles) {
  fill(10);
  std::vector<endpoint_change> removed;
  for (const int port : {2, 3, 4})
    removed.push_back(
      {endpoint_change::kind::remove, make_endpoint(static_cast<std::uint16_t>(port)), {}});
  table.apply({"a.com", {{"", path_change::state::live, {}, removed}}});
  const auto count = tally(700);
  EXPECT_EQ(count.size(), 7u);
  for (const auto& [port, n] : count)
    EXPECT_EQ(n, 100) << port;
}

TEST_F(Balance, ARetryGoesOnFromItsOwnPosition) {
  fill(4);
  attempt_state state;
  const int first = pick_port(state);
  const int other = pick_port(); // Another request in between.
  EXPECT_EQ(other, first % 4 + 1);
  EXPECT_EQ(pick_port(state), first % 4 + 1);
  EXPECT_EQ(pick_port(state), (first + 1) % 4 + 1);
  EXPECT_EQ(pick_port(), other % 4 + 1) << "retries do not move the cursor of the others";
}

TEST_F(Balance, AvoidsMarkedEndpointsUntilTheMarkIsOver) {
  for (const auto by : {algorithm::round_robin, algorithm::least_connection}) {
    rules.algorithm = by;
    fill(3);
    fail(2);
    EXPECT_FALSE(tally(300).contains(2));
    now += 30s;
    EXPECT_TRUE(tally(300).contains(2));
  }
}

TEST_F(Balance, ClearsAllMarksIfAllAreMarked) {
  fill(3);
  for (const std::uint16_t port : {1, 2, 3})
    fail(port);
  EXPECT_NE(pick_port(), 0);
  pool->for_each([&](leased_endpoint& e) { EXPECT_FALSE(e.is_marked(now)); });
}

TEST_F(Balance, SkipsTheOverloadedByEitherCount) {
  fill(2);
  rules.max_conns = 2;
  at(1).stats().awaiting_headers = 2;
  EXPECT_EQ(tally(10), (std::map<int, int>{{2, 10}}));
  EXPECT_FALSE(all_overloaded(*pool, rules));
  at(2).stats().awaiting_headers = 2;
  EXPECT_TRUE(all_overloaded(*pool, rules));
  EXPECT_EQ(pick_port(), 0);
  rules.max_conns_counts = conns_counter::in_flight;
  EXPECT_FALSE(all_overloaded(*pool, rules));
  at(1).stats().in_flight = 2;
  EXPECT_EQ(tally(10), (std::map<int, int>{{2, 10}}));
  rules.max_conns = 0;
  EXPECT_EQ(tally(10).size(), 2u);
}

TEST_F(Balance, DoesNotClearMarksForTheOverloaded) {
  fill(2);
  rules.max_conns = 1;
  fail(1);
  at(1).stats().awaiting_headers = at(2).stats().awaiting_headers = 1;
  EXPECT_EQ(pick_port(), 0);
  EXPECT_TRUE(at(1).is_marked(now));
}

TEST_F(Balance, APoolOfNoneOrOne) {
  fill(0);
  EXPECT_EQ(pick_port(), 0);
  EXPECT_FALSE(all_overloaded(*pool, rules));
  fill(1);
  EXPECT_EQ(pick_port(), 1);
  EXPECT_EQ(pick_port(), 1);
}

TEST_F(Balance, LeastConnectionTakesTheLeastAndBreaksTiesEvenly) {
  rules.algorithm = algorithm::least_connection;
  fill(100);
  for (int i = 1; i <= 100; ++i)
    at(static_cast<std::uint16_t>(i)).stats().in_flight = i % 10 == 0 ? 1 : 2;
  const auto count = tally(2000);
  EXPECT_EQ(count.size(), 10u);
  for (const auto& [port, n] : count) {
    EXPECT_EQ(port % 10, 0);
    EXPECT_GT(n, 130);
    EXPECT_LT(n, 280);
  }
}

TEST_F(Balance, TheRoutesWishComesBeforeTheRoutersRule) {
  traits.algorithm = algorithm::least_connection;
  fill(3);
  at(1).stats().in_flight = at(2).stats().in_flight = 1;
  EXPECT_EQ(tally(10), (std::map<int, int>{{3, 10}}));
  traits.algorithm = algorithm::round_robin;
  rules.algorithm = algorithm::least_connection;
  fill(3);
  EXPECT_EQ(tally(9).size(), 3u);
}

TEST_F(Balance, TheFirstAttemptStaysInTheZoneIfItCan) {
  rules.prefer_zone = true;
  rules.zone = "z1";
  for (const auto by : {algorithm::round_robin, algorithm::least_connection}) {
    rules.algorithm = by;
    fill(4, [](auto& s) { s.availability_zone = s.port % 2 == 0 ? "z1" : "z2"; });
    for (const auto& [port, n] : tally(40))
      EXPECT_EQ(port % 2, 0);
    fail(2);
    EXPECT_EQ(tally(10), (std::map<int, int>{{4, 10}}));
    fail(4);
    for (const auto& [port, n] : tally(40))
      EXPECT_EQ(port % 2, 1) << "all zones, rather than marked endpoints";
    EXPECT_TRUE(at(2).is_marked(now)) << "falling back clears no marks";
    at(2).failed_until = at(4).failed_until = {};
  }
}

TEST_F(Balance, RetriesLookAtAllZones) {
  rules.prefer_zone = true;
  rules.zone = "z1";
  fill(2, [](auto& s) { s.availability_zone = s.port == 1 ? "z1" : "z2"; });
  attempt_state state;
  EXPECT_EQ(pick_port(state), 1);
  EXPECT_EQ(pick_port(state), 2);
}

TEST_F(Balance, PicksOnlyTheInstancesAskedFor) {
  static const std::array<endpoint_spec::tag_view, 1> tags{{{"process_id", "p"}}};
  fill(4, [](auto& s) {
    s.app = s.port <= 2 ? "app" : "other";
    s.instance_index = s.port % 2 == 0 ? "0" : "1";
    if (s.port >= 3)
      s.tags = tags;
  });
  const instance_filter one{.app = "app", .process = {}, .index = "0"};
  attempt_state state{.only = &one};
  EXPECT_EQ(pick_port(state), 2);
  EXPECT_EQ(pick_port(state), 2);
  const instance_filter some{.app = {}, .process = "p", .index = {}};
  attempt_state two{.only = &some};
  EXPECT_GE(pick_port(two), 3);
  EXPECT_GE(pick_port(two), 3);
  const instance_filter nobody{.app = "none", .process = {}, .index = {}};
  attempt_state none{.only = &nobody};
  EXPECT_EQ(pick_port(none), 0);
}

TEST_F(Balance, ARequestForCertainInstancesClearsNoMarks) {
  fill(2, [](auto& s) { s.app = s.port == 1 ? "one" : "two"; });
  fail(1);
  const instance_filter one{.app = "one", .process = {}, .index = {}};
  attempt_state state{.only = &one};
  EXPECT_EQ(pick_port(state), 1);
  EXPECT_TRUE(at(1).is_marked(now));
}

TEST_F(Balance, AStickyRequestIgnoresMarksButNotLoad) {
  fill(2);
  fail(1);
  attempt_state state;
  EXPECT_TRUE(pick_pinned(at(1), state, rules));
  EXPECT_EQ(state.attempts, 1u);
  rules.max_conns = 1;
  at(2).stats().awaiting_headers = 1;
  EXPECT_FALSE(pick_pinned(at(2), state, rules));
  EXPECT_EQ(state.attempts, 1u);
}

TEST_F(Balance, StopsWhenAnAddressComesAgainAfterMoreAttemptsThanEndpoints) {
  fill(2);
  attempt_state state;
  for (int attempt = 1; attempt <= 2; ++attempt) {
    pick_port(state);
    EXPECT_TRUE(may_try(state, pool->size())) << attempt;
  }
  pick_port(state);
  EXPECT_FALSE(may_try(state, pool->size()));
}

TEST_F(Balance, GivesEndpointsThatJoinedMeanwhileTheirChance) {
  fill(1);
  attempt_state state;
  EXPECT_EQ(pick_port(state), 1);
  EXPECT_TRUE(may_try(state, 1));
  table.apply({"a.com",
               {{"",
                 path_change::state::live,
                 {},
                 {{endpoint_change::kind::remove, make_endpoint(1), {}},
                  {endpoint_change::kind::put, make_endpoint(9), {}}}}}});
  EXPECT_EQ(pick_port(state), 9);
  EXPECT_TRUE(may_try(state, 1)) << "more attempts than endpoints, but a new address";
  EXPECT_EQ(pick_port(state), 9);
  EXPECT_FALSE(may_try(state, 1));
}

TEST_F(Balance, CountsAttempts) {
  fill(1);
  attempt_state state;
  EXPECT_TRUE(may_try_again(state, 0));
  pick_port(state);
  EXPECT_FALSE(may_try_again(state, 0)) << "0 acts as 1";
  EXPECT_FALSE(may_try_again(state, 1));
  EXPECT_TRUE(may_try_again(state, 2));
}

TEST_F(Balance, SurvivesAPoolThatShrinksBetweenAttempts) {
  fill(20);
  attempt_state state;
  pick_port(state);
  std::vector<endpoint_change> removed;
  for (std::uint16_t port = 1; port <= 19; ++port)
    removed.push_back({endpoint_change::kind::remove, make_endpoint(port), {}});
  table.apply({"a.com", {{"", path_change::state::live, {}, removed}}});
  EXPECT_EQ(pick_port(state), 20);
  EXPECT_EQ(pick_port(), 20);
}

} // namespace
} // namespace shunt::routing
