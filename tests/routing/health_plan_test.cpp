// Who is asked when, how often, and who hears of it.
#include "routing/health_plan.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;

class HealthPlan : public ::testing::Test {
protected:
  HealthPlan() {
    rules.interval = 10s;
    rules.unhealthy_after = 2;
    rules.healthy_after = 2;
    use(rules);
  }
  void use(const health_check_rules& wanted) { plan.emplace(wanted, 7); }

  static checked_route wish(const std::string& host, const std::string& check_path,
                            const std::vector<endpoint_ptr>& targets, std::uint64_t version = 1) {
    checked_route route{host, "", {check_path, 0}, version, {}};
    for (const auto& each : targets)
      route.members.push_back({each, false});
    return route;
  }
  void put(const checked_route& route, std::size_t shard = 0) { plan->put(shard, route, now); }
  /// Everything that is due now, each ended with what `succeeds` says of its port.
  template <class Succeeds>
  std::vector<std::uint16_t> run(Succeeds succeeds) {
    std::vector<std::uint16_t> asked;
    while (const auto order = plan->next(now)) {
      asked.push_back(order->target->port());
      plan->ended(order->id, succeeds(order->target->port()), now);
    }
    return asked;
  }
  /// Lets `time` pass in steps, with every check answered so; how often each port was asked.
  std::map<std::uint16_t, int> pass(nanoseconds time, bool success) {
    std::map<std::uint16_t, int> asked;
    for (const auto end = now + time; now < end; now += 100ms)
      for (const auto port : run([&](std::uint16_t) { return success; }))
        ++asked[port];
    return asked;
  }
  std::vector<judgement> judgements() {
    std::vector<judgement> said;
    for (auto& [shard, each] : plan->take_judgements())
      said.push_back(std::move(each));
    return said;
  }
  static judgement of(const std::string& host, std::uint16_t port, std::uint64_t version,
                      bool healthy) {
    return {host, "", address_of(port), version, healthy};
  }

  health_check_rules rules;
  std::optional<health_plan> plan;
  time_point now = start;
};

TEST_F(HealthPlan, HasNothingToDoWithoutRoutes) {
  EXPECT_EQ(plan->due(), time_point::max());
  EXPECT_FALSE(plan->next(now));
}

TEST_F(HealthPlan, AsksOnceAnIntervalMoreOrLess) {
  put(wish("a.com", "/h", {make_endpoint(1)}));
  const auto asked = pass(1000s, true);
  EXPECT_GE(asked.at(1), 90);
  EXPECT_LE(asked.at(1), 112);
  EXPECT_TRUE(judgements().empty()) << "all is as it was thought to be";
}

TEST_F(HealthPlan, SpreadsWhatComesAtOnce) {
  std::vector<endpoint_ptr> many;
  for (std::uint16_t port = 1; port <= 1000; ++port)
    many.push_back(make_endpoint(port));
  put(wish("a.com", "/h", many));
  for (int second = 0; second < 10; ++second) {
    now = start + std::chrono::seconds{second};
    std::size_t asked = 0;
    for (const auto end = now + 1s; now < end; now += 10ms)
      asked += run([](std::uint16_t) { return true; }).size();
    EXPECT_GT(asked, 50u) << second;
    EXPECT_LT(asked, 160u) << second;
  }
}

TEST_F(HealthPlan, TakesOtherRulesWhileItGoesOn) {
  auto own = wish("own.com", "/h", {make_endpoint(2)});
  own.wish.interval_ms = 20'000;
  put(wish("a.com", "/h", {make_endpoint(1)}));
  put(own);
  pass(20s, true);
  rules.interval = 1s;
  rules.unhealthy_after = 1;
  plan->set_rules(rules, now);
  const auto asked = pass(100s, true);
  EXPECT_GE(asked.at(1), 85) << "although the next one was due much later";
  EXPECT_LE(asked.at(2), 6) << "it has an interval of its own";
  pass(2s, false);
  EXPECT_FALSE(judgements().empty());
}

