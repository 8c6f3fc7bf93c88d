// The certificates by which the process recognises itself, and who else is let in by them: nobody.
#include "net/backend_tls.hpp"
#include "net/front_tls.hpp"
#include "net/loopback_certificates.hpp"
#include "net/tls_names.hpp"
#include "net/tls_peer.hpp"
#include "net/tls_trust.hpp"
#include "tls_test_kit.hpp"

#include <gtest/gtest.h>

#include <openssl/x509v3.h>

#include <ctime>
#include <set>
#include <string>

namespace shunt::net {
namespace {

using tls_kit::link;

std::vector<X509*> all_of(const loopback_certificates& made) {
  return {made.cas.front().get(), made.server.leaf.get(), made.client.leaf.get()};
}

std::string curve_of(const X509* certificate) {
  char name[64] = {};
  std::size_t bytes = 0;
  EVP_PKEY_get_group_name(X509_get0_pubkey(certificate), name, sizeof name, &bytes);
  return {name, bytes};
}

/// Seconds from now.
long until(const ASN1_TIME* time) {
  int days = 0, seconds = 0;
  EXPECT_EQ(ASN1_TIME_diff(&days, &seconds, nullptr, time), 1);
  return days * 86'400L + seconds;
}

TEST(LoopbackCertificates, AreOfAnEllipticCurveForLoopbackAndTenYears) {
  const auto made = make_loopback_certificates();
  ASSERT_EQ(made.cas.size(), 1u);
  for (auto* each : all_of(made)) {
    EXPECT_EQ(curve_of(each), "prime256v1") << common_name(each);
    EXPECT_EQ(X509_get_signature_nid(each), NID_ecdsa_with_SHA256) << common_name(each);
    EXPECT_EQ(X509_check_ip_asc(each, "127.0.0.1", 0), 1) << common_name(each);
    EXPECT_EQ(X509_check_ip_asc(each, "127.0.0.2", 0), 0) << common_name(each);
    EXPECT_LT(until(X509_get0_notBefore(each)), 0) << common_name(each);
    EXPECT_NEAR(until(X509_get0_notAfter(each)), 3650L * 86'400, 60) << common_name(each);
    EXPECT_EQ(X509_get_version(each), X509_VERSION_3) << common_name(each);
  }
}

TEST(LoopbackCertificates, AreMadeForOneEndEach) {
  const auto made = make_loopback_certificates();
  EXPECT_EQ(X509_check_ca(made.cas.front().get()), 1);
  for (auto* leaf : {made.server.leaf.get(), made.client.leaf.get()}) {
    EXPECT_EQ(X509_check_ca(leaf), 0);
    EXPECT_EQ(X509_verify(leaf, X509_get0_pubkey(made.cas.front().get())), 1);
    EXPECT_EQ(X509_check_issued(made.cas.front().get(), leaf), X509_V_OK);
  }
  EXPECT_EQ(X509_check_private_key(made.server.leaf.get(), made.server.key.get()), 1);
  EXPECT_EQ(X509_check_private_key(made.client.leaf.get(), made.client.key.get()), 1);
  EXPECT_EQ(X509_check_purpose(made.server.leaf.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(made.server.leaf.get(), X509_PURPOSE_SSL_CLIENT, 0), 0);
  EXPECT_EQ(X509_check_purpose(made.client.leaf.get(), X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(made.client.leaf.get(), X509_PURPOSE_SSL_SERVER, 0), 0);
}

TEST(LoopbackCertificates, AreOthersEveryTime) {
  const auto one = make_loopback_certificates(), other = make_loopback_certificates();
  std::set<std::string> serials;
  for (const auto* made : {&one, &other})
    for (auto* each : all_of(*made)) {
      const auto* serial = X509_get0_serialNumber(each);
      serials.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                      static_cast<std::size_t>(ASN1_STRING_length(serial)));
    }
  EXPECT_EQ(serials.size(), 6u);
  EXPECT_EQ(EVP_PKEY_eq(one.client.key.get(), other.client.key.get()), 0);
  EXPECT_NE(X509_verify(one.client.leaf.get(), X509_get0_pubkey(other.cas.front().get())), 1);
}

TEST(LoopbackTls, ConnectsTheProcessToItself) {
  const auto own = make_loopback_certificates();
  const auto server = front_tls::for_loopback(own);
  const auto client = backend_tls::for_loopback(own);
  for (const bool http2 : {true, false}) {
    link l{client->new_session("127.0.0.1", http2), server->new_session()};
    ASSERT_TRUE(l.connect());
    EXPECT_STREQ(SSL_get_version(l.client()), "TLSv1.3");
    EXPECT_EQ(speaks_http2(l.server()), http2);
    EXPECT_TRUE(is_mutual_tls(l.server()));
    EXPECT_EQ(requested_name(l.server()), "") << "an address is no name";
  }
}

TEST(LoopbackTls, ResumesSessions) {
  const auto own = make_loopback_certificates();
  const auto server = front_tls::for_loopback(own);
  const auto client = backend_tls::for_loopback(own);
  link first{client->new_session("127.0.0.1", true), server->new_session()};
  ASSERT_TRUE(first.connect());
  const auto kept = resumable_session(first.client());
  ASSERT_TRUE(kept);
  link second{client->new_session("127.0.0.1", true, kept.get()), server->new_session()};
  ASSERT_TRUE(second.connect());
  EXPECT_EQ(SSL_session_reused(second.client()), 1);
  EXPECT_TRUE(is_mutual_tls(second.server())) << "as the first time";
  EXPECT_TRUE(speaks_http2(second.server()));
}

tls_kit::minted as_client(const certified_key& own) {
  X509_up_ref(own.leaf.get());
  EVP_PKEY_up_ref(own.key.get());
  return {certificate_ptr{own.leaf.get()}, private_key_ptr{own.key.get()}};
}

TEST(LoopbackTls, LetsNobodyElseIn) {
  const auto own = make_loopback_certificates(), others = make_loopback_certificates();
  const auto ca = tls_kit::mint_ca("shunt internal CA"); // The same name is not the same key.
  const auto look_alike = tls_kit::mint({.common_name = "shunt", .ips = {"127.0.0.1"}, .issuer = &ca});
  const auto self_signed = tls_kit::mint({.common_name = "shunt", .ips = {"127.0.0.1"}});
  const auto earlier = as_client(others.client), server_end = as_client(own.server), right = as_client(own.client);
  const struct {
    const char* name;
    const tls_kit::minted* shown;
    int version;
    bool welcome;
  } table[] = {
    {"the client's own", &right, TLS1_3_VERSION, true},
    {"the client's own in an old version", &right, TLS1_2_VERSION, false},
    {"none", nullptr, TLS1_3_VERSION, false},
    {"one signed by itself", &self_signed, TLS1_3_VERSION, false},
    {"one of a CA of that name", &look_alike, TLS1_3_VERSION, false},
    {"one of an earlier start", &earlier, TLS1_3_VERSION, false},
    {"the listener's own", &server_end, TLS1_3_VERSION, false},
  };
  const auto server = front_tls::for_loopback(own);
  for (const auto& row : table) {
    const auto context = tls_kit::client_context({.max = row.version, .own = row.shown});
    link l{tls_kit::ask_for(context.get()), server->new_session()};
    EXPECT_EQ(l.connect(), row.welcome) << row.name;
    EXPECT_EQ(l.server_failed(), !row.welcome) << row.name;
  }
}

TEST(LoopbackTls, TrustsNoOtherListener) {
  const auto own = make_loopback_certificates(), others = make_loopback_certificates();
  const auto client = backend_tls::for_loopback(own);
  const auto impostor = front_tls::for_loopback(others);
  link l{client->new_session("127.0.0.1", false), impostor->new_session()};
  EXPECT_FALSE(l.connect());
  ASSERT_TRUE(l.client_failure());
  EXPECT_EQ(l.client_failure()->reason, routing::failure_class::untrusted);
  const auto server = front_tls::for_loopback(own);
  link wrong_name{client->new_session("127.0.0.2", false), server->new_session()};
  EXPECT_FALSE(wrong_name.connect());
}

} // namespace
} // namespace shunt::net
