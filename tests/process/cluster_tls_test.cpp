// Certificates of the links between nodes, and how they are changed while the nodes run.
#include "tests/net/tls_test_kit.hpp"
#include "tests/process/harness/nats_server.hpp"
#include "tests/process/harness/patience.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/router.hpp"

#include <gmock/gmock.h>

#include <csignal>

namespace shunt::test {
namespace {

namespace tls_kit = net::tls_kit;
using testing::HasSubstr;

class ClusterTls : public testing::Test {
protected:
  ClusterTls() {
    for (auto& port : ports_)
      port = free_port();
  }

  static std::string name_of(std::size_t i) { return "node-" + std::to_string(i); }

  /// A certificate of that CA that names the node.
  static tls_kit::minted certificate(std::size_t i, const tls_kit::minted& ca) {
    return tls_kit::mint({.common_name = "shunt", .dns = {name_of(i)}, .issuer = &ca});
  }

  nlohmann::json settings(std::size_t i, const tls_kit::minted& ca, const tls_kit::minted& own) const {
    nlohmann::json peers = nlohmann::json::array();
    for (const auto port : ports_)
      peers.push_back("127.0.0.1:" + std::to_string(port));
    return {{"cluster",
             {{"name", "test"},
              {"node", {{"name", name_of(i)}, {"host", "127.0.0.1"}, {"port", ports_[i]}}},
              {"peers", peers},
              {"shards", 8},
              {"tls",
               {{"ca_certs", ca.pem()}, {"cert_chain", own.pem()}, {"private_key", own.key_pem()}}}}}};
  }

  void start(std::size_t i, const tls_kit::minted& ca) {
    nodes[i].reset();
    nodes[i] = std::make_unique<router>(nats_.port(), settings(i, ca, certificate(i, ca)), router::unhealthy{});
  }

  /// Has the node read its file again, which says that; what its log tells of it.
  nlohmann::json reread(std::size_t i, const nlohmann::json& overrides, const std::string& outcome) {
    nodes[i]->configure(overrides);
    nodes[i]->process().signal(SIGHUP);
    return nodes[i]->wait_for_log(outcome).at("data");
  }

  /// To which others that node has a link now.
  std::vector<std::string> links(std::size_t i) const {
    std::vector<std::string> names;
    const auto shown = nodes[i]->cluster();
    for (const auto& each : shown.value("nodes", nlohmann::json::array()))
      if (!each.contains("this") && each.at("state") == "alive" && each.at("frame_version") != 0)
        names.push_back(each.at("name"));
    return names;
  }

  bool come_together(const std::vector<std::size_t>& who) {
    return eventually([&] {
      return std::ranges::all_of(who, [&](std::size_t i) { return links(i).size() == who.size() - 1; });
    });
  }

  /// How often its log says that since it read its file again.
  /// Links of node `i` to `other` that were closed since it read its file anew.
  std::size_t links_closed_since_reload(std::size_t i, std::size_t other) const {
    const auto log = nodes[i]->log();
    const auto reload = std::ranges::find_if(
      log, [](const nlohmann::json& line) { return line.value("message", "") == "configuration-reloaded"; });
    return static_cast<std::size_t>(std::count_if(reload, log.end(), [&](const nlohmann::json& line) {
      return line.value("message", "") == "link-closed" && line.at("data").at("node") == "node-" + std::to_string(other);
    }));
  }

  const tls_kit::minted old_ca = tls_kit::mint_ca("old-ca");
  const tls_kit::minted new_ca = tls_kit::mint_ca("new-ca");
  std::array<std::unique_ptr<router>, 3> nodes;

private:
  nats_server nats_;
  std::array<std::uint16_t, 3> ports_{};
};

TEST_F(ClusterTls, LinksWithNewCertificatesAfterAReloadAndKeepsOpenLinks) {
  start(0, old_ca);
  start(1, old_ca);
  ASSERT_TRUE(come_together({0, 1})) << nodes[0]->log_tail();

  for (const std::size_t i : {0, 1}) {
    const auto said = reread(i, settings(i, new_ca, certificate(i, new_ca)), "configuration-reloaded");
    EXPECT_EQ(said.at("changed"), "cluster.tls.cert_chain, cluster.tls.private_key, cluster.tls.ca_certs");
    EXPECT_EQ(nodes[i]->process().output().find("configuration-needs-restart"), std::string::npos);
  }

  // Whoever has a certificate of the old CA is a stranger now, though both nodes went on without a restart.
  start(2, old_ca);
  const auto refusal = nodes[2]->wait_for_log("peer-unreachable").dump();
  EXPECT_THAT(refusal, HasSubstr("127.0.0.1"));
  nodes[0]->wait_for_log("connection-refused");
  nodes[1]->wait_for_log("connection-refused");
  EXPECT_TRUE(links(2).empty());

  start(2, new_ca);
  EXPECT_TRUE(come_together({0, 1, 2})) << nodes[0]->log_tail();
  for (const std::size_t i : {0, 1})
    EXPECT_EQ(links_closed_since_reload(i, 1 - i), 0u) << "the link between the two went on: " << nodes[i]->log_tail();
}

TEST_F(ClusterTls, KeepsTheOldCertificatesWhenTheNewFileIsBad) {
  start(0, old_ca);
  start(1, old_ca);
  ASSERT_TRUE(come_together({0, 1})) << nodes[0]->log_tail();

  auto mixed_up = settings(0, new_ca, certificate(0, new_ca));
  mixed_up["cluster"]["tls"]["private_key"] = certificate(0, new_ca).key_pem();
  const auto said = reread(0, mixed_up, "configuration-refused");
  EXPECT_THAT(said.at("error").get<std::string>(), HasSubstr("cluster.tls.cert_chain: Error loading key pair"));

  start(2, old_ca);
  EXPECT_TRUE(come_together({0, 1, 2})) << nodes[0]->log_tail();
}

TEST_F(ClusterTls, WaitsForARestartWhenTheNodeIsToHaveAnotherName) {
  start(0, old_ca);
  auto renamed = settings(0, new_ca, certificate(1, new_ca));
  renamed["cluster"]["node"]["name"] = name_of(1);
  const auto said = reread(0, renamed, "configuration-needs-restart");
  EXPECT_EQ(said.at("keys"), "cluster.node.name, cluster.tls.cert_chain, cluster.tls.private_key, cluster.tls.ca_certs");
  start(1, old_ca);
  EXPECT_TRUE(come_together({0, 1})) << nodes[0]->log_tail();
}

} // namespace
} // namespace shunt::test
