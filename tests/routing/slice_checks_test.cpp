// What a slice tells the checker, what becomes of verdicts, and how pools that hear of them are
// balanced.
#include "routing/balance.hpp"
#include "routing/lease_table.hpp"
#include "routing/slice.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;

class SliceChecks : public ::testing::Test {
protected:
  void put(const std::string& uri, std::uint16_t port, const std::string& check = "/h",
           std::int64_t interval_ms = 0) {
    const auto e = make_endpoint(port, [&](endpoint_spec& s) {
      s.health_check_path = check;
      s.health_check_interval_ms = interval_ms;
    });
    table->register_endpoint(heard(uri, e), start, wall_ns);
  }
  void take(const std::string& uri, std::uint16_t port) {
    table->unregister_endpoint(registration::make(true, make_endpoint(port), uri), start);
  }
  /// The only route that changed.
  checked_route told() {
    auto all = table->take_checks();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? checked_route{} : all.front();
  }
  void judge(const checked_route& on, std::uint16_t port, bool healthy) {
    table->judge({on.host, on.path, address_of(port), on.version, healthy});
  }
  bool is_unhealthy(const std::string& host, std::uint16_t port) {
    for (const auto& path : table->grant(host).paths)
      for (const auto& e : path.endpoints)
        if (e.target->port() == port)
          return e.failed_until == unhealthy_until;
    ADD_FAILURE() << "no such endpoint";
    return false;
  }
  void follow() {
    for (const auto& change : table->take_changes())
      replica.apply(change);
  }
  leased_pool& lease(const std::string& host) {
    table->watch(host);
    return *replica.grant(table->grant(host), start).pool("");
  }
  std::map<int, int> tally(leased_pool& pool, int requests = 30) {
    std::map<int, int> count;
    for (int i = 0; i < requests; ++i) {
      attempt_state fresh;
      const auto* e = pick(pool, fresh, {}, start, random);
      ++count[e == nullptr ? 0 : e->about().port()];
    }
    return count;
  }

  std::unique_ptr<slice> table = std::make_unique<slice>(table_rules{});
  lease_table replica{{}, 1};
  rng random{1};
};

// -- What is told

TEST_F(SliceChecks, SaysNothingOfRoutesThatDoNotAsk) {
  for (std::uint16_t port = 1; port <= 20; ++port)
    put("a.com", port, "");
  take("a.com", 3);
  EXPECT_FALSE(table->has_changed_checks());
  EXPECT_TRUE(table->take_checks().empty());
}

