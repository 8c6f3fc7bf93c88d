// The section of the cluster: what each key sets, what must be given, and who is let in.
#include "config/pem.hpp"
#include "config/reload.hpp"
#include "config/schema.hpp"
#include "pem_support.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <tuple>
#include <utility>
#include <vector>

namespace shunt::config::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A section that loads, with one key replaced or added: "node.host" with its value, say.
std::string with(const std::string& key = {}, const std::string& value = {}) {
  std::map<std::string, std::string> keys{{"name", "prod"},
                                          {"node.name", "router-0"},
                                          {"node.host", "127.0.0.1"},
                                          {"peers", "[\"127.0.0.1:7946\"]"}};
  if (!key.empty())
    keys[key] = value;
  std::string top, node;
  for (const auto& [name, text] : keys)
    if (name.starts_with("node."))
      node += "    " + name.substr(5) + ": " + text + "\n";
    else
      top += "  " + name + ": " + text + "\n";
  return "cluster:\n" + top + "  node:\n" + node;
}

TEST(Cluster, IsOffWithoutItsSection) {
  EXPECT_FALSE(loaded("").cluster.enabled());
  EXPECT_FALSE(loaded("cluster: null").cluster.enabled());
  EXPECT_TRUE(loaded(with()).cluster.enabled());
  EXPECT_THAT(warnings_of(with()), IsEmpty());
}

TEST(Cluster, AsksForWhatHasNoDefault) {
  const auto text = errors_of("\ncluster: {}");
  EXPECT_THAT(text, HasSubstr("f.yml:2: cluster.name: found \"\", expected 1 to 64 printable"));
  EXPECT_THAT(text, HasSubstr("f.yml:2: cluster.node.name: found \"\", expected a DNS name"));
  EXPECT_THAT(text,
              HasSubstr("f.yml:2: cluster.node.host: found \"\", expected the name or address"));
  EXPECT_THAT(errors_of("cluster: {shards: 4}"), HasSubstr("cluster.name"));
}

TEST(Cluster, EachKeySetsItsOwnMemberAndNoOther) {
  const std::vector<std::pair<std::string, std::string>> samples{{"name", "x"},
                                                                 {"node.name", "x"},
                                                                 {"node.host", "localhost"},
                                                                 {"node.port", "17"},
                                                                 {"peers", "[\"localhost:1\"]"},
                                                                 {"discovery", "nats"},
                                                                 {"shards", "17"},
                                                                 {"holders", "7"},
                                                                 {"zone", "z1"},
                                                                 {"snapshot", "/tmp/x"},
                                                                 {"suspect_after", "2s"},
                                                                 {"remove_after", "7s"},
                                                                 {"rebalance_after", "7m"},
                                                                 {"confirm_timeout", "7m"},
                                                                 {"isolated", "unhealthy"}};
  const auto before = loaded(with());
  std::size_t of_cluster = 0;
  for (const auto& row : settings_schema())
    of_cluster += row.path.starts_with("cluster.");
  EXPECT_EQ(of_cluster, samples.size() + 3) << "those of TLS are tested below";
  for (const auto& [key, value] : samples) {
    ASSERT_EQ(errors_of(with(key, value)), "") << key;
    const auto after = loaded(with(key, value));
    for (const auto& row : settings_schema())
      EXPECT_EQ(row.same(before, after), row.path != "cluster." + key) << key << ' ' << row.path;
  }
}

