// Rules of TLS keys: what they need of each other, and that certificates are tried at the start.
#include "config/pem.hpp"
#include "pem_support.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace shunt::config::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Tls : ::testing::Test {
  pem_pair pair = make_pair();
  pem_pair other = make_pair();

  std::string tls_pem(const std::string& certificate, const std::string& key) const {
    return "tls_pem:\n- cert_chain: " + block(certificate, 4) + "  private_key: " + block(key, 4);
  }

  /// Everything that `enable_ssl` asks for, and nothing else.
  std::string complete() const {
    return "enable_ssl: true\ncipher_suites: ECDHE-RSA-AES128-GCM-SHA256\n"
           "client_cert_validation: none\n"
           + tls_pem(pair.certificate, pair.key);
  }
};

TEST_F(Tls, ACompleteSetLoads) {
  const auto s = loaded(complete());
  EXPECT_EQ(s.cipher_suites, (std::vector<std::string>{"ECDHE-RSA-AES128-GCM-SHA256"}));
  EXPECT_EQ(s.client_cert_validation, client_cert_validation::none);
  EXPECT_EQ(s.min_tls_version, tls_version::tls_1_2);
  ASSERT_EQ(s.tls_pem.size(), 1u);
  EXPECT_EQ(s.tls_pem[0].private_key, pair.key);
  EXPECT_THAT(warnings_of(complete()), ::testing::IsEmpty());
}

TEST_F(Tls, WhatEnableSslNeedsIsAskedFor) {
  const auto text = errors_of("\nenable_ssl: true\n");
  EXPECT_THAT(text, HasSubstr("f.yml:2: tls_pem: router.tls_pem must be provided if "
                              "router.enable_ssl is set to true"));
  EXPECT_THAT(text,
              HasSubstr("f.yml:2: cipher_suites: must specify list of cipher suite when ssl is "
                        "enabled"));
  EXPECT_THAT(text, HasSubstr("f.yml:2: client_cert_validation: router.client_cert_validation must "
                              "be one of 'none', 'request' or 'require'."));
}

TEST_F(Tls, WrongChoicesAreRefusedInGoroutersWords) {
  const std::vector<refusal> table{
    {"min_tls_version: TLSv1.4",
     "f.yml:2: min_tls_version: router.min_tls_version should be one of \"\", \"TLSv1.3\", "
     "\"TLSv1.2\", \"TLSv1.1\", \"TLSv1.0\""},
    {"max_tls_version: TLSv1.1",
     "f.yml:2: max_tls_version: router.max_tls_version should be one of \"TLSv1.2\" or "
     "\"TLSv1.3\""},
    {"client_cert_validation: maybe",
     "f.yml:2: client_cert_validation: router.client_cert_validation must be one of 'none', "
     "'request' or 'require'."},
    {"client_cert_validation: \"\"", "router.client_cert_validation must be one of"},
    {"cipher_suites: AES128-SHA:nope",
     "f.yml:2: cipher_suites: Invalid cipher string configuration: nope, please choose from "
     "[RC4-SHA DES-CBC3-SHA"},
    {"cipher_suites: \"AES128-SHA:\"",
     "Invalid cipher string configuration: , please choose from ["},
    {"cipher_suites: aes128-sha", "Invalid cipher string configuration: aes128-sha, please"},
    {"cipher_suites: \" \"", "must specify list of cipher suite when ssl is enabled"},
    {"min_tls_version: TLSv1.3", "found a version above router.max_tls_version"},
  };
  for (const auto& [yaml, message] : table) {
    EXPECT_THAT(errors_of("enable_ssl: true\n" + yaml), HasSubstr(message)) << yaml;
    EXPECT_EQ(errors_of(yaml), "") << "not looked at without enable_ssl: " << yaml;
  }
}