TEST_F(SliceChecks, TellsARouteThatAsksWheneverItChanges) {
  put("a.com/x", 1);
  auto route = told();
  EXPECT_EQ(route.host, "a.com");
  EXPECT_EQ(route.path, "x");
  EXPECT_EQ(route.wish, (health_check{"/h", 0}));
  ASSERT_EQ(route.members.size(), 1u);
  EXPECT_EQ(route.members[0].target->port(), 1);
  put("a.com/x", 1);
  EXPECT_FALSE(table->has_changed_checks()) << "heard again";
  put("a.com/x", 2, ""); // Which does not ask, and so is not checked.
  const auto same = told();
  EXPECT_EQ(same.members.size(), 1u);
  EXPECT_GT(same.version, route.version);
  put("a.com/x", 2);
  EXPECT_EQ(told().members.size(), 2u);
  put("a.com/x", 1, "/other", 5'000);
  EXPECT_EQ(told().wish, (health_check{"/h", 0})) << "the smallest";
  take("a.com/x", 2);
  const auto last = told();
  EXPECT_EQ(last.wish, (health_check{"/other", 5'000}));
  EXPECT_EQ(last.members.size(), 1u);
}

TEST_F(SliceChecks, TellsThatNobodyAsksAnyMore) {
  put("a.com", 1);
  told();
  put("a.com", 1, "");
  EXPECT_FALSE(told().wish);
  put("a.com", 2, "");
  EXPECT_FALSE(table->has_changed_checks());
  put("b.com", 1);
  told();
  take("b.com", 1);
  EXPECT_FALSE(told().wish);
  put("b.com", 1);
  told();
  table->report_failure("b.com", "", address_of(1), true, start);
  EXPECT_FALSE(table->has_changed_checks()) << "a mark is not the checker's business";
  table->prune(start + 1h);
  EXPECT_FALSE(told().wish);
}

TEST_F(SliceChecks, DerivesTheCheckFromTheSetOfEndpoints) {
  struct voice {
    std::uint16_t port;
    std::string path;
    std::int64_t interval_ms;
  };
  for (const int others : {0, 20}) { // Small pools are read off, large ones counted.
    std::vector<voice> voices{{1, "", 0}, {2, "/b", 0}, {3, "/a", 7'000}, {4, "/a", 5'000}};
    for (int i = 0; i < others; ++i)
      voices.push_back({static_cast<std::uint16_t>(100 + i), "", 0});
    for (int round = 0; round < 50; ++round) {
      for (std::size_t i = voices.size(); i > 1; --i)
        std::swap(voices[i - 1], voices[random.below(i)]);
      table = std::make_unique<slice>(table_rules{});
      for (const auto& v : voices)
        put("a.com", v.port, v.path, v.interval_ms);
      EXPECT_EQ(told().wish, (health_check{"/a", 5'000}));
      take("a.com", 4);
      EXPECT_EQ(told().wish, (health_check{"/a", 7'000}));
      take("a.com", 3);
      EXPECT_EQ(told().wish, (health_check{"/b", 0}));
      put("a.com", 2, "");
      EXPECT_FALSE(told().wish);
    }
  }
}

// -- Verdicts

TEST_F(SliceChecks, AppliesAVerdictUntilItIsTakenBack) {
  put("a.com", 1);
  put("a.com", 2);
  const auto route = told();
  judge(route, 1, false);
  EXPECT_TRUE(is_unhealthy("a.com", 1));
  EXPECT_FALSE(is_unhealthy("a.com", 2));
  table->report_failure("a.com", "", address_of(1), false, start);
  EXPECT_TRUE(is_unhealthy("a.com", 1)) << "a mark does not shorten it";
  judge(route, 1, true);
  EXPECT_FALSE(is_unhealthy("a.com", 1));
}

TEST_F(SliceChecks, TellsTheVerdictItHas) {
  put("a.com", 1);
  judge(told(), 1, false);
  put("a.com", 2);
  const auto route = told();
  EXPECT_TRUE(route.members.at(0).unhealthy);
  EXPECT_FALSE(route.members.at(1).unhealthy);
}

TEST_F(SliceChecks, IgnoresAVerdictOnWhatIsOver) {
  put("a.com", 1);
  const auto before = told();
  take("a.com", 1);
  judge(before, 1, false); // Gone.
  told();
  put("a.com", 1);
  judge(before, 1, false); // Back, but not yet told.
  const auto now = told();
  EXPECT_FALSE(now.members.at(0).unhealthy);
  judge(before, 1, false); // Told anew.
  EXPECT_FALSE(is_unhealthy("a.com", 1));
  judge(now, 2, false); // Never heard of.
  judge(now, 1, false);
  EXPECT_TRUE(is_unhealthy("a.com", 1));
}

TEST_F(SliceChecks, LeavesNoMarkWhenTheChecksEnd) {
  for (const bool many : {false, true}) {
    table = std::make_unique<slice>(table_rules{});
    for (std::uint16_t port = 10; many && port < 30; ++port)
      put("a.com", port, "");
    put("a.com", 1);
    judge(told(), 1, false);
    put("a.com", 1, "");
    EXPECT_FALSE(told().wish);
    EXPECT_FALSE(is_unhealthy("a.com", 1));
    put("a.com", 1);
    judge(told(), 1, false);
    take("a.com", 1);
    put("a.com", 1);
    told();
    EXPECT_FALSE(is_unhealthy("a.com", 1));
  }
}

// -- Balancing

TEST_F(SliceChecks, HasLoopsAvoidWhatIsUnhealthy) {
  for (std::uint16_t port = 1; port <= 3; ++port)
    put("a.com", port);
  const auto route = told();
  auto& pool = lease("a.com");
  judge(route, 2, false);
  follow();
  EXPECT_EQ(tally(pool), (std::map<int, int>{{1, 15}, {3, 15}}));
  judge(route, 2, true);
  follow();
  EXPECT_EQ(tally(pool), (std::map<int, int>{{1, 10}, {2, 10}, {3, 10}}));
}

TEST_F(SliceChecks, HasLoopsUseAllWhenAllAreUnhealthyAndRememberIt) {
  for (std::uint16_t port = 1; port <= 3; ++port)
    put("a.com", port);
  const auto route = told();
  auto& pool = lease("a.com");
  for (std::uint16_t port = 1; port <= 3; ++port)
    judge(route, port, false);
  follow();
  EXPECT_EQ(tally(pool), (std::map<int, int>{{1, 10}, {2, 10}, {3, 10}}));
  judge(route, 3, true); // The others are as ill as before.
  follow();
  EXPECT_EQ(tally(pool), (std::map<int, int>{{3, 30}}));
}

TEST_F(SliceChecks, ClearsMarksButNoVerdictsWhenNobodyElseIsLeft) {
  put("a.com", 1);
  put("a.com", 2);
  const auto route = told();
  auto& pool = lease("a.com");
  judge(route, 1, false);
  follow();
  pool.find_address(address_of(2))->failed_until = start + 30s;
  tally(pool, 1);
  EXPECT_EQ(tally(pool), (std::map<int, int>{{2, 30}})) << "the mark is gone, the verdict is not";
}

TEST_F(SliceChecks, GrantsVerdictsAndTakesBackOldOnes) {
  put("a.com", 1);
  put("a.com", 2);
  const auto route = told();
  judge(route, 1, false);
  auto& pool = lease("a.com");
  EXPECT_EQ(tally(pool), (std::map<int, int>{{2, 30}}));
  judge(route, 1, true);
  EXPECT_EQ(tally(lease("a.com")), (std::map<int, int>{{1, 15}, {2, 15}}));
}

TEST_F(SliceChecks, HasNobodyCheckedWhileTheyAreOffAndAllThatAskOnceTheyAreOn) {
  table_rules off;
  off.health_checks = false;
  table->set_rules(off);
  put("a.com", 1);
  put("b.com", 1, "");
  EXPECT_FALSE(table->has_changed_checks());
  table->set_rules({});
  const auto route = told();
  EXPECT_EQ(route.host, "a.com");
  EXPECT_EQ(route.wish, (health_check{"/h", 0}));
  table->set_rules({});
  EXPECT_FALSE(table->has_changed_checks()) << "nothing is new";
  judge(route, 1, false);
  EXPECT_TRUE(is_unhealthy("a.com", 1));
  table->set_rules(off);
  EXPECT_FALSE(told().wish);
  EXPECT_FALSE(is_unhealthy("a.com", 1)) << "nobody asks it any more";
}

} // namespace
} // namespace shunt::routing
