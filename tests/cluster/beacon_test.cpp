// Beacons: what is read, and what becomes of it.
#include "cluster/beacon.hpp"
#include "cluster/beacon_ear.hpp"

#include <gtest/gtest.h>

namespace shunt::cluster {
namespace {

using namespace std::chrono_literals;

const beacon sample{"prod", "router-1", "127.0.0.1:7946", 17};

std::string with(const std::string& member, const std::string& value) {
  std::string text{"{"};
  for (const auto& [name, own] : std::map<std::string, std::string>{{"cluster", "\"prod\""},
                                                                    {"node", "\"router-1\""},
                                                                    {"address", "\"127.0.0.1:7946\""},
                                                                    {"incarnation", "17"}})
    if (const auto& shown = name == member ? value : own; !shown.empty())
      text.append(text.size() > 1 ? "," : "").append("\"" + name + "\":").append(shown);
  return text + "}";
}

TEST(Beacon, IsReadAsItWasWritten) {
  EXPECT_EQ(read_beacon(to_json(sample)), sample);
  EXPECT_EQ(read_beacon(with("", "")), sample);
  EXPECT_EQ(read_beacon(R"({"more":[{}],)" + with("", "").substr(1)), sample);
}

TEST(Beacon, ReadsEveryKindOfAddress) {
  for (const std::string address : {"router-0.example:1", "10.0.0.1:65535", "[::1]:7946", "[fe80::1.2.3.4]:1"})
    EXPECT_TRUE(read_beacon(with("address", '"' + address + '"'))) << address;
}

TEST(Beacon, RefusesWhatItIsNot) {
  for (const std::string text : {"", "{", "null", "[]", "17", "\"x\"", "{}", "{\"cluster\":\"\xff\"}"})
    EXPECT_FALSE(read_beacon(text)) << text;
  for (const auto* member : {"cluster", "node", "address", "incarnation"})
    for (const std::string value : {"", "null", "{}", "[]", "true", "-1", "1.5", "\"\"", "\"a b\"", "\"\\u0000\"", "\"\\u00e4\""})
      EXPECT_FALSE(read_beacon(with(member, value))) << member << ' ' << value;
  for (const std::string address : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1:1x",
                                    ":1", "::1:1", "[]:1", "[::1:1", "a/b:1", "a@b:1", "[a.b]x:1", "[::g]:1"})
    EXPECT_FALSE(read_beacon(with("address", '"' + address + '"'))) << address;
  EXPECT_TRUE(read_beacon(with("cluster", '"' + std::string(64, 'a') + '"')));
  EXPECT_FALSE(read_beacon(with("cluster", '"' + std::string(65, 'a') + '"')));
  EXPECT_TRUE(read_beacon(with("node", '"' + std::string(253, 'a') + '"')));
  EXPECT_FALSE(read_beacon(with("node", '"' + std::string(254, 'a') + '"')));
  EXPECT_FALSE(read_beacon(with("address", '"' + std::string(254, 'a') + ":1\"")));
  EXPECT_FALSE(read_beacon(with("", "") + std::string(beacon_bytes_max, ' ')));
  EXPECT_FALSE(read_beacon(std::string(beacon_bytes_max, '[')));
}

TEST(Beacon, KnowsLoopbackByItsText) {
  for (const auto* own : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"})
    EXPECT_TRUE(is_loopback_address(own)) << own;
  for (const auto* other : {"10.0.0.1:1", "127.0.0.1.example:1", "127.a.b.c:1", "localhost.example:1", "[::2]:1", "0.0.0.0:1"})
    EXPECT_FALSE(is_loopback_address(other)) << other;
}

struct BeaconEar : testing::Test {
  std::optional<std::string> hear(const beacon& said) { return ear.hear(to_json(said), now); }

  routing::time_point now{1h};
  beacon_ear ear{{.cluster = "prod", .node = "router-0", .loopback_only = false}};
};

TEST_F(BeaconEar, HearsOtherNodesOfItsClusterAlone) {
  EXPECT_EQ(hear(sample), "127.0.0.1:7946");
  EXPECT_EQ(hear(sample), "127.0.0.1:7946") << "it may have been forgotten by whoever tries";
  EXPECT_EQ(hear({"test", "router-1", "127.0.0.1:7946", 1}), std::nullopt);
  EXPECT_EQ(hear({"prod", "router-0", "127.0.0.1:7946", 1}), std::nullopt);
  EXPECT_EQ(hear({"prod", "router-1", "10.0.0.1:1", 1}), "10.0.0.1:1");
  EXPECT_EQ(ear.hear("{}", now), std::nullopt);
}

TEST_F(BeaconEar, HearsOnlyOfLoopbackWithoutTls) {
  ear = beacon_ear{{.cluster = "prod", .node = "router-0", .loopback_only = true}};
  EXPECT_EQ(hear(sample), "127.0.0.1:7946");
  EXPECT_EQ(hear({"prod", "router-1", "10.0.0.1:1", 1}), std::nullopt);
  EXPECT_EQ(hear({"prod", "router-1", "router-1.example:1", 1}), std::nullopt);
}

TEST_F(BeaconEar, ReadsNoMoreInASecondThanItMay) {
  for (std::size_t i = 0; i < beacon_ear::read_in_a_second; ++i)
    ear.hear("junk", now);
  EXPECT_EQ(hear(sample), std::nullopt);
  now += 1s;
  EXPECT_NE(hear(sample), std::nullopt);
}

TEST_F(BeaconEar, RemembersAsManyAddressesAsItMay) {
  const auto at = [](std::size_t i) {
    return beacon{"prod", "router-1", "127.0.0.1:" + std::to_string(1 + i), 1};
  };
  for (std::size_t i = 0; i < beacon_ear::addresses_max; ++i) {
    EXPECT_NE(hear(at(i)), std::nullopt);
    now += 20ms;
  }
  EXPECT_EQ(hear(at(9999)), std::nullopt);
  EXPECT_NE(hear(at(7)), std::nullopt) << "it is among them";
  now += beacon_ear::remembered_for;
  EXPECT_NE(hear(at(9999)), std::nullopt);
}

} // namespace
} // namespace shunt::cluster
