// Cost may not grow with the number of routes unless it must.
#include "scale.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::simulation {
namespace {

scale_result measured(std::size_t nodes, std::size_t routes) {
  return measure_scale({.nodes = nodes, .routes = routes, .sampled_routes_max = 2'000}, [](const std::string&) {});
}

double bytes_of(const scale_phase& p, traffic kind) {
  return p.flows[static_cast<std::size_t>(kind)].bytes;
}

TEST(Scale, AClusterInWhichNothingChangesSaysTheSameHoweverManyRoutesItHas) {
  const auto few = measured(5, 10'000).phases.at(0), many = measured(5, 100'000).phases.at(0);
  ASSERT_EQ(many.name, "still");
  EXPECT_GT(many.hosts_held, 9 * few.hosts_held);
  for (const auto kind : {traffic::heartbeats, traffic::digests}) {
    EXPECT_GT(bytes_of(many, kind), 0);
    EXPECT_NEAR(bytes_of(many, kind), bytes_of(few, kind), 0.05 * bytes_of(few, kind));
  }
  for (const auto kind : {traffic::news, traffic::repair, traffic::leases, traffic::filters, traffic::pushes,
                          traffic::transfer})
    EXPECT_EQ(bytes_of(many, kind), 0) << traffic_names[static_cast<std::size_t>(kind)];
}

TEST(Scale, ANodeThatJoinsTakesItsShareOnce) {
  const auto all = measured(5, 100'000);
  const auto& joins = all.phases.back();
  ASSERT_EQ(joins.name, "joins");
  constexpr double share = 100'000 * 3. / 6, endpoint_bytes = 450;
  EXPECT_GT(bytes_of(joins, traffic::transfer), share * endpoint_bytes / 2);
  EXPECT_LT(bytes_of(joins, traffic::transfer), share * endpoint_bytes * 1.3);
  EXPECT_EQ(joins.repairs, 0) << "nothing had to be told again";
  constexpr double slices = 256 * 3. / 6, question_bytes = 600;
  EXPECT_LT(bytes_of(joins, traffic::repair), slices * question_bytes) << "whether that is all, once for each slice";
}

TEST(Scale, ChangesReachHoldersAndBorrowersWithoutDoubtOrRepair) {
  for (const auto& p : measured(5, 100'000).phases) {
    EXPECT_EQ(p.doubts, 0u) << p.name;
    EXPECT_EQ(p.repairs, 0) << p.name;
    EXPECT_EQ(bytes_of(p, traffic::pushes) > 0, p.name == "changes") << p.name;
  }
}

} // namespace
} // namespace shunt::simulation
