// TLS towards clients, by real handshakes in memory: which certificate, version, suite and protocol
// a client gets, and which sessions it may resume.
#include "net/front_tls.hpp"

#include "net/tls_peer.hpp"

#include "tls_test_kit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace tls_kit;
using config::client_cert_validation;
using config::tls_version;

const certificate_list no_cas;

config::settings settings_with(std::initializer_list<const minted*> certificates) {
  config::settings s;
  s.enable_ssl = true;
  for (const auto* certificate : certificates)
    s.tls_pem.push_back(certificate->pair());
  s.cipher_suites = {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"};
  s.client_cert_validation = client_cert_validation::none;
  return s;
}

minted certificate_for(std::string common_name, std::vector<std::string> dns,
                       key_kind kind = key_kind::p256) {
  return mint({.common_name = std::move(common_name), .dns = std::move(dns), .kind = kind});
}

/// Connects once; empty when that fails.
std::optional<link> connected(const config::settings& s, const peer_options& client,
                              const std::string& name = {}) {
  const auto front = front_tls::for_clients(s, no_cas);
  const auto context = client_context(client);
  link l{ask_for(context.get(), name), front->new_session()};
  if (!l.connect())
    return {};
  return l;
}

// -- The certificate

std::string shown_for(const config::settings& s, const std::string& name,
                      const peer_options& client = {}) {
  const auto l = connected(s, client, name);
  return l ? shown_name(*l) : "none";
}

TEST(FrontTls, ChoosesTheCertificateByTheNameTheClientAsksFor) {
  const auto first = certificate_for("first", {"first.example"});
  const auto exact = certificate_for("exact", {"one.wild.example", "Mixed.Example"});
  const auto wild = certificate_for("wild", {"*.wild.example", "*.first.example"});
  const auto cn_only = certificate_for("cn.example", {});
  const auto cn_and_dns = certificate_for("unclaimed.example", {"claimed.example"});
  const auto s = settings_with({&first, &exact, &wild, &cn_only, &cn_and_dns});
  const struct {
    const char* name;
    const char* shown;
  } rows[] = {
    {"first.example", "first"},
    {"FIRST.Example", "first"},
    {"mixed.example", "exact"},
    {"one.wild.example", "exact"}, // Though the wildcard comes later.
    {"two.wild.example", "wild"},
    {"TWO.wild.EXAMPLE", "wild"},
    {"a.two.wild.example", "first"}, // A star is one label.
    {"wild.example", "first"},
    {"cn.example", "cn.example"},
    {"claimed.example", "unclaimed.example"},
    {"unclaimed.example", "first"}, // A common name counts only without DNS names.
    {"unknown.example", "first"},
    {"", "first"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(shown_for(s, row.name), row.shown) << row.name;
}

TEST(FrontTls, LetsAnExactNameBeatALaterAndAnEarlierWildcard) {
  const auto exact = certificate_for("exact", {"a.example"});
  const auto wild = certificate_for("wild", {"*.example"});
  EXPECT_EQ(shown_for(settings_with({&exact, &wild}), "a.example"), "exact");
  EXPECT_EQ(shown_for(settings_with({&wild, &exact}), "a.example"), "exact");
}

TEST(FrontTls, GivesANameThatTwoCertificatesClaimToTheLater) {
  const auto one = certificate_for("one", {"a.example", "*.b.example"});
  const auto two = certificate_for("two", {"A.EXAMPLE", "*.b.example"});
  const auto s = settings_with({&one, &two});
  EXPECT_EQ(shown_for(s, "a.example"), "two");
  EXPECT_EQ(shown_for(s, "x.b.example"), "two");
  EXPECT_EQ(shown_for(s, "other"), "one");
}

TEST(FrontTls, ShowsItsOnlyCertificateWhateverIsAskedFor) {
  const auto only = certificate_for("only", {"a.example"});
  EXPECT_EQ(shown_for(settings_with({&only}), "b.example"), "only");
}

TEST(FrontTls, ShowsWithoutAKnownNameTheFirstCertificateTheClientCanUse) {
  const auto rsa = certificate_for("rsa", {"rsa.example"}, key_kind::rsa);
  const auto ec = certificate_for("ec", {"ec.example"});
  auto s = settings_with({&rsa, &ec});
  auto reversed = settings_with({&ec, &rsa});
  s.max_tls_version = reversed.max_tls_version = tls_version::tls_1_3;
  const peer_options any, only_ec{.signature_algorithms = "ECDSA+SHA256"},
    only_rsa{.signature_algorithms = "rsa_pss_rsae_sha256:RSA+SHA256"},
    old_ec{.max = TLS1_2_VERSION, .signature_algorithms = "ECDSA+SHA256"},
    old_rsa{.max = TLS1_2_VERSION, .signature_algorithms = "RSA+SHA256"},
    rsa_suites{.max = TLS1_2_VERSION, .ciphers = "ECDHE-RSA-AES128-GCM-SHA256"},
    ec_suites{.max = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"};
  const struct {
    const char* what;
    const peer_options& client;
    const char* first_rsa;
    const char* first_ec;
  } rows[] = {
    {"any", any, "rsa", "ec"},
    {"only_ec", only_ec, "ec", "ec"},
    {"only_rsa", only_rsa, "rsa", "rsa"},
    {"old_ec", old_ec, "ec", "ec"},
    {"old_rsa", old_rsa, "rsa", "rsa"},
    {"rsa_suites", rsa_suites, "rsa", "rsa"},
    {"ec_suites", ec_suites, "ec", "ec"},
  };
  for (const auto& row : rows)
    for (const char* name : {"", "unknown.example"}) {
      EXPECT_EQ(shown_for(s, name, row.client), row.first_rsa) << row.what;
      EXPECT_EQ(shown_for(reversed, name, row.client), row.first_ec) << row.what;
    }
}

TEST(FrontTls, PrefersTheNameOverWhatTheClientCanUse) {
  const auto rsa = certificate_for("rsa", {"rsa.example"}, key_kind::rsa);
  const auto ec = certificate_for("ec", {"ec.example"});
  const auto s = settings_with({&ec, &rsa});
  EXPECT_EQ(shown_for(s, "rsa.example"), "rsa"); // OpenSSL by itself would take the other kind.
  EXPECT_EQ(shown_for(s, "ec.example"), "ec");
  EXPECT_EQ(shown_for(s, "rsa.example", {.signature_algorithms = "ECDSA+SHA256"}), "none");
}

TEST(FrontTls, SendsTheChainAsConfiguredAndNothingElse) {
  const auto ca = mint_ca("root");
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &ca});
  const auto leaf = mint({.common_name = "leaf", .issuer = &middle});
  const auto other = certificate_for("other", {"other.example"});
  auto s = settings_with({&leaf, &other});
  s.client_cert_validation = client_cert_validation::request;
  s.client_ca_certs = middle.pem() + ca.pem();
  auto l = connected(s, {});
  ASSERT_TRUE(l);
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(l->client())), 1);
  s.tls_pem[0].cert_chain = leaf.pem() + middle.pem();
  l = connected(s, {});
  ASSERT_TRUE(l);
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(l->client())), 2);
  std::swap(s.tls_pem[0], s.tls_pem[1]); // Also when it is chosen by name.
  l = connected(s, {}, "leaf");
  ASSERT_TRUE(l);
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(l->client())), 2);
}