TEST(Cluster, RefusesWhatIsOutOfBounds) {
  const std::string long_name(65, 'a'), long_label(64, 'a');
  std::string many = "[";
  for (int i = 0; i < 1025; ++i)
    many += "\"localhost:1\",";
  const std::vector<std::tuple<std::string, std::string, std::string>> table{
    {"name", "\"a b\"", "cluster.name: found \"a b\""},
    {"name", long_name, "cluster.name: found \"aaa"},
    {"node.name", "Router", "cluster.node.name: found \"Router\""},
    {"node.name", "a_b", "cluster.node.name"},
    {"node.name", "-a", "cluster.node.name"},
    {"node.name", "a-", "cluster.node.name"},
    {"node.name", "a..b", "cluster.node.name"},
    {"node.name", "a.", "cluster.node.name"},
    {"node.name", "10.0.0.1", "cluster.node.name"},
    {"node.name", long_label, "cluster.node.name"},
    {"node.name", "\"*.example\"", "cluster.node.name"},
    {"node.host", "\"a b\"", "cluster.node.host"},
    {"node.host", "\"::1\"", "IPv6 in brackets"},
    {"node.port", "0", "cluster.node.port: found 0, allowed is 1 to 65535"},
    {"node.port", "65536", "allowed is 1 to 65535"},
    {"peers", "[localhost]", "cluster.peers[0]: found \"localhost\", expected host:port"},
    {"peers", "[\"localhost:1\", \"localhost:0\"]", "cluster.peers[1]: found \"localhost:0\""},
    {"peers", "[\"localhost:99999\"]", "cluster.peers[0]"},
    {"peers", "[\":1\"]", "cluster.peers[0]"},
    {"peers", "[\"::1:1\"]", "cluster.peers[0]"},
    {"peers", many + "]", "cluster.peers: found 1025 nodes, allowed are 1024"},
    {"discovery", "dns", "Invalid way to find nodes dns. Allowed values are [none nats]"},
    {"shards", "0", "allowed is 1 to 4096"},
    {"shards", "4097", "allowed is 1 to 4096"},
    {"holders", "0", "cluster.holders: found 0, allowed is 1 to 1024, or all"},
    {"holders", "1025", "or all"},
    {"holders", "some", "or all"},
    {"holders", "3x", "or all"},
    {"zone", "\"a b\"", "cluster.zone"},
    {"suspect_after", "99ms", "cluster.suspect_after: found 99ms, allowed is 100ms to"},
    {"suspect_after", "3001ms", "cluster.suspect_after: found 3001ms, allowed is 100ms to 3s"},
    {"remove_after", "1s",
     "cluster.remove_after: found 1s, expected more than cluster.suspect_after, 1s"},
    {"rebalance_after", "4s",
     "cluster.rebalance_after: found 4s, expected at least cluster.remove_after, 5s"},
    {"isolated", "die", "Allowed values are [serve unhealthy]"},
  };
  for (const auto& [key, value, message] : table)
    EXPECT_THAT(errors_of(with(key, value)), HasSubstr(message)) << key << ": " << value;
}

TEST(Cluster, BoundsThemselvesAreAllowed) {
  EXPECT_EQ(errors_of(with("rebalance_after", "5s")), "");
  EXPECT_EQ(errors_of(with("shards", "4096")), "");
  EXPECT_EQ(errors_of(with("name", std::string(64, 'a'))), "");
  EXPECT_EQ(errors_of(with("node.name", std::string(63, 'a') + ".b-1.c")), "");
  EXPECT_EQ(loaded(with("holders", "all")).cluster.holders, 0);
  EXPECT_EQ(loaded(with("holders", "1024")).cluster.holders, 1024);
}

TEST(Cluster, TakesItsZoneFromTheRouter) {
  EXPECT_EQ(loaded("zone: z1\n" + with()).cluster.zone, "z1");
  EXPECT_EQ(loaded("zone: z1\n" + with("zone", "z2")).cluster.zone, "z2");
  EXPECT_EQ(loaded("zone: z1\n" + with("zone", "\"\"")).cluster.zone, "");
}

TEST(Cluster, WarnsOfANodeThatLooksForNobody) {
  EXPECT_THAT(warnings_of(with("peers", "[]")),
              HasSubstr("cluster.peers: no other node is looked for"));
  EXPECT_THAT(warnings_of(with("peers", "[]") + "  discovery: nats\n"), IsEmpty());
}

TEST(Cluster, HasAPortOfItsOwn) {
  EXPECT_THAT(errors_of(with("node.port", "8081")),
              HasSubstr("cluster.node.port: found 8081, which is already used by port"));
}

TEST(Cluster, WithoutTlsStaysOnTheMachine) {
  for (const auto* host : {"127.0.0.1", "127.9.9.9", "localhost", "\"[::1]\""})
    EXPECT_EQ(errors_of(with("node.host", host)), "") << host;
  for (const auto* host :
       {"10.0.0.1", "127.example.com", "0.0.0.0", "\"[::]\"", "localhost.example"})
    EXPECT_THAT(errors_of(with("node.host", host)),
                HasSubstr("is not a loopback address: give cluster.tls"))
      << host;
  EXPECT_THAT(errors_of(with("peers", "[\"127.0.0.1:1\", \"10.0.0.2:7946\"]")),
              HasSubstr("cluster.peers[1]: 10.0.0.2:7946 is not a loopback address"));
}

