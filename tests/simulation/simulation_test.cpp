// Seeds that every build runs; shunt-sim runs more.
#include "world.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::simulation {
namespace {

std::string account(const history& h, const outcome& o) {
  std::string text = "seed " + std::to_string(h.seed) + ": " + o.failure + ": " + o.detail;
  for (const auto& f : h.faults)
    text.append("\n  ").append(text_of(f));
  return text;
}

void expect_kept(std::uint64_t first, std::size_t seeds, std::size_t nodes, std::size_t routes) {
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const auto drawn = draw_history(seed, nodes, routes);
    const auto found = run(drawn);
    if (!found.failed())
      continue;
    const auto shortest = shrink(drawn, found);
    ADD_FAILURE() << account(shortest, run(shortest));
    return;
  }
}

TEST(Simulation, MembersAgreeInSmallClusters) {
  for (std::size_t nodes = 2; nodes <= 8; ++nodes)
    expect_kept(1000 * nodes, 60, nodes, 0);
}

TEST(Simulation, MembersAgreeInLargeClusters) {
  expect_kept(1, 3, 40, 0);
}

TEST(Simulation, CopiesKeepTheirPromises) {
  expect_kept(1, 1'500, 5, 40);
}

TEST(Simulation, CopiesKeepTheirPromisesWhateverTheNumberOfNodes) {
  for (std::size_t nodes = 2; nodes <= 7; ++nodes)
    expect_kept(10'000 * nodes, 100, nodes, 20);
  expect_kept(100'000, 40, 10, 40);
  expect_kept(200'000, 20, 20, 100);
}

TEST(Simulation, CopiesKeepTheirPromisesInLargeClusters) {
  expect_kept(1, 1, 200, 200);
}

TEST(Simulation, TheSameHistoryGivesTheSameRun) {
  const auto h = draw_history(7, 6, 0);
  const auto first = run(h), second = run(h);
  EXPECT_EQ(first.events, second.events);
  EXPECT_EQ(first.messages, second.messages);
  EXPECT_EQ(first.agreed_after, second.agreed_after);
  EXPECT_NE(run(draw_history(8, 6, 0)).messages, first.messages);
}

} // namespace
} // namespace shunt::simulation