// -- Versions and suites

TEST(FrontTls, SpeaksTheConfiguredVersionsAndNoOthers) {
  const auto own = certificate_for("own", {});
  constexpr auto v10 = tls_version::tls_1_0, v11 = tls_version::tls_1_1, v12 = tls_version::tls_1_2,
                 v13 = tls_version::tls_1_3;
  const struct {
    tls_version min, max;
    bool spoken[4];
  } rows[] = {
    {v12, v12, {false, false, true, false}}, {v12, v13, {false, false, true, true}},
    {v13, v13, {false, false, false, true}}, {v11, v12, {false, true, true, false}},
    {v10, v12, {true, true, true, false}},   {v10, v13, {true, true, true, true}},
  };
  for (const auto& row : rows) {
    auto s = settings_with({&own});
    s.cipher_suites.push_back("ECDHE-ECDSA-AES128-SHA");
    s.min_tls_version = row.min;
    s.max_tls_version = row.max;
    for (int i = 0; i < 4; ++i) {
      const int version = TLS1_VERSION + i;
      EXPECT_EQ(connected(s, {.min = version, .max = version}).has_value(), row.spoken[i])
        << static_cast<int>(row.min) << static_cast<int>(row.max) << i;
    }
  }
}

TEST(FrontTls, SpeaksOnlyTls12ByDefault) {
  const auto own = certificate_for("own", {});
  const auto l = connected(settings_with({&own}), {});
  ASSERT_TRUE(l);
  EXPECT_EQ(SSL_version(l->client()), TLS1_2_VERSION);
}