TEST_F(Tls, VersionsAndSuitesAreRead) {
  const auto s = loaded("min_tls_version: \"\"\nmax_tls_version: TLSv1.3\n" + complete());
  EXPECT_EQ(s.min_tls_version, tls_version::tls_1_2);
  EXPECT_EQ(s.max_tls_version, tls_version::tls_1_3);
  EXPECT_EQ(loaded("min_tls_version: TLSv1.0\n" + complete()).min_tls_version,
            tls_version::tls_1_0);
  EXPECT_THAT(loaded("cipher_suites: AES128-SHA").cipher_suites, IsEmpty());
  EXPECT_EQ(loaded("disable_http: true\n" + complete()).disable_http, true);
}

TEST_F(Tls, AFrontPairMustLoad) {
  const std::string rest = "enable_ssl: true\ncipher_suites: AES128-SHA\n"
                           "client_cert_validation: none\n";
  EXPECT_THAT(errors_of(rest + "tls_pem: [{cert_chain: a}]"),
              HasSubstr("f.yml:4: tls_pem[0]: Error parsing PEM blocks of router.tls_pem, missing "
                        "cert or key."));
  EXPECT_THAT(errors_of(rest + "tls_pem: [null]"), HasSubstr("missing cert or key."));
  EXPECT_THAT(errors_of(rest + tls_pem(pair.certificate, other.key)),
              HasSubstr("f.yml:4: tls_pem[0]: Error loading key pair: private key does not match"));
  EXPECT_THAT(errors_of(rest + tls_pem("x", pair.key)), HasSubstr("Error loading key pair: "));
  EXPECT_THAT(errors_of(rest + tls_pem(pair.certificate, "x")),
              HasSubstr("Error loading key pair: no unencrypted private key found"));
  EXPECT_EQ(errors_of("tls_pem: [{cert_chain: a}]"), "") << "not looked at without enable_ssl";
}

TEST_F(Tls, OnlyTrustedClientCasMustExist) {
  const std::string only = "only_trust_client_ca_certs: true\n";
  const auto with_request = [&](std::string text) {
    text.replace(text.find("validation: none"), 16, "validation: request");
    return text;
  };
  EXPECT_THAT(errors_of(only + with_request(complete())),
              HasSubstr("f.yml:1: client_ca_certs: router.client_ca_certs must be given"));
  EXPECT_EQ(errors_of(only + complete()), "");
  EXPECT_EQ(
    errors_of(only + with_request(complete()) + "client_ca_certs: " + block(pair.certificate, 2)),
    "");
  EXPECT_THAT(errors_of("client_ca_certs: x\n" + complete()),
              HasSubstr("f.yml:1: client_ca_certs: found no certificate"));
}

TEST_F(Tls, EachCaMustHoldACertificate) {
  EXPECT_THAT(errors_of("ca_certs:\n- " + block(pair.certificate, 4) + "- nothing\n"),
              HasSubstr("f.yml:1: ca_certs[1]: found no certificate that can be read"));
  EXPECT_EQ(loaded("ca_certs:\n- " + block(pair.certificate, 4)).ca_certs.size(), 1u);
  EXPECT_THAT(errors_of("domains: [{name: a, ca_certs: x}]"),
              HasSubstr("domains[0].ca_certs: found no certificate"));
  EXPECT_THAT(errors_of("domains: [{ca_certs: x}]"), HasSubstr("domains[0].name: must be given"));
  const auto s = loaded("domains:\n- name: \"*.example\"\n  xfcc_format: envoy\n  ca_certs: "
                        + block(pair.certificate, 4));
  ASSERT_EQ(s.domains.size(), 1u);
  EXPECT_EQ(s.domains[0].forwarded_client_cert, forwarded_client_cert::sanitize_set);
  EXPECT_EQ(s.domains[0].xfcc_format, xfcc_format::envoy);
}

TEST_F(Tls, AClientPairCountsWhenBothPartsAreThere) {
  for (const std::string section : {"backends", "route_services"}) {
    EXPECT_EQ(errors_of(nested(section, "{cert_chain: x}")), "");
    EXPECT_THAT(errors_of(nested(section, "{cert_chain: x, private_key: y}")),
                HasSubstr("f.yml:1: " + section + ".cert_chain: Error loading key pair: "));
  }
}

