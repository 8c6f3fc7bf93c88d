// TLS towards backends, by real handshakes in memory: whose certificates are believed for which
// names, what is offered, and what is resumed.
#include "net/backend_tls.hpp"

#include "net/tls_peer.hpp"

#include "tls_test_kit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace tls_kit;

class BackendTls : public testing::Test {
protected:
  config::settings settings() const {
    config::settings s;
    s.ca_certs = {ca.pem()};
    return s;
  }
  std::shared_ptr<const backend_tls> make(const config::settings& s) const {
    return backend_tls::make(s, list_of({&system_ca}));
  }

  minted ca = mint_ca("backend-ca");
  minted system_ca = mint_ca("system-ca");
  minted backend = mint({.common_name = "app", .dns = {"ins-1"}, .issuer = &ca});
};

bool accepted(const backend_tls& tls, const std::string& name, const minted& shown) {
  const auto context = server_context({.own = &shown});
  auto session = tls.new_session(name, false);
  if (!session)
    return false;
  link l{std::move(session), serve_with(context.get())};
  return l.connect();
}

// -- Names

TEST_F(BackendTls, AcceptsACertificateForTheExpectedNameAndNoOther) {
  const auto tls = make(settings());
  const auto certificate = [this](std::vector<std::string> dns, std::vector<std::string> ips) {
    return mint({.common_name = "common.example",
                 .dns = std::move(dns),
                 .ips = std::move(ips),
                 .issuer = &ca});
  };
  const auto names = certificate({"ins-1", "*.wild.example", "fo*.part.example"}, {});
  const auto addresses = certificate({"10.0.0.9"}, {"10.0.0.1", "fd00::1"});
  const auto cn_only = certificate({}, {});
  const struct {
    const char* name;
    const minted& shown;
    bool accepted;
  } rows[] = {
    {"ins-1", names, true},
    {"INS-1", names, true},
    {"ins-1.", names, true},
    {"ins-2", names, false},
    {"a.wild.example", names, true},
    {"a.b.wild.example", names, false},
    {"wild.example", names, false},
    {"foo.part.example", names, false}, // A star stands for a whole label.
    {".wild.example", names, false},
    {"common.example", names, false},
    {"common.example", cn_only, false},
    {"10.0.0.1", addresses, true},
    {"10.0.0.2", addresses, false},
    {"10.0.0.9", addresses, false}, // A DNS name that looks like an address.
    {"fd00::1", addresses, true},
    {"[fd00::1]", addresses, true},
    {"fd00:0:0::1", addresses, true},
    {"fd00::2", addresses, false},
    {"10.0.0.1", names, false},
  };
  for (const auto& row : rows)
    EXPECT_EQ(accepted(*tls, row.name, row.shown), row.accepted) << row.name;
}

TEST_F(BackendTls, MakesNoSessionForAnImpossibleName) {
  const auto tls = make(settings());
  using namespace std::string_view_literals;
  for (const auto name : {""sv, "."sv, ".example"sv, "a\0b"sv})
    EXPECT_FALSE(tls->new_session(name, false)) << name;
  EXPECT_FALSE(tls->new_session(std::string(300, 'a'), false));
  EXPECT_TRUE(tls->new_session("a", false));
}

TEST_F(BackendTls, AsksForTheNameUnlessItIsAnAddress) {
  const auto tls = make(settings());
  const auto shown = mint({.dns = {"ins-1"}, .ips = {"10.0.0.1", "fd00::1"}, .issuer = &ca});
  const auto context = server_context({.own = &shown});
  const struct {
    const char* name;
    const char* asked;
  } rows[] = {{"ins-1", "ins-1"}, {"ins-1.", "ins-1"}, {"10.0.0.1", ""}, {"[fd00::1]", ""}};
  for (const auto& row : rows) {
    link l{tls->new_session(row.name, false), serve_with(context.get())};
    EXPECT_TRUE(l.connect());
    EXPECT_EQ(requested_name(l.server()), row.asked);
  }
}

// -- Trust

TEST_F(BackendTls, TrustsTheSystemAndTheConfiguredCasWhateverIsToBeSkipped) {
  auto s = settings();
  s.skip_ssl_validation = true;
  const auto second_ca = mint_ca("second"), other_ca = mint_ca("other");
  s.ca_certs.push_back("text\n" + second_ca.pem());
  s.client_ca_certs = other_ca.pem();
  const auto tls = make(s);
  const struct {
    const minted* issuer;
    bool trusted;
  } rows[] = {
    {&ca, true}, {&second_ca, true}, {&system_ca, true}, {&other_ca, false}, {nullptr, false}};
  for (const auto& row : rows)
    EXPECT_EQ(accepted(*tls, "ins-1", mint({.dns = {"ins-1"}, .issuer = row.issuer})), row.trusted);
}