std::string suite_with(std::vector<std::string> suites, const std::string& client,
                       const minted& own) {
  auto s = settings_with({&own});
  s.cipher_suites = std::move(suites);
  const auto l = connected(s, {.max = TLS1_2_VERSION, .ciphers = client});
  return l ? SSL_get_cipher_name(l->client()) : "none";
}

TEST(FrontTls, UsesTheConfiguredSuitesByEitherNameInOpenSslsOrder) {
  const auto own = certificate_for("own", {}, key_kind::rsa);
  const std::string gcm128 = "ECDHE-RSA-AES128-GCM-SHA256", gcm256 = "ECDHE-RSA-AES256-GCM-SHA384",
                    chacha = "ECDHE-RSA-CHACHA20-POLY1305",
                    iana256 = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384";
  EXPECT_EQ(suite_with({gcm128, iana256}, gcm128, own), gcm128);
  EXPECT_EQ(suite_with({gcm128, iana256}, "ALL", own), gcm256);
  EXPECT_EQ(suite_with({iana256, gcm128}, "ALL", own), gcm256);
  EXPECT_EQ(suite_with({iana256, gcm128}, gcm128 + ":" + gcm256, own), gcm256);
  EXPECT_EQ(suite_with({gcm128, iana256}, chacha, own), "none");
  // A client that puts ChaCha first has no AES in hardware.
  EXPECT_EQ(suite_with({gcm256, chacha}, chacha + ":" + gcm256, own), chacha);
  EXPECT_EQ(suite_with({gcm256, chacha}, gcm256 + ":" + chacha, own), gcm256);
  EXPECT_EQ(suite_with({"TLS_RSA_WITH_AES_128_CBC_SHA"}, "ALL", own), "AES128-SHA");
  EXPECT_EQ(suite_with({"RC4-SHA", gcm128}, "ALL", own), gcm128);
}

TEST(FrontTls, SpeaksOnlyTls13WhenNoSuiteOfOlderVersionsIsListed) {
  const auto own = certificate_for("own", {});
  auto s = settings_with({&own});
  s.cipher_suites = {"TLS_AES_128_GCM_SHA256"};
  s.max_tls_version = tls_version::tls_1_3;
  EXPECT_TRUE(connected(s, {}));
  EXPECT_FALSE(connected(s, {.max = TLS1_2_VERSION}));
}

// -- ALPN

std::string protocol_of(const config::settings& s, const peer_options& client) {
  const auto l = connected(s, client);
  if (!l)
    return "refused";
  const unsigned char* protocol = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(l->client(), &protocol, &bytes);
  const std::string name{reinterpret_cast<const char*>(protocol), bytes};
  EXPECT_EQ(speaks_http2(l->server()), name == "h2");
  return name;
}

TEST(FrontTls, AgreesOnAProtocolOnlyIfHttp2IsEnabled) {
  const auto own = certificate_for("own", {});
  auto s = settings_with({&own});
  const struct {
    std::string offered;
    const char* enabled;
    const char* disabled;
  } rows[] = {
    {"\x02h2\x08http/1.1", "h2", ""},
    {"\x08http/1.1\x02h2", "h2", ""},
    {"\x08http/1.1", "http/1.1", ""},
    {"\x06spdy/3", "refused", ""},
    {"\x03h2c\x02h2", "h2", ""},
    {"\x01h", "refused", ""},
    {"", "", ""},
  };
  for (const auto max : {tls_version::tls_1_2, tls_version::tls_1_3})
    for (const auto& row : rows) {
      s.max_tls_version = max;
      s.enable_http2 = true;
      EXPECT_EQ(protocol_of(s, {.alpn = row.offered}), row.enabled) << row.offered;
      s.enable_http2 = false;
      EXPECT_EQ(protocol_of(s, {.alpn = row.offered}), row.disabled) << row.offered;
    }
}