TEST_F(Tls, StatusTlsIsAllOrNothing) {
  const auto text = errors_of("status:\n  tls:\n    port: 0\n");
  EXPECT_THAT(text, HasSubstr("f.yml:3: status.tls.port: router.status.tls.port must not be 0"));
  EXPECT_THAT(text, HasSubstr("status.tls.key: router.status.tls.key must be provided"));
  EXPECT_THAT(text,
              HasSubstr("status.tls.certificate: router.status.tls.certificate must be provided"));
  EXPECT_EQ(errors_of("status: {tls: {port: 8443}}"), "") << "all at their defaults";
  const auto with = [](const std::string& certificate, const std::string& key) {
    return "status:\n  enable_nontls_health_checks: false\n  tls:\n    certificate: "
           + block(certificate, 6) + "    key: " + block(key, 6);
  };
  EXPECT_THAT(errors_of(with(pair.certificate, other.key)),
              HasSubstr("f.yml:4: status.tls.certificate: Error loading router.status.tls "
                        "certificate/key pair: "));
  const auto s = loaded(with(pair.certificate, pair.key));
  EXPECT_FALSE(s.status.enable_nontls_health_checks);
  EXPECT_TRUE(s.status.tls.active());
}

TEST_F(Tls, NatsTlsNeedsACaAndAUsablePair) {
  EXPECT_THAT(errors_of("nats: {tls_enabled: true}"),
              HasSubstr("f.yml:1: nats.ca_certs: found no certificate"));
  const auto start = "nats:\n  tls_enabled: true\n  ca_certs: " + block(pair.certificate, 4);
  EXPECT_TRUE(loaded(start).nats.tls_enabled);
  EXPECT_THAT(errors_of(start + "  cert_chain: " + block(pair.certificate, 4)),
              HasSubstr("nats.cert_chain: Error loading NATS key pair: "));
  EXPECT_THAT(errors_of(start + "  private_key: " + block(pair.key, 4)),
              HasSubstr("Error loading NATS key pair: "));
  EXPECT_EQ(errors_of(start + "  cert_chain: " + block(pair.certificate, 4)
                      + "  private_key: " + block(pair.key, 4)),
            "");
}

TEST_F(Tls, TheRoutingApiNeedsItsCertificatesAndATokenServer) {
  EXPECT_EQ(errors_of("routing_api: {uri: \"https://a\"}"), "") << "off without a port";
  const auto text = errors_of("routing_api: {uri: \"https://a\", port: 3000}");
  EXPECT_THAT(text, HasSubstr("f.yml:1: routing_api.ca_certs: found no certificate"));
  EXPECT_THAT(text, HasSubstr("routing_api.cert_chain: Error loading key pair: "));
  EXPECT_THAT(text, HasSubstr("oauth.port: must be given"));
  EXPECT_THAT(errors_of("routing_api: {uri: \"https://a\", port: 3000, auth_disabled: true}"),
              Not(HasSubstr("oauth.port")));
}

TEST_F(Tls, AKeyIsNeverQuoted) {
  const auto text = errors_of("enable_ssl: true\n" + tls_pem(other.certificate, pair.key));
  EXPECT_THAT(text, HasSubstr("does not match"));
  EXPECT_THAT(text, Not(HasSubstr("PRIVATE")));
}

TEST_F(Tls, APairIsJudgedByItsFirstCertificate) {
  EXPECT_EQ(key_pair_problem(pair.certificate + other.certificate, pair.key), "");
  EXPECT_NE(key_pair_problem(other.certificate + pair.certificate, pair.key), "");
  EXPECT_TRUE(has_certificate(pair.key + pair.certificate));
  EXPECT_FALSE(has_certificate(pair.key));
}

} // namespace
} // namespace shunt::config::test