TEST_F(HealthPlan, SaysWhenToComeBack) {
  put(wish("a.com", "/h", {make_endpoint(1)}));
  const auto due = plan->due();
  EXPECT_GE(due, now);
  EXPECT_LT(due, now + 10s);
  EXPECT_FALSE(plan->next(due - 1ns));
  const auto order = plan->next(due);
  ASSERT_TRUE(order);
  EXPECT_EQ(plan->due(), time_point::max()) << "while it runs";
  EXPECT_FALSE(plan->next(due + 1h)) << "one at a time";
  plan->ended(order->id, true, due + 2s);
  EXPECT_GE(plan->due(), due + 9s) << "from its begin";
  EXPECT_LE(plan->due(), due + 11s);
}

TEST_F(HealthPlan, AsksALateOneAgainAtOnce) {
  put(wish("a.com", "/h", {make_endpoint(1)}));
  now = plan->due();
  const auto order = plan->next(now);
  plan->ended(order->id, true, now + 60s);
  EXPECT_EQ(plan->due(), now + 60s);
}

TEST_F(HealthPlan, TellsVerdictsToEveryRouteThatAsks) {
  const auto shared = make_endpoint(1);
  put(wish("a.com", "/h", {shared}, 3), 5);
  put(wish("b.com", "/h", {shared}, 4), 6);
  EXPECT_EQ(plan->check_count(), 1u);
  pass(30s, false);
  EXPECT_EQ(plan->unhealthy_count(), 1u);
  const auto said = plan->take_judgements();
  ASSERT_EQ(said.size(), 2u);
  EXPECT_EQ(said[0], std::pair(std::size_t{5}, of("a.com", 1, 3, false)));
  EXPECT_EQ(said[1], std::pair(std::size_t{6}, of("b.com", 1, 4, false)));
  pass(100s, false);
  EXPECT_TRUE(judgements().empty()) << "once is enough";
  pass(30s, true);
  EXPECT_EQ(plan->unhealthy_count(), 0u);
  EXPECT_EQ(judgements().size(), 2u);
}

TEST_F(HealthPlan, ChecksTheSameOnceAndWhatDiffersApart) {
  const auto plain = make_endpoint(1);
  put(wish("a.com", "/h", {plain}));
  put(wish("b.com", "/h", {make_endpoint(1, [](auto& s) { s.availability_zone = "z"; })}));
  EXPECT_EQ(plan->check_count(), 1u);
  put(wish("c.com", "/other", {plain}));
  EXPECT_EQ(plan->check_count(), 2u);
  put(wish("d.com", "/h", {make_endpoint(1, [](auto& s) { s.tls = true; })}));
  put(wish("e.com", "/h", {make_endpoint(1, [](auto& s) {
              s.tls = true;
              s.server_cert_domain_san = "x";
            })}));
  put(wish("f.com", "/h", {make_endpoint(1, [](auto& s) { s.protocol = "h2c"; })}));
  EXPECT_EQ(plan->check_count(), 5u);
  put(wish("g.com", "/h", {make_endpoint(1, [](auto& s) { s.app = "another"; })}));
  EXPECT_EQ(plan->check_count(), 6u);
}

TEST_F(HealthPlan, JudgesByPathWhereRoutesAskForDifferentOnes) {
  const auto shared = make_endpoint(1);
  put(wish("a.com", "/good", {shared}));
  put(wish("b.com", "/bad", {shared}));
  for (int i = 0; i < 400; ++i, now += 100ms)
    while (const auto order = plan->next(now))
      plan->ended(order->id, order->path == "/good", now);
  EXPECT_EQ(judgements(), std::vector{of("b.com", 1, 1, false)});
}

TEST_F(HealthPlan, AsksAsOftenAsTheMostImpatientRouteWants) {
  const auto shared = make_endpoint(1);
  auto patient = wish("a.com", "/h", {shared}), impatient = wish("b.com", "/h", {shared});
  patient.wish.interval_ms = 100'000;
  impatient.wish.interval_ms = 1'000;
  put(patient);
  put(impatient);
  EXPECT_GE(pass(100s, true).at(1), 80);
  impatient.wish = {};
  impatient.members.clear();
  put(impatient);
  EXPECT_LE(pass(100s, true)[1], 3);
}