TEST(FrontTls, ChoosesHttp1OverASuiteThatHttp2Forbids) {
  const auto own = certificate_for("own", {}, key_kind::rsa);
  auto s = settings_with({&own});
  s.cipher_suites = {"ECDHE-RSA-AES128-SHA", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"};
  const std::string two_protocols = "\x02h2\x08http/1.1";
  EXPECT_EQ(protocol_of(s, {.ciphers = "ECDHE-RSA-AES128-SHA", .alpn = two_protocols}), "http/1.1");
  EXPECT_EQ(protocol_of(s, {.ciphers = "AES128-GCM-SHA256", .alpn = two_protocols}), "http/1.1");
  EXPECT_EQ(protocol_of(s, {.ciphers = "ECDHE-RSA-AES128-GCM-SHA256", .alpn = two_protocols}), "h2");
}

// -- Sessions

/// Whether a second connection to `second` resumes what a first one to `first` left.
bool resumes(const front_tls& first, const front_tls& second, const peer_options& client,
             std::string* certificate = nullptr, std::size_t on_loop = 0) {
  const auto context = client_context(client);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
  link one{ask_for(context.get(), "a.example"), first.new_session()};
  EXPECT_TRUE(one.connect());
  const ssl_session_ptr session{SSL_get1_session(one.client())};
  auto again = ask_for(context.get(), "a.example");
  SSL_set_session(again.get(), session.get());
  link two{std::move(again), second.new_session(on_loop)};
  EXPECT_TRUE(two.connect());
  if (certificate != nullptr)
    *certificate = is_mutual_tls(two.server()) ? peer_certificate_der(two.server()) : "none";
  return SSL_session_reused(two.client()) == 1;
}

TEST(FrontTls, ResumesItsSessionsAndNoOthers) {
  const auto own = certificate_for("own", {"a.example"});
  const auto other = certificate_for("other", {"b.example"}, key_kind::rsa);
  auto s = settings_with({&other, &own});
  s.max_tls_version = tls_version::tls_1_3;
  const auto front = front_tls::for_clients(s, no_cas);
  const auto replaced = front_tls::for_clients(s, no_cas);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const peer_options client{.min = version, .max = version};
    EXPECT_TRUE(resumes(*front, *front, client)) << version;
    EXPECT_FALSE(resumes(*front, *replaced, client)) << version;
  }
}

TEST(FrontTls, ResumesItsSessionsOnWhateverLoopTheyBegan) {
  const auto own = certificate_for("own", {"a.example"});
  const auto ca = mint_ca("ca");
  const auto client = mint({.common_name = "client", .issuer = &ca});
  auto s = settings_with({&own});
  s.max_tls_version = tls_version::tls_1_3;
  s.client_cert_validation = client_cert_validation::require;
  s.client_ca_certs = ca.pem();
  const auto front = front_tls::for_clients(s, no_cas, 2);
  EXPECT_NE(SSL_get_SSL_CTX(front->new_session(0).get()), SSL_get_SSL_CTX(front->new_session(1).get()));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::string seen;
    const peer_options options{.min = version, .max = version, .own = &client};
    EXPECT_TRUE(resumes(*front, *front, options, &seen, 1)) << version;
    EXPECT_EQ(seen, client.der()) << version;
  }
}

TEST(FrontTls, RemembersTheClientsCertificateInASession) {
  const auto own = certificate_for("own", {"a.example"});
  const auto ca = mint_ca("ca");
  const auto client = mint({.common_name = "client", .issuer = &ca});
  auto s = settings_with({&own});
  s.max_tls_version = tls_version::tls_1_3;
  s.client_cert_validation = client_cert_validation::require;
  s.client_ca_certs = ca.pem();
  const auto front = front_tls::for_clients(s, no_cas);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    std::string seen;
    EXPECT_TRUE(resumes(*front, *front, {.min = version, .max = version, .own = &client}, &seen));
    EXPECT_EQ(seen, client.der()) << version;
  }
}

TEST(FrontTls, KeepsNoSessionsInMemory) {
  const auto own = certificate_for("own", {});
  const auto front = front_tls::for_clients(settings_with({&own}), no_cas);
  const auto context = client_context();
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  link l{ask_for(context.get()), front->new_session()};
  ASSERT_TRUE(l.connect());
  EXPECT_EQ(SSL_CTX_sess_number(SSL_get_SSL_CTX(l.server())), 0);
  EXPECT_NE(SSL_get_mode(l.server()) & SSL_MODE_RELEASE_BUFFERS, 0);
}

TEST(FrontTls, DoesNotRenegotiate) {
  const auto own = certificate_for("own", {});
  auto l = connected(settings_with({&own}), {.max = TLS1_2_VERSION});
  ASSERT_TRUE(l);
  SSL_renegotiate(l->client());
  l->client_steps();
  char in = 0;
  EXPECT_LE(SSL_read(l->server(), &in, 1), 0);
  l->client_steps();
  ASSERT_TRUE(l->client_failure());
  EXPECT_EQ(l->client_failure()->text.find("tls: "), 0u);
  EXPECT_EQ(SSL_total_renegotiations(l->server()), 0);
}

