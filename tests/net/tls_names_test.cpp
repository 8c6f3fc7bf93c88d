// The names of certificates, and looking them up.
#include "net/tls_names.hpp"

#include "tls_test_kit.hpp"

#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace tls_kit;
using names = std::vector<std::string>;

TEST(TlsNames, AreReadFromACertificate) {
  using namespace std::string_literals;
  const auto m = mint({.common_name = "last",
                       .dns = {"b.example", "A.example", "x\0y"s},
                       .ips = {"10.0.0.1", "fd00:0:0:0::1"},
                       .attributes = {{"CN", "first"}}});
  const auto* certificate = m.certificate.get();
  EXPECT_EQ(dns_names(certificate), (names{"b.example", "A.example", "x\0y"s}));
  EXPECT_EQ(ip_names(certificate), (names{"10.0.0.1", "fd00::1"}));
  EXPECT_EQ(common_name(certificate), "last");
  EXPECT_EQ(claimed_names(certificate), dns_names(certificate));
}

TEST(TlsNames, ClaimTheCommonNameOnlyWithoutDnsNames) {
  const auto with_ip = mint({.common_name = "cn", .ips = {"10.0.0.1"}});
  const auto nothing = mint({});
  EXPECT_EQ(claimed_names(with_ip.certificate.get()), names{"cn"});
  EXPECT_EQ(claimed_names(nothing.certificate.get()), names{});
}

TEST(SniIndex, FindsNothingForNamesThatCannotBe) {
  sni_index index;
  const auto m = mint({.dns = {"*.example", std::string(255, 'a')}});
  index.add(m.certificate.get(), 7);
  EXPECT_EQ(index.find("a.example"), 7u);
  EXPECT_EQ(index.find(".example"), 7u); // An empty label is one, too.
  EXPECT_EQ(index.find(std::string(255, 'A')), 7u);
  EXPECT_EQ(index.find(std::string(256, 'a')), std::nullopt);
  EXPECT_EQ(index.find("example"), std::nullopt);
  EXPECT_EQ(index.find("."), std::nullopt);
  EXPECT_EQ(index.find(""), std::nullopt);
}

} // namespace
} // namespace shunt::net