TEST_F(HealthPlan, NamesTheSmallestHostOfThoseThatAsk) {
  const auto shared = make_endpoint(1);
  put(wish("b.com", "/h", {shared}));
  put(wish("a.com", "/h", {shared}));
  put(wish("c.com", "/h", {shared}));
  const auto order = plan->next(now + 10s);
  ASSERT_TRUE(order);
  EXPECT_EQ(order->host, "a.com");
  EXPECT_EQ(order->path, "/h");
}

TEST_F(HealthPlan, RunsOnlySoManyAtATime) {
  rules.running_max = 3;
  use(rules);
  std::vector<endpoint_ptr> ten;
  for (std::uint16_t port = 1; port <= 10; ++port)
    ten.push_back(make_endpoint(port));
  put(wish("a.com", "/h", ten));
  now += 10s;
  std::vector<std::uint64_t> running;
  while (const auto order = plan->next(now))
    running.push_back(order->id);
  EXPECT_EQ(running.size(), 3u);
  EXPECT_EQ(plan->due(), time_point::max()) << "the end of one is what to wait for";
  plan->ended(running[0], true, now);
  EXPECT_LE(plan->due(), now);
  EXPECT_TRUE(plan->next(now));
  EXPECT_FALSE(plan->next(now));
}

TEST_F(HealthPlan, StopsWhenNobodyAsksAnyMore) {
  const auto shared = make_endpoint(1);
  put(wish("a.com", "/h", {shared, make_endpoint(2)}));
  put(wish("b.com", "/h", {shared}));
  pass(30s, false);
  EXPECT_EQ(plan->unhealthy_count(), 2u);
  put(wish("a.com", "/h", {}, 2));
  EXPECT_EQ(plan->check_count(), 1u) << "b.com still asks";
  EXPECT_EQ(plan->take_dropped().size(), 1u);
  put(checked_route{"b.com", "", {}, 2, {}});
  EXPECT_EQ(plan->check_count(), 0u);
  EXPECT_EQ(plan->unhealthy_count(), 0u);
  EXPECT_EQ(plan->due(), time_point::max());
}

TEST_F(HealthPlan, MakesNothingOfAResultThatComesTooLate) {
  put(wish("a.com", "/h", {make_endpoint(1)}));
  const auto order = plan->next(now + 10s);
  put(wish("a.com", "/h", {}, 2));
  EXPECT_EQ(plan->running_count(), 1u);
  EXPECT_FALSE(plan->ended(order->id, false, now + 11s).changed);
  EXPECT_EQ(plan->running_count(), 0u);
  EXPECT_EQ(plan->check_count(), 0u);
}

TEST_F(HealthPlan, ContradictsARouteThatHasAnotherVerdict) {
  const auto target = make_endpoint(1);
  put(wish("a.com", "/h", {target}));
  pass(30s, false);
  judgements();
  put(wish("a.com", "/h", {target}, 2)); // It has it as healthy: it was away for a moment.
  EXPECT_EQ(judgements(), std::vector{of("a.com", 1, 2, false)});
  put(wish("b.com", "/h", {target}));
  EXPECT_EQ(judgements(), std::vector{of("b.com", 1, 1, false)}) << "known already";
  auto other = wish("a.com", "/other", {target}, 3);
  other.members[0].unhealthy = true;
  put(other);
  EXPECT_EQ(judgements(), std::vector{of("a.com", 1, 3, true)}) << "another check, another start";
}

TEST_F(HealthPlan, ForgetsTheRoutesOfAShard) {
  const auto shared = make_endpoint(1);
  put(wish("a.com", "/h", {shared}), 1);
  put(wish("b.com", "/h", {shared, make_endpoint(2)}), 2);
  plan->drop(2);
  EXPECT_EQ(plan->check_count(), 1u);
  plan->drop(1);
  EXPECT_EQ(plan->check_count(), 0u);
}

