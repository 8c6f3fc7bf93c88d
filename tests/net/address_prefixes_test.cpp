#include "net/address_prefixes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace shunt::net {
namespace {

address_prefixes prefixes(const std::vector<std::string>& list) {
  std::string error;
  auto made = address_prefixes::parse(list, error);
  EXPECT_TRUE(made) << error;
  return made.value_or(address_prefixes{});
}

bool contains(const address_prefixes& list, const char* address) {
  return list.contains(asio::ip::make_address(address));
}

TEST(AddressPrefixes, AreNobodyWhenNoneIsGiven) {
  for (const auto* address : {"192.0.2.1", "::1", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(contains({}, address));
    EXPECT_FALSE(contains(prefixes({}), address));
  }
  EXPECT_TRUE(prefixes({}).empty());
  EXPECT_FALSE(prefixes({"192.0.2.1"}).empty());
}

TEST(AddressPrefixes, AreThoseWithinAPrefix) {
  const struct {
    const char* prefix;
    const char* address;
    bool within;
  } rows[] = {
    {"10.0.0.0/8", "10.255.255.255", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/8", "9.255.255.255", false},
    {"192.0.2.128/25", "192.0.2.128", true},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.4/30", "192.0.2.7", true},
    {"192.0.2.4/30", "192.0.2.8", false},
    {"192.0.2.1", "192.0.2.1", true},
    {"192.0.2.1", "192.0.2.2", false},
    {"192.0.2.1/32", "192.0.2.0", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"0.0.0.0/0", "::1", false},
    {"2001:db8::/32", "2001:db8:ffff::1", true},
    {"2001:db8::/32", "2001:db9::", false},
    {"2001:db8::/127", "2001:db8::1", true},
    {"2001:db8::/127", "2001:db8::2", false},
    {"::1", "::1", true},
    {"::1", "::2", false},
    {"::/0", "2001:db8::1", true},
    // An IPv4 address is the same however it is written, and in no prefix of IPv6 alone.
    {"10.0.0.0/8", "::ffff:10.1.2.3", true},
    {"10.0.0.0/8", "::ffff:11.1.2.3", false},
    {"::ffff:10.0.0.0/104", "10.1.2.3", true},
    {"::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true},
    {"::ffff:10.0.0.0/104", "11.1.2.3", false},
    {"::ffff:0:0/96", "203.0.113.9", true},
    {"::/0", "203.0.113.9", false},
    {"::/0", "::ffff:203.0.113.9", false},
    {"a00::/8", "10.1.2.3", false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(contains(prefixes({row.prefix}), row.address), row.within)
      << row.prefix << " " << row.address;
}

TEST(AddressPrefixes, AreThoseWithinAnyPrefix) {
  const auto list = prefixes({"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"});
  EXPECT_TRUE(contains(list, "10.1.1.1"));
  EXPECT_TRUE(contains(list, "192.0.2.1"));
  EXPECT_TRUE(contains(list, "2001:db8::1"));
  EXPECT_FALSE(contains(list, "192.0.2.2"));
  EXPECT_FALSE(contains(list, "::1"));
}

TEST(AddressPrefixes, AreRefusedByTheNameOfTheEntry) {
  const std::pair<const char*, const char*> rows[] = {
    {"", "'': not an IP address or prefix"},
    {"app.example", "'app.example': not an IP address or prefix"},
    {"10.0.0", "'10.0.0': not an IP address or prefix"},
    {"10.0.0.0 /8", "'10.0.0.0 /8': not an IP address or prefix"},
    {" 10.0.0.1", "' 10.0.0.1': not an IP address or prefix"},
    {"010.0.0.0/8", "'010.0.0.0/8': not an IP address or prefix"},
    {"[::1]", "'[::1]': not an IP address or prefix"},
    {"fe80::1%eth0", "'fe80::1%eth0': not an IP address or prefix"},
    {"/8", "'/8': not an IP address or prefix"},
    {"10.0.0.0/", "'10.0.0.0/': the length of an IPv4 prefix is 0 to 32"},
    {"10.0.0.0/33", "'10.0.0.0/33': the length of an IPv4 prefix is 0 to 32"},
    {"10.0.0.0/08", "'10.0.0.0/08': the length of an IPv4 prefix is 0 to 32"},
    {"10.0.0.0/-1", "'10.0.0.0/-1': the length of an IPv4 prefix is 0 to 32"},
    {"10.0.0.0/8/8", "'10.0.0.0/8/8': the length of an IPv4 prefix is 0 to 32"},
    {"10.0.0.0/255.0.0.0", "'10.0.0.0/255.0.0.0': the length of an IPv4 prefix is 0 to 32"},
    {"::/129", "'::/129': the length of an IPv6 prefix is 0 to 128"},
    {"10.0.0.1/8", "'10.0.0.1/8': bits are set behind the length of the prefix"},
    {"192.0.2.1/31", "'192.0.2.1/31': bits are set behind the length of the prefix"},
    {"10.0.0.0/0", "'10.0.0.0/0': bits are set behind the length of the prefix"},
    {"2001:db8::1/64", "'2001:db8::1/64': bits are set behind the length of the prefix"},
  };
  for (const auto& [entry, message] : rows) {
    std::string error;
    EXPECT_FALSE(address_prefixes::parse(std::vector<std::string>{"192.0.2.1", entry}, error));
    EXPECT_EQ(error, message);
  }
}

TEST(AddressPrefixes, AreNotTooMany) {
  std::vector<std::string> list(address_prefixes::prefixes_max, "192.0.2.1");
  std::string error;
  EXPECT_TRUE(address_prefixes::parse(list, error));
  list.push_back("192.0.2.1");
  EXPECT_FALSE(address_prefixes::parse(list, error));
  EXPECT_EQ(error, "more than 1024 prefixes");
}

} // namespace
} // namespace shunt::net
