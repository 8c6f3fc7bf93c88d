// Nodes of a cluster that start while NATS is away.
#include "tests/process/harness/cluster_stage.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shunt::test {
namespace {

using namespace std::chrono_literals;

class ClusterWithoutNats : public testing::Test {
protected:
  /// So many hosts, which all nodes know.
  std::vector<std::string> mapped(cluster_stage& all, int count) {
    std::vector<std::string> hosts;
    for (int i = 0; i < count; ++i)
      hosts.push_back(fresh_host());
    const auto said = all.bus.request("router.register", registration(to.port(), hosts[0], {{"uris", hosts}}).dump());
    EXPECT_TRUE(said && nlohmann::json::parse(*said).at("confirmed") == true);
    return hosts;
  }
  void expect_served(cluster_stage& all, const std::vector<std::string>& hosts) {
    for (const auto& host : hosts)
      EXPECT_EQ(all.ask_all(host), std::vector<int>(all.size(), 200)) << host;
  }
  static bool is_healthy_in_time(cluster_stage& all, std::size_t node) {
    return eventually([&] { return all.node(node).health() == 200; }, 3 * step_time);
  }
  static bool hears_nats(cluster_stage& all, std::size_t node) {
    const auto shown = all.status(node);
    for (const auto& each : shown.at("nodes"))
      if (each.contains("this"))
        return each.at("hears_nats");
    return false;
  }
  /// NATS is back: all is as it should be, and what is new is heard.
  void expect_order_with_nats(cluster_stage& all) {
    all.nats.start();
    ASSERT_TRUE(all.wait_until_settled(4 * step_time));
    for (std::size_t i = 0; i < all.size(); ++i)
      EXPECT_TRUE(eventually([&] { return hears_nats(all, i); }));
    const auto unknown = fresh_host();
    EXPECT_TRUE(eventually([&] { return all.ask_all(unknown) == std::vector<int>(all.size(), 404); }, 3 * step_time));
    expect_served(all, mapped(all, 1));
  }

  const backend to;
};

TEST_F(ClusterWithoutNats, ANodeStartsAndServesWhatItsPeersKnow) {
  cluster_stage all{3};
  const auto hosts = mapped(all, 40);
  all.nats.stop();
  all.kill(1);
  all.start(1);
  const auto warning = all.node(1).wait_for_log("nats-not-reached");
  EXPECT_EQ(warning.at("log_level"), 2) << warning;
  ASSERT_TRUE(is_healthy_in_time(all, 1));
  expect_served(all, hosts);
  EXPECT_FALSE(hears_nats(all, 1));
  EXPECT_EQ(all.ask_all(fresh_host()), (std::vector{503, 503, 503}));
  expect_order_with_nats(all);
  expect_served(all, hosts);
}

TEST_F(ClusterWithoutNats, ABorrowerStartsToo) {
  cluster_stage all{3, {{"holders", 1}}};
  const auto hosts = mapped(all, 40);
  all.nats.stop();
  EXPECT_TRUE(eventually([&] { return all.stop(2) == 0; }));
  all.start(2);
  ASSERT_TRUE(is_healthy_in_time(all, 2));
  // What node 2 held alone, nobody holds now. All others are served, and for none it is said that it does not exist.
  std::size_t served = 0;
  for (const auto& host : hosts) {
    const auto said = client{all.node(2).port()}.send(get_request(host)).response().status;
    EXPECT_TRUE(said == 200 || said == 503) << said;
    served += said == 200;
  }
  EXPECT_GT(served, hosts.size() / 3);
  expect_order_with_nats(all);
}

TEST_F(ClusterWithoutNats, ANodeThatIsAloneServesFromItsSnapshot) {
  const temporary_directory files;
  cluster_stage all{1, {{"snapshot", files.path_of("routes")}}};
  const auto hosts = mapped(all, 40);
  all.nats.stop();
  ASSERT_EQ(all.stop(0), 0);
  all.start(0);
  ASSERT_TRUE(is_healthy_in_time(all, 0));
  expect_served(all, hosts);
  EXPECT_EQ(all.ask_all(fresh_host()), std::vector{503});
  expect_order_with_nats(all);
}

TEST_F(ClusterWithoutNats, ANodeStopsInOrderBeforeNatsIsThere) {
  cluster_stage all{1};
  all.nats.stop();
  ASSERT_EQ(all.stop(0), 0);
  all.start(0);
  EXPECT_EQ(all.stop(0), 0);
}

} // namespace
} // namespace shunt::test
