// Scenario files: what is read, and that nothing wrong in one is overlooked.
#include "chaos/scenario.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace shunt::chaos {
namespace {

using namespace std::chrono_literals;

std::string refusal_of(const std::string& yaml) {
  try {
    parse_scenario("s", yaml);
    return {};
  } catch (const scenario_error& error) {
    return error.what();
  }
}

const std::string good = "proves: something\nseconds: 10\nspare_routes: 1\n";

TEST(Scenario, ReadsStepsInOrderOfTime) {
  const auto read = parse_scenario("s", good + R"(
holders: all
router: {drain_wait: 2s, go_max_procs: 2}
steps:
  - {at: 5s, do: start, node: any}
  - {at: 1500ms, do: kill, node: 1}
  - {at: 6s, do: map, instance: 0, routes: [30]}
  - {at: 7s, do: delay_peers, node: 2, by: 50ms}
expect: {settle: 3s, allowed_statuses: [502]}
)");
  EXPECT_EQ(read.length, 10s);
  EXPECT_EQ(read.holders, 0);
  EXPECT_EQ(read.router, (nlohmann::json{{"drain_wait", "2s"}, {"go_max_procs", 2}}));
  ASSERT_EQ(read.steps.size(), 4u);
  EXPECT_EQ(read.steps[0].what, action::kill);
  EXPECT_EQ(read.steps[0].at, 1500ms);
  EXPECT_EQ(read.steps[0].node, 1);
  EXPECT_EQ(read.steps[1].what, action::start);
  EXPECT_EQ(read.steps[1].node, std::nullopt);
  EXPECT_EQ(read.steps[2].routes, std::vector{30});
  EXPECT_EQ(read.steps[3].by, 50ms);
  EXPECT_EQ(read.expected.settle, 3s);
  EXPECT_EQ(read.expected.allowed_statuses, std::set{502});
}

TEST(Scenario, AllMeansTheRoutesThatAreMappedFromTheBeginning) {
  const auto read =
    parse_scenario("s", good + "routes: 3\nsteps: [{at: 1s, do: unmap, instance: 0, routes: all}]");
  EXPECT_EQ(read.steps[0].routes, (std::vector{0, 1, 2}));
}

TEST(Scenario, RefusesWhatWouldProveSomethingElse) {
  EXPECT_NE(refusal_of(good + "node: 3").find("node: there is no such key"), std::string::npos);
  EXPECT_NE(refusal_of("seconds: 3").find("proves"), std::string::npos);
  EXPECT_NE(refusal_of("proves: x").find("seconds"), std::string::npos);
  EXPECT_NE(refusal_of(good + "nodes: 0").find("nodes: expected 1 to 9"), std::string::npos);
  EXPECT_NE(refusal_of(good + "expect: {settled: 1s}").find("expect.settled"), std::string::npos);
  EXPECT_NE(refusal_of(good + "expect: {settle: 1}").find("expected a duration"),
            std::string::npos);
  EXPECT_NE(refusal_of(good + "[").find("s: "), std::string::npos);
}

TEST(Scenario, RefusesStepsThatCannotBeDone) {
  const auto refused = [](const std::string& one) {
    return !refusal_of(good + "steps: [{" + one + "}]").empty();
  };
  EXPECT_FALSE(refused("at: 1s, do: kill, node: 0"));
  EXPECT_TRUE(refused("at: 1s, do: kill")) << "whom?";
  EXPECT_TRUE(refused("at: 1s, do: kill, node: 3"));
  EXPECT_TRUE(refused("at: 1s, do: murder, node: 0"));
  EXPECT_TRUE(refused("at: 10s, do: kill, node: 0")) << "after the end";
  EXPECT_TRUE(refused("at: 1s, node: 0"));
  EXPECT_TRUE(refused("at: 1s, do: stop_nats, node: 0"));
  EXPECT_TRUE(refused("at: 1s, do: map, instance: 0"));
  EXPECT_TRUE(refused("at: 1s, do: map, instance: 6, routes: [0]"));
  EXPECT_TRUE(refused("at: 1s, do: map, instance: 0, routes: [31]"));
  EXPECT_TRUE(refused("at: 1s, do: delay_peers, node: 0"));
  EXPECT_TRUE(refused("at: 1s, do: kill, node: 0, by: 1s"));
  EXPECT_TRUE(refused("at: 1s, do: kill, node: 0, confirm: true"));
}

TEST(Scenario, ReadsEveryFileThereIs) {
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator{SHUNT_SCENARIOS}) {
    const auto read = read_scenario(file.path().string());
    EXPECT_EQ(read.name, file.path().stem().string());
    EXPECT_FALSE(read.proves.empty());
    ++count;
  }
  EXPECT_GE(count, 10);
}

} // namespace
} // namespace shunt::chaos