/// Whatever happens in whatever order: counts fit, nothing runs twice, what routes are told is what
/// the checks have, and in the end nothing is left.
TEST_F(HealthPlan, StaysConsistentUnderRandomChanges) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    rng random{seed};
    rules.running_max = 4;
    use(rules);
    std::map<std::string, std::map<std::uint16_t, bool>> unhealthy; // As the routes have it.
    std::map<std::string, std::uint64_t> versions;
    std::vector<health_plan::order> running;
    std::uint64_t version = 0;
    const auto hear = [&] {
      for (const auto& each : judgements())
        if (auto& pool = unhealthy[each.host]; each.version == versions[each.host])
          for (auto& [port, bad] : pool)
            if (address_of(port) == each.address)
              bad = !each.healthy;
    };
    for (int step = 0; step < 2000; ++step) {
      now += std::chrono::milliseconds{random.below(500)};
      const std::string host(1, static_cast<char>('a' + random.below(4)));
      if (random.below(4) == 0) {
        checked_route route{host, "", {"/h", 1'000}, ++version, {}};
        std::map<std::uint16_t, bool> pool;
        for (std::uint16_t port = 1; port <= 6; ++port)
          if (random.below(2) == 0) {
            const bool bad = unhealthy[host].contains(port) && unhealthy[host][port];
            route.members.push_back({make_endpoint(port), bad});
            pool[port] = bad;
          }
        unhealthy[host] = pool;
        versions[host] = version;
        put(route, host[0]);
      }
      if (auto order = plan->next(now)) {
        for (const auto& each : running)
          ASSERT_NE(each.id, order->id);
        running.push_back(*order);
      }
      ASSERT_LE(running.size(), 4u);
      ASSERT_EQ(plan->running_count(), running.size());
      if (!running.empty() && random.below(2) == 0) {
        const auto at = running.begin() + static_cast<std::ptrdiff_t>(random.below(running.size()));
        plan->ended(at->id, random.below(3) == 0, now);
        running.erase(at);
      }
      hear();
      std::set<std::uint16_t> wanted, bad;
      for (const auto& [name, pool] : unhealthy)
        for (const auto& [port, is_bad] : pool) {
          wanted.insert(port);
          if (is_bad)
            bad.insert(port);
        }
      for (const auto& [name, pool] : unhealthy)
        for (const auto& [port, is_bad] : pool)
          ASSERT_EQ(is_bad, bad.contains(port)) << "all routes have the same";
      ASSERT_EQ(plan->check_count(), wanted.size());
      ASSERT_EQ(plan->unhealthy_count(), bad.size());
    }
    for (std::size_t shard = 'a'; shard <= 'd'; ++shard)
      plan->drop(shard);
    EXPECT_EQ(plan->check_count(), 0u);
    EXPECT_EQ(plan->unhealthy_count(), 0u);
  }
}

TEST_F(HealthPlan, ChecksNoMoreThanItMay) {
  rules.checks_max = 2;
  use(rules);
  put(wish("a.com", "/h", {make_endpoint(1), make_endpoint(2), make_endpoint(3)}));
  EXPECT_EQ(plan->check_count(), 2u);
  EXPECT_EQ(plan->take_refused(), 1u);
  EXPECT_EQ(plan->take_refused(), 0u);
  put(wish("b.com", "/h", {make_endpoint(1)}));
  EXPECT_EQ(plan->take_refused(), 0u) << "that one is checked already";
}

TEST_F(HealthPlan, LearnsNothingFromACheckThatWasNotMade) {
  put(wish("a.com", "/h", {make_endpoint(1)}));
  for (int i = 0; i < 5; ++i) {
    now += 20s;
    const auto order = plan->next(now);
    ASSERT_TRUE(order);
    EXPECT_FALSE(plan->ended(order->id, std::nullopt, now).changed);
  }
  EXPECT_EQ(plan->unhealthy_count(), 0u);
}

TEST_F(HealthPlan, BelievesInAnotherInstanceAtTheSameAddress) {
  put(wish("a.com", "/h", {make_endpoint(1)}));
  pass(60s, false);
  EXPECT_EQ(plan->unhealthy_count(), 1u);
  const auto successor = make_endpoint(1, [](endpoint_spec& s) { s.instance_id = "another"; });
  put(wish("a.com", "/h", {successor}, 2));
  EXPECT_EQ(plan->unhealthy_count(), 0u);
}

} // namespace
} // namespace shunt::routing