TEST(Cluster, NeedsARestartForWhatOtherNodesKnowOfIt) {
  for (const auto& row : settings_schema())
    if (row.path.starts_with("cluster.")) {
      const bool is_its_own = row.path.starts_with("cluster.tls.") || row.path == "cluster.confirm_timeout"
                              || row.path == "cluster.isolated";
      EXPECT_EQ(needs_restart(row.path), !is_its_own) << row.path;
    }
}

TEST(Cluster, RenewsCertificatesOfTheNodeThatRuns) {
  settings before;
  before.cluster.node.name = "router-0";
  before.cluster.tls = {"chain", "key", "ca"};
  auto after = before;
  after.cluster.tls.cert_chain = "new chain";
  EXPECT_TRUE(can_renew_links(before, after));
  EXPECT_THAT(changes(before, after).at_once, ::testing::ElementsAre("cluster.tls.cert_chain"));
  EXPECT_THAT(changes(before, after).at_next_start, IsEmpty());

  auto renamed = after;
  renamed.cluster.node.name = "router-1";
  EXPECT_FALSE(can_renew_links(before, renamed));
  EXPECT_THAT(changes(before, renamed).at_once, IsEmpty());
  EXPECT_THAT(changes(before, renamed).at_next_start,
              ::testing::ElementsAre("cluster.node.name", "cluster.tls.cert_chain"));

  auto without = before;
  without.cluster.tls = {};
  EXPECT_FALSE(can_renew_links(before, without));
  EXPECT_FALSE(can_renew_links(without, before));
  EXPECT_THAT(changes(without, before).at_next_start,
              ::testing::ElementsAre("cluster.tls.cert_chain", "cluster.tls.private_key", "cluster.tls.ca_certs"));
}

struct ClusterTls : ::testing::Test {
  pem_pair pair = make_pair("router-0");

  /// A section on another address than loopback, with these parts of `tls`.
  static std::string section(const std::string& chain, const std::string& key,
                             const std::string& ca) {
    std::string tls = "  tls:\n";
    const std::map<std::string, std::string> parts{
      {"cert_chain", chain}, {"private_key", key}, {"ca_certs", ca}};
    for (const auto& [name, pem] : parts)
      if (!pem.empty())
        tls.append("    ").append(name).append(": ").append(block(pem, 6));
    return with("node.host", "10.0.0.1") + tls;
  }
};

TEST_F(ClusterTls, LeavesTheMachine) {
  const auto yaml = section(pair.certificate, pair.key, pair.certificate);
  ASSERT_EQ(errors_of(yaml), "");
  EXPECT_EQ(loaded(yaml).cluster.tls,
            (cluster_tls_settings{pair.certificate, pair.key, pair.certificate}));
}

TEST_F(ClusterTls, IsWholeOrNotThere) {
  EXPECT_THAT(errors_of(section("", pair.key, pair.certificate)),
              HasSubstr("cluster.tls.cert_chain: must be given"));
  EXPECT_THAT(errors_of(section(pair.certificate, "", pair.certificate)),
              HasSubstr("cluster.tls.private_key: must be given"));
  EXPECT_THAT(errors_of(section(pair.certificate, pair.key, "")),
              HasSubstr("cluster.tls.ca_certs: must be given"));
}

TEST_F(ClusterTls, LoadsAndNamesTheNode) {
  const auto other = make_pair("router-1"), nameless = make_pair();
  EXPECT_THAT(
    errors_of(section(pair.certificate, other.key, pair.certificate)),
    HasSubstr("cluster.tls.cert_chain: Error loading key pair: private key does not match"));
  for (const auto& wrong : {other, nameless})
    EXPECT_THAT(errors_of(section(wrong.certificate, wrong.key, pair.certificate)),
                HasSubstr("cluster.tls.cert_chain: no alternative name of the certificate is "
                          "cluster.node.name, router-0"));
  const auto text = errors_of(section(pair.certificate, pair.key, "nonsense\n"));
  EXPECT_THAT(text, HasSubstr("cluster.tls.ca_certs: found no certificate"));
  EXPECT_THAT(text, Not(HasSubstr("nonsense")));
}

} // namespace
} // namespace shunt::config::test
