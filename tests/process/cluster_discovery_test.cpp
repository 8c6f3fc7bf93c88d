// Nodes that find each other over NATS.
#include "tests/process/harness/backend.hpp"
#include "tests/process/harness/cluster_stage.hpp"
#include "tests/process/harness/patience.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

namespace shunt::test {
namespace {

constexpr const char* subject = "router.cluster.beacon";

/// Without any list of peers.
const nlohmann::json by_nats{{"peers", nullptr}, {"discovery", "nats"}, {"holders", 1}};

TEST(ClusterDiscovery, MakesOneClusterOfNodesThatNobodyNamed) {
  cluster_stage all{3, by_nats};
  const backend to;
  const auto host = fresh_host();
  const auto said = all.bus.request("router.register", registration(to.port(), host).dump());
  ASSERT_TRUE(said);
  EXPECT_EQ(nlohmann::json::parse(*said).at("confirmed"), true) << *said;
  EXPECT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));

  all.kill(1);
  all.start(1); // It knows nobody, and is heard anew.
  ASSERT_TRUE(all.wait_until_settled(3 * step_time));
  EXPECT_EQ(all.ask_all(host), (std::vector{200, 200, 200}));
}

TEST(ClusterDiscovery, LooksOnlyWhereItMay) {
  cluster_stage alone{1, by_nats};
  const auto at = [](std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); };
  const auto foreign = at(free_port()), far = std::string{"192.0.2.1:7946"}, near = at(free_port());
  const auto say = [&](const std::string& cluster, const std::string& address) {
    alone.bus.publish(
      subject, nlohmann::json{{"cluster", cluster}, {"node", "other"}, {"address", address}, {"incarnation", 1}}.dump());
  };
  alone.bus.publish(subject, "{");
  alone.bus.publish(subject, std::string(500'000, '['));
  alone.bus.publish(subject, R"({"cluster":"test","node":["other"],"address":{},"incarnation":"1"})");
  say("of others", foreign);
  say("test", far); // RFC 5737: nobody. Without TLS nodes link over loopback only.
  say("test", near);
  EXPECT_TRUE(eventually([&] { return alone.node(0).process().output().find(near) != std::string::npos; }))
    << alone.node(0).log_tail();
  const auto log = alone.node(0).process().output();
  EXPECT_EQ(log.find(foreign), std::string::npos);
  EXPECT_EQ(log.find(far), std::string::npos);
}

} // namespace
} // namespace shunt::test