TEST(FrontTls, OutlivesItselfInItsSessions) {
  const auto one = certificate_for("one", {"one.example"});
  const auto two = certificate_for("two", {"two.example"});
  auto front = front_tls::for_clients(settings_with({&one, &two}), no_cas);
  auto session = front->new_session();
  front.reset();
  const auto context = client_context();
  link l{ask_for(context.get(), "two.example"), std::move(session)};
  ASSERT_TRUE(l.connect());
  EXPECT_EQ(shown_name(l), "two");
  EXPECT_EQ(requested_name(l.server()), "two.example");
}

// -- Status and errors

TEST(FrontTls, ServesStatusWithItsOwnCertificateAndNeverAsksForOne) {
  const auto own = certificate_for("own", {});
  const auto status = certificate_for("status", {});
  auto s = settings_with({&own});
  s.client_cert_validation = client_cert_validation::require;
  s.status.tls.certificate = status.pem();
  s.status.tls.key = status.key_pem();
  const auto front = front_tls::for_status(s);
  const auto context = client_context({.alpn = "\x02h2"});
  link l{ask_for(context.get()), front->new_session()};
  ASSERT_TRUE(l.connect());
  EXPECT_EQ(shown_name(l), "status");
  EXPECT_FALSE(speaks_http2(l.server())) << "the status ports do not, whatever the front end may";
  EXPECT_EQ(SSL_version(l.client()), TLS1_2_VERSION);
}

TEST(FrontTls, OffersTheStatusPortsNothingOldWhereNoSuitesAreNamed) {
  const auto status = certificate_for("status", {});
  config::settings s;
  s.status.tls.certificate = status.pem();
  s.status.tls.key = status.key_pem();
  const auto front = front_tls::for_status(s);
  const auto session = front->new_session();
  const auto* offered = SSL_get_ciphers(session.get());
  ASSERT_GT(sk_SSL_CIPHER_num(offered), 0);
  for (int i = 0; i < sk_SSL_CIPHER_num(offered); ++i) {
    const auto* suite = sk_SSL_CIPHER_value(offered, i);
    EXPECT_TRUE(SSL_CIPHER_is_aead(suite)) << SSL_CIPHER_get_name(suite);
    EXPECT_NE(SSL_CIPHER_get_kx_nid(suite), NID_kx_rsa) << SSL_CIPHER_get_name(suite);
  }
}

std::string problem_of(const config::settings& s) {
  try {
    front_tls::for_clients(s, no_cas);
    return "none";
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

TEST(FrontTls, NamesTheKeyAtFault) {
  using testing::StartsWith;
  const auto own = certificate_for("own", {});
  const auto other = certificate_for("other", {});
  const auto good = settings_with({&own, &other});
  EXPECT_EQ(problem_of(good), "none");
  auto s = good;
  s.tls_pem[1].cert_chain = "nothing";
  EXPECT_THAT(problem_of(s), StartsWith("tls_pem[1].cert_chain: "));
  s.tls_pem[1].cert_chain =
    other.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  EXPECT_THAT(problem_of(s), StartsWith("tls_pem[1].cert_chain: "));
  s = good;
  s.tls_pem[0].private_key = "nothing";
  EXPECT_THAT(problem_of(s), StartsWith("tls_pem[0].private_key: "));
  s.tls_pem[0].private_key = other.key_pem();
  EXPECT_THAT(problem_of(s), StartsWith("tls_pem[0].private_key: "));
  s = good;
  s.cipher_suites = {"RC4-SHA"};
  EXPECT_THAT(problem_of(s), StartsWith("cipher_suites: "));
  s = good;
  s.tls_pem.clear();
  EXPECT_THAT(problem_of(s), StartsWith("tls_pem: "));
}

TEST(FrontTls, ReadsKeysBehindOtherPemBlocks) {
  const auto own = certificate_for("own", {});
  auto s = settings_with({&own});
  s.tls_pem[0].private_key = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                             "-----END EC PARAMETERS-----\n"
                             + own.key_pem();
  s.tls_pem[0].cert_chain = "# comment\n" + own.key_pem() + own.pem();
  EXPECT_EQ(problem_of(s), "none");
}

} // namespace
} // namespace shunt::net
