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
  EXPECT_NE(refusal_of(good + "steps: [{at: 1s, do: await_snapshots, within: 3s}]").find("needs `snapshot"), std::string::npos);
  EXPECT_NE(refusal_of(good + "snapshot: true\nsteps: [{at: 1s, do: await_snapshots}]").find("needs `within`"), std::string::npos);
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

TEST(Scenario, RepeatsStepsInRounds) {
  const auto read = parse_scenario("s", good + R"(
steps:
  - {at: 3s, do: kill, node: 0}
  - at: 1s
    repeat: 3
    every: 2s
    steps:
      - {do: kill_instance, instance: 0}
      - {at: 500ms, do: start_instance, instance: 0}
)");
  ASSERT_EQ(read.steps.size(), 7u);
  EXPECT_EQ(read.steps[0].at, 1s);
  EXPECT_EQ(read.steps[1].at, 1500ms);
  EXPECT_EQ(read.steps[1].what, action::start_instance);
  EXPECT_EQ(read.steps[2].what, action::kill) << "in the order of the file, where times are equal";
  EXPECT_EQ(read.steps[6].at, 5500ms);
}

TEST(Scenario, RefusesRoundsThatCannotBe) {
  const auto refused = [](const std::string& one) {
    return !refusal_of(good + "steps: [{" + one + "}]").empty();
  };
  const std::string kill = "steps: [{do: kill, node: 0}]";
  EXPECT_FALSE(refused("repeat: 2, every: 2s, " + kill));
  EXPECT_TRUE(refused("repeat: 0, " + kill));
  EXPECT_TRUE(refused("repeat: 2"));
  EXPECT_TRUE(refused("repeat: 2, steps: []"));
  EXPECT_TRUE(refused("repeat: 2, do: kill, " + kill));
  EXPECT_TRUE(refused("repeat: 9, every: 2s, " + kill)) << "after the end";
  EXPECT_TRUE(refused("repeat: 2, steps: [{repeat: 2, " + kill + "}]"));
  EXPECT_FALSE(refusal_of(good + "steps: {do: kill, node: 0}").empty());
}

TEST(Scenario, ReadsWhatIsAwaited) {
  const auto read = parse_scenario("s", good + R"(
steps:
  - {at: 1s, do: map, instance: 0, routes: [30], confirm: later, within: 5s}
  - {at: 1s, do: await_confirmation}
  - {at: 1s, do: unmap, instance: 0, routes: [30], confirm: true, drained: true}
  - {at: 2s, do: await_placement, within: 3s}
)");
  EXPECT_EQ(read.steps[0].confirm, confirmation_wish::later);
  EXPECT_EQ(read.steps[0].within, 5s);
  EXPECT_EQ(read.steps[2].confirm, confirmation_wish::now);
  EXPECT_TRUE(read.steps[2].drained);
  EXPECT_EQ(read.steps[3].within, 3s);
}

TEST(Scenario, RefusesWaitsThatCannotEnd) {
  const auto refused = [](const std::string& steps) {
    return !refusal_of(good + "steps: [" + steps + "]").empty();
  };
  const std::string map = "{at: 1s, do: map, instance: 0, routes: [30]";
  const std::string await = "{at: 1s, do: await_confirmation}";
  EXPECT_FALSE(refused(map + ", confirm: later}," + await));
  EXPECT_TRUE(refused(await)) << "of what?";
  EXPECT_TRUE(refused(map + ", confirm: later}"));
  EXPECT_TRUE(refused(map + ", confirm: later}," + map + ", confirm: true}," + await));
  EXPECT_TRUE(refused(map + ", confirm: true}," + await)) << "that one was awaited before";
  EXPECT_TRUE(refused(map + ", within: 1s}"));
  EXPECT_TRUE(refused(map + ", confirm: true, drained: true}")) << "nothing to drain";
  EXPECT_TRUE(refused(map + ", confirm: sometimes}"));
  EXPECT_TRUE(refused("{at: 1s, do: await_order}"));
  EXPECT_TRUE(refused("{at: 1s, do: await_order, within: 1s, node: 1}"));
  EXPECT_TRUE(refused("{at: 1s, do: kill, node: 1, within: 1s}"));
  EXPECT_TRUE(refused("{at: 1s, do: kill, node: 1, excused: 1s}"));
  EXPECT_FALSE(refused("{at: 1s, do: stop, node: 1}, {at: 2s, do: continue, node: 1, excused: 1s}"));
  EXPECT_TRUE(refused("{at: 1s, do: kill_instance}"));
  EXPECT_TRUE(refused("{at: 1s, do: kill_instance, instance: 0, node: 1}"));
  EXPECT_TRUE(refused("{at: 1s, do: silence_emitter, instance: 0}"));
}

TEST(Scenario, ReadsWhatEveryNodeIsAskedFor) {
  const auto read = parse_scenario("s", good + R"(
routes: 3
steps:
  - {at: 1s, do: ask_all, routes: all, within: 2s}
  - {at: 2s, do: ask_all, routes: [1, 3], within: 4s}
)");
  EXPECT_EQ(read.steps[0].what, action::ask_all);
  EXPECT_EQ(read.steps[0].routes, (std::vector{0, 1, 2}));
  EXPECT_EQ(read.steps[1].routes, (std::vector{1, 3}));
  EXPECT_EQ(read.steps[1].within, 4s);
  const auto refused = [](const std::string& one) {
    return !refusal_of(good + "steps: [{" + one + "}]").empty();
  };
  EXPECT_TRUE(refused("at: 1s, do: ask_all, within: 2s")) << "for what?";
  EXPECT_TRUE(refused("at: 1s, do: ask_all, routes: all")) << "until when?";
  EXPECT_TRUE(refused("at: 1s, do: ask_all, routes: all, within: 2s, node: 0"));
  EXPECT_TRUE(refused("at: 1s, do: ask_all, routes: all, within: 2s, instance: 0"));
  EXPECT_TRUE(refused("at: 1s, do: await_order, routes: all, within: 2s"));
}

TEST(Scenario, RefusesLoadsThatMakeNoSense) {
  EXPECT_NE(refusal_of(good + "asked_routes: 31").find("asked_routes"), std::string::npos);
  EXPECT_NE(refusal_of("proves: x\nseconds: 1\nchurn: 5").find("churn: needs spare_routes"),
            std::string::npos);
  EXPECT_NE(refusal_of(good + "rate: 100\nrate_min: 101").find("rate_min"), std::string::npos);
  EXPECT_EQ(refusal_of(good + "rate: 100\nrate_min: 100"), "");
  EXPECT_EQ(refusal_of(good + "churn: 5\nasked_routes: 10\nuris_per_message: 1"), "");
  EXPECT_NE(refusal_of(good + "expect: {unheard: {from: 2s, to: 1s}}").find("expect.unheard"),
            std::string::npos);
  EXPECT_NE(refusal_of(good + "expect: {unheard: {from: 2s, shared: 1s, to: 3s}}").find("expect.unheard"),
            std::string::npos);
  EXPECT_EQ(refusal_of(good + "expect: {unheard: {from: 2s, shared: 3s, to: 4s}}"), "");
  EXPECT_NE(refusal_of(good + "expect: {unheard: {since: 2s}}").find("since"), std::string::npos);
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
