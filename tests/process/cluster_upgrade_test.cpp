// A cluster is upgraded node by node, and back: routers of two releases act as one.
#include "tests/process/harness/cluster_stage.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <map>

namespace shunt::test {
namespace {

using namespace std::chrono_literals;

class ClusterUpgrade : public ::testing::Test {
protected:
  /// Both lend to each other: of three nodes, one borrows each shard.
  static constexpr std::size_t nodes = 3;

  void map_some_routes() {
    for (int i = 0; i < 20; ++i)
      hosts.push_back(fresh_host());
    beat();
  }
  void beat() {
    const auto said = change("router.register", registration(to.port(), hosts[0], {{"uris", hosts}}));
    ASSERT_EQ(said.at("confirmed"), true) << said;
  }
  nlohmann::json change(const std::string& subject, const nlohmann::json& message) {
    const auto answer = all.bus.request(subject, message.dump());
    return answer ? nlohmann::json::parse(*answer) : nlohmann::json{{"confirmed", "no answer"}};
  }

  /// Stops it in order, and starts the other release in its place.
  void replace(std::size_t i, const std::string& executable) {
    ASSERT_EQ(all.stop(i), 0);
    for (const auto& host : hosts)
      ASSERT_EQ(all.ask_all(host), (std::vector{200, 200})) << "without node " << i;
    all.start(i, executable);
    ASSERT_TRUE(all.wait_until_settled(4 * step_time)) << all.node(i).log_tail();
  }

  /// All nodes answer alike, before a change and after it.
  void expect_to_act_as_one() {
    beat();
    for (const auto& host : hosts)
      ASSERT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));
    const auto host = fresh_host();
    auto said = change("router.register", registration(to.port(), host));
    EXPECT_EQ(said.at("confirmed"), true) << said;
    EXPECT_EQ(said.at("nodes"), nodes);
    EXPECT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));
    said = change("router.unregister", registration(to.port(), host));
    EXPECT_EQ(said.at("drained"), true) << said;
    EXPECT_EQ(all.ask_all(host), (std::vector{503, 503, 503}));
  }

  /// Of the links of each node, by the peer's name.
  std::map<std::string, int> versions(std::size_t i) {
    std::map<std::string, int> found;
    const auto seen = all.status(i);
    for (const auto& each : seen.at("nodes"))
      found[each.at("name")] = each.at("frame_version");
    return found;
  }

  cluster_stage all{nodes, {{"holders", 2}}, previous_executable()};
  const backend to;
  std::vector<std::string> hosts;
};

TEST_F(ClusterUpgrade, ServesThroughoutNodeByNodeAndBack) {
  map_some_routes();
  expect_to_act_as_one();
  const auto before = versions(0).at("node-1");
  for (std::size_t i = 0; i < nodes; ++i) {
    replace(i, shunt_executable());
    expect_to_act_as_one();
  }
  EXPECT_EQ(versions(0).at("node-1"), before + 1) << "both speak the new frames now";
  for (std::size_t i = 0; i < nodes; ++i) {
    replace(i, previous_executable());
    expect_to_act_as_one();
  }
  EXPECT_EQ(versions(0).at("node-1"), before);
}

/// Of a shard with two holders one is the last meanwhile, and gets another: so there are three.
TEST(ClusterRestart, MovesNoSliceIfItIsAnnounced) {
  cluster_stage all{4, {{"holders", 3}}};
  const auto held = [&] {
    std::map<std::string, int> by_node;
    const auto seen = all.status(0);
    for (const auto& each : seen.at("nodes"))
      by_node[each.at("name")] = each.at("shards_held");
    return by_node;
  };
  const auto before = held();
  for (const std::size_t i : {1, 2}) {
    ASSERT_EQ(all.stop(i), 0);
    const auto state = [&] {
      const auto seen = all.status(0);
      for (const auto& each : seen.at("nodes"))
        if (each.at("name") == all.name_of(i))
          return each.at("state").get<std::string>();
      return std::string{"unknown"};
    };
    EXPECT_TRUE(eventually([&] { return state() == "left"; })) << state();
    for (const auto& [name, count] : held())
      if (name != all.name_of(i))
        EXPECT_EQ(count, before.at(name)) << name << " without " << all.name_of(i);
    all.start(i);
    ASSERT_TRUE(all.wait_until_settled(4 * step_time)) << all.node(i).log_tail();
    EXPECT_EQ(held(), before);
  }
}

} // namespace
} // namespace shunt::test
