// Balancing by hash: one value keeps its endpoint, neighbours take over, and few values move.
#include "routing/balance.hpp"
#include "routing/lease_table.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace shunt::routing {
namespace {

using namespace testing;

class BalanceHash : public ::testing::Test {
protected:
  void fill(int count, double balance = 0, std::set<int> without = {}) {
    path_grant path{"", {.algorithm = algorithm::hash, .hash_header = "x-user", .hash_balance = balance},
                    {}};
    for (int i = 1; i <= count; ++i) {
      const auto id = "instance-" + std::to_string(i);
      if (!without.contains(i))
        path.endpoints.push_back(
          {make_endpoint(static_cast<std::uint16_t>(i), [&](auto& e) { e.instance_id = id; }), {}});
    }
    pool = table.grant({"a.com", {path}}, start).pool("");
  }
  ~BalanceHash() override {
    pool->for_each([](leased_endpoint& e) { e.stats().in_flight = e.stats().awaiting_headers = 0; });
  }
  leased_endpoint& at(int port) {
    return *pool->find_address(address_of(static_cast<std::uint16_t>(port)));
  }
  int pick_port(attempt_state& state) {
    auto* e = pick(*pool, state, rules, start, random);
    return e == nullptr ? 0 : e->about().port();
  }
  int port_for(std::string_view value) {
    attempt_state state;
    state.hash_value = value;
    return pick_port(state);
  }
  std::map<std::string, int> all_ports() {
    std::map<std::string, int> found;
    for (int i = 0; i < 1000; ++i) {
      const auto value = "user-" + std::to_string(i);
      found[value] = port_for(value);
    }
    return found;
  }

  lease_table table{{}, 1};
  leased_pool* pool = nullptr;
  balance_rules rules;
  rng random{1};
};

TEST_F(BalanceHash, OneValueStaysWithOneEndpoint) {
  fill(10);
  const auto first = all_ports();
  EXPECT_EQ(all_ports(), first);
  std::map<int, int> share;
  for (const auto& [value, port] : first)
    ++share[port];
  EXPECT_EQ(share.size(), 10u);
  for (const auto& [port, count] : share)
    EXPECT_GT(count, 50) << port;
}

TEST_F(BalanceHash, FewValuesMoveWhenAnEndpointLeaves) {
  fill(10);
  const auto before = all_ports();
  fill(10, 0, {4});
  int moved = 0;
  for (const auto& [value, port] : all_ports()) {
    EXPECT_NE(port, 4);
    moved += before.at(value) != 4 && before.at(value) != port;
  }
  EXPECT_LT(moved, 100);
  fill(10);
  EXPECT_EQ(all_ports(), before);
}

TEST_F(BalanceHash, TheOrderOfRegistrationsDoesNotMatter) {
  fill(10, 0, {3});
  (void)all_ports();
  table.apply({"a.com", {{.path = "",
                          .now = path_change::state::live,
                          .traits = {},
                          .endpoints = {{endpoint_change::kind::put,
                                         make_endpoint(3, [](auto& e) { e.instance_id = "instance-3"; }),
                                         {}}}}}});
  const auto late = all_ports();
  fill(10);
  EXPECT_EQ(all_ports(), late);
}

TEST_F(BalanceHash, WithoutAValueTheRoutersOwnRuleHolds) {
  fill(3);
  std::set<int> seen;
  for (int i = 0; i < 3; ++i)
    seen.insert(port_for(""));
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(BalanceHash, ARetryGoesElsewhereAndTheSameWayEachTime) {
  fill(5);
  attempt_state one, other;
  one.hash_value = other.hash_value = "user-7";
  std::vector<int> first, second;
  for (int i = 0; i < 3; ++i)
    first.push_back(pick_port(one));
  for (int i = 0; i < 3; ++i)
    second.push_back(pick_port(other));
  EXPECT_EQ(first, second);
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(first[1], first[2]);
}

TEST_F(BalanceHash, AvoidsMarkedAndFullEndpoints) {
  fill(5);
  rules.max_conns = 2;
  const int home = port_for("user-7");
  at(home).failed_until = start + 30s;
  const int next = port_for("user-7");
  EXPECT_NE(next, home);
  at(next).stats().awaiting_headers = 2;
  const int third = port_for("user-7");
  EXPECT_NE(third, home);
  EXPECT_NE(third, next);
  pool->for_each([](leased_endpoint& e) { e.failed_until = start + 30s; });
  at(next).stats().awaiting_headers = 0;
  EXPECT_EQ(port_for("user-7"), home); // All are marked: then none is avoided.
}

TEST_F(BalanceHash, SendsWhatIsTooMuchForOneToTheNext) {
  fill(4, 1.25);
  const int home = port_for("user-7");
  at(home).stats().in_flight = 5;
  for (int port = 1; port <= 4; ++port)
    if (port != home)
      at(port).stats().in_flight = 3;
  EXPECT_NE(port_for("user-7"), home); // 5 of a mean of 3.5.
  at(home).stats().in_flight = 4;
  EXPECT_EQ(port_for("user-7"), home);
}

TEST_F(BalanceHash, IgnoresTheZone) {
  fill(5);
  const int home = port_for("user-7");
  rules.prefer_zone = true;
  rules.zone = "z9";
  EXPECT_EQ(port_for("user-7"), home);
}

} // namespace
} // namespace shunt::routing