TEST_F(BackendTls, TrustsEachOfTwoCasOfTheSameName) {
  for (const bool key_ids : {true, false}) {
    const auto one = mint({.common_name = "ca", .ca = true, .key_ids = key_ids});
    const auto two = mint({.common_name = "ca", .ca = true, .key_ids = key_ids});
    const auto none = mint({.common_name = "ca", .ca = true, .key_ids = key_ids});
    auto s = settings();
    s.ca_certs = {one.pem(), two.pem()};
    const auto tls = make(s);
    const auto trusted = [&](const minted& issuer) {
      return accepted(*tls, "ins-1",
                      mint({.dns = {"ins-1"}, .issuer = &issuer, .key_ids = key_ids}));
    };
    EXPECT_TRUE(trusted(one)) << key_ids;
    EXPECT_TRUE(trusted(two)) << key_ids;
    EXPECT_FALSE(trusted(none)) << key_ids;
  }
}

TEST_F(BackendTls, RefusesACertificateMadeForClients) {
  const auto tls = make(settings());
  const auto shown = mint({.dns = {"ins-1"}, .issuer = &ca, .usage = "clientAuth"});
  EXPECT_FALSE(accepted(*tls, "ins-1", shown));
}

// -- Versions, suites, protocols

TEST_F(BackendTls, SpeaksTls12And13WhateverClientsMay) {
  auto s = settings();
  s.enable_ssl = true;
  s.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
  for (const auto min : {config::tls_version::tls_1_0, config::tls_version::tls_1_2}) {
    s.min_tls_version = min;
    s.max_tls_version = config::tls_version::tls_1_2;
    const auto tls = make(s);
    for (int version = TLS1_VERSION; version <= TLS1_3_VERSION; ++version) {
      const auto context = server_context({.min = version, .max = version, .own = &backend});
      link l{tls->new_session("ins-1", false), serve_with(context.get())};
      EXPECT_EQ(l.connect(), version >= TLS1_2_VERSION) << version;
    }
  }
}

TEST_F(BackendTls, OffersTheConfiguredSuitesOnlyWhileSslIsEnabled) {
  auto s = settings();
  s.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
  const auto works_with = [&](const std::string& suite) {
    const auto context = server_context({.max = TLS1_2_VERSION, .ciphers = suite, .own = &backend});
    link l{make(s)->new_session("ins-1", false), serve_with(context.get())};
    return l.connect();
  };
  EXPECT_TRUE(works_with("ECDHE-ECDSA-AES256-GCM-SHA384"));
  s.enable_ssl = true;
  EXPECT_FALSE(works_with("ECDHE-ECDSA-AES256-GCM-SHA384"));
  EXPECT_TRUE(works_with("ECDHE-ECDSA-AES128-GCM-SHA256"));
  s.cipher_suites = {"TLS_AES_128_GCM_SHA256"};
  EXPECT_FALSE(works_with("ECDHE-ECDSA-AES128-GCM-SHA256"));
}

TEST_F(BackendTls, OffersHttp2OnlyWhenTold) {
  const auto tls = make(settings());
  const std::string http2 = "h2", http1 = "http/1.1";
  const struct {
    bool offer;
    const std::string& chosen;
    const char* agreed;
  } rows[] = {{true, http2, "h2"}, {true, http1, "http/1.1"}, {false, http2, ""}};
  for (const auto& row : rows) {
    const peer_options o{.own = &backend, .alpn = row.chosen};
    const auto context = server_context(o);
    link l{tls->new_session("ins-1", row.offer), serve_with(context.get())};
    EXPECT_TRUE(l.connect());
    const unsigned char* protocol = nullptr;
    unsigned bytes = 0;
    SSL_get0_alpn_selected(l.client(), &protocol, &bytes);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(protocol), bytes), row.agreed);
    EXPECT_EQ(speaks_http2(l.client()), std::string_view{row.agreed} == "h2");
  }
}

// -- Our certificate

