// Suites by name.
#include "net/tls_ciphers.hpp"

#include "config/cipher_suites.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace shunt::net {
namespace {

std::string list_of(std::vector<std::string> names) {
  return tls_ciphers_of(names).list;
}

TEST(TlsCiphers, AreTheSameByEitherName) {
  const struct {
    const char* name;
    const char* openssl;
  } rows[] = {
    {"AES128-SHA", "AES128-SHA"},
    {"TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"},
    {"TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"},
    {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"},
    {"ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"},
    {"TLS_AES_128_GCM_SHA256", ""},
    {"ALL", ""},
    {"HIGH:!aNULL", ""},
    {"@SECLEVEL=0", ""},
    {"", ""},
  };
  for (const auto& row : rows)
    EXPECT_EQ(list_of({row.name}), row.openssl) << row.name;
}

TEST(TlsCiphers, AreAllKnownExceptTheOnesOpenSslWasBuiltWithout) {
  for (const auto name : config::known_cipher_suites()) {
    const bool dropped = name.find("RC4") != name.npos || name.find("DES") != name.npos;
    const bool tls_1_3 = name.starts_with("TLS_AES") || name.starts_with("TLS_CHACHA20");
    EXPECT_EQ(list_of({std::string{name}}).empty(), tls_1_3 || dropped) << name;
  }
}

TEST(TlsCiphers, AreOrderedAsOpenSslPrefersWithoutDoubles) {
  const std::string expected =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA";
  EXPECT_EQ(list_of({"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA"}),
            expected);
  EXPECT_EQ(list_of({"AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-GCM-SHA256",
                     "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}),
            expected);
}

} // namespace
} // namespace shunt::net