TEST_F(BackendTls, PresentsItsCertificateToWhomeverWouldTakeIt) {
  const auto own_ca = mint_ca("own-ca"), other_ca = mint_ca("other-ca");
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &own_ca});
  const auto own = mint({.common_name = "router", .issuer = &middle});
  auto s = settings();
  s.backends.cert_chain = own.pem() + middle.pem();
  s.backends.private_key = own.key_pem();
  const auto tls = make(s);
  const struct {
    const char* what;
    const minted* asks_for;
    bool any;
    bool shown;
  } rows[] = {
    {"not asked", nullptr, false, false},    {"any CA", nullptr, true, true},
    {"its CA", &middle, false, true},        {"the CA above", &own_ca, false, true},
    {"another CA", &other_ca, false, false},
  };
  for (const auto& row : rows)
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      const auto context = server_context({.max = version,
                                           .own = &backend,
                                           .asks_for = row.asks_for,
                                           .requires_certificate = row.any});
      link l{tls->new_session("ins-1", false), serve_with(context.get())};
      EXPECT_TRUE(l.connect()) << row.what;
      EXPECT_EQ(peer_certificate_der(l.server()), row.shown ? own.der() : "") << row.what;
    }
}

TEST_F(BackendTls, HasNoCertificateUnlessBothPartsAreConfigured) {
  const auto own = mint({.common_name = "router"});
  for (const bool with_chain : {true, false}) {
    auto s = settings();
    (with_chain ? s.backends.cert_chain : s.backends.private_key) =
      with_chain ? own.pem() : own.key_pem();
    const auto context = server_context({.own = &backend, .asks_for = &ca});
    link l{make(s)->new_session("ins-1", false), serve_with(context.get())};
    EXPECT_TRUE(l.connect());
    EXPECT_EQ(peer_certificate_der(l.server()), "");
  }
}

TEST_F(BackendTls, NamesTheKeyAtFault) {
  auto s = settings();
  s.backends.cert_chain = "nothing";
  s.backends.private_key = "nothing";
  try {
    make(s);
    FAIL() << "accepted";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), testing::StartsWith("backends.cert_chain: "));
  }
}

// -- Resumption

/// A session that a connection to `name` has left.
ssl_session_ptr left_by(const backend_tls& tls, SSL_CTX* backend, const char* name) {
  link l{tls.new_session(name, false), serve_with(backend)};
  EXPECT_TRUE(l.connect());
  return resumable_session(l.client());
}

bool resumed(const backend_tls& tls, SSL_CTX* backend, const char* name,
             const SSL_SESSION* previous) {
  link l{tls.new_session(name, false, previous), serve_with(backend)};
  EXPECT_TRUE(l.connect()) << name;
  EXPECT_NE(peer_certificate_der(l.client()), "");
  return SSL_session_reused(l.client()) == 1;
}

TEST_F(BackendTls, ResumesASessionOfTheSameNameAndConfigurationOnly) {
  const auto tls = make(settings());
  const auto reloaded = make(settings());
  const auto shown = mint({.dns = {"ins-1", "ins-2"}, .issuer = &ca});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = server_context({.max = version, .own = &shown});
    const auto session = left_by(*tls, context.get(), "ins-1");
    ASSERT_TRUE(session) << version;
    EXPECT_FALSE(resumed(*tls, context.get(), "ins-2", session.get())) << version;
    EXPECT_FALSE(resumed(*reloaded, context.get(), "ins-1", session.get())) << version;
    for (int i = 0; i < 3; ++i) // Though the connections before ended without a goodbye.
      EXPECT_TRUE(resumed(*tls, context.get(), "ins-1", session.get())) << version;
  }
}

TEST_F(BackendTls, BelievesNoOtherNameBecauseOfAResumedSession) {
  const auto tls = make(settings());
  const auto context = server_context({.own = &backend});
  const auto session = left_by(*tls, context.get(), "ins-1");
  ASSERT_TRUE(session);
  link l{tls->new_session("ins-2", false, session.get()), serve_with(context.get())};
  EXPECT_FALSE(l.connect());
}

TEST_F(BackendTls, HasNothingToResumeAfterAFailure) {
  const auto tls = make(settings());
  const auto context = server_context({.own = &backend});
  link l{tls->new_session("ins-2", false), serve_with(context.get())};
  EXPECT_FALSE(l.connect());
  EXPECT_FALSE(resumable_session(l.client()));
}

TEST_F(BackendTls, OutlivesItselfInItsSessions) {
  auto tls = make(settings());
  auto session = tls->new_session("ins-1", false);
  tls.reset();
  const auto context = server_context({.own = &backend});
  link l{std::move(session), serve_with(context.get())};
  EXPECT_TRUE(l.connect());
}

} // namespace
} // namespace shunt::net
