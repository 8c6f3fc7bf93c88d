// Certificates of clients: who is asked for one, whose are trusted, and which rules their subjects
// must keep.
#include "net/front_tls.hpp"

#include "net/tls_peer.hpp"
#include "net/tls_subject.hpp"

#include "tls_test_kit.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace tls_kit;
using config::client_cert_validation;

class FrontTlsClients : public testing::Test {
protected:
  config::settings settings(client_cert_validation mode) const {
    config::settings s;
    s.enable_ssl = true;
    s.tls_pem.push_back(own.pair());
    s.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256"};
    s.max_tls_version = config::tls_version::tls_1_3;
    s.client_cert_validation = mode;
    s.client_ca_certs = ca.pem();
    return s;
  }

  /// "mtls", "plain" (served without being known) or "refused". The client sends `above`, too.
  std::string outcome(const config::settings& s, const minted* client, int version = TLS1_2_VERSION,
                      std::initializer_list<const minted*> above = {}, const std::string& name = {}) const {
    const auto front = front_tls::for_clients(s, list_of({&system_ca}));
    const auto context = client_context({.min = version, .max = version, .own = client});
    for (const auto* each : above)
      SSL_CTX_add1_chain_cert(context.get(), each->certificate.get());
    link l{ask_for(context.get(), name), front->new_session()};
    if (!l.connect())
      return refused_by_subject_rule(l.server()) ? "invalid-subject" : "refused";
    EXPECT_EQ(peer_certificate_der(l.server()),
              is_mutual_tls(l.server()) ? client->der() : std::string{});
    return is_mutual_tls(l.server()) ? "mtls" : "plain";
  }

  minted own = mint({.common_name = "own"});
  minted ca = mint_ca("client-ca");
  minted system_ca = mint_ca("system-ca");
  minted other_ca = mint_ca("other-ca");
  minted known = mint({.common_name = "known", .issuer = &ca});
  minted known_to_system = mint({.common_name = "system", .issuer = &system_ca});
  minted stranger = mint({.common_name = "stranger", .issuer = &other_ca});
  minted expired =
    mint({.common_name = "expired", .issuer = &ca, .from_s = -7200, .until_s = -3600});
  minted server_only = mint({.common_name = "server", .issuer = &ca, .usage = "serverAuth"});
};

TEST_F(FrontTlsClients, AreAskedForACertificateAsTheModeSays) {
  using enum client_cert_validation;
  const struct {
    client_cert_validation mode;
    const minted* client;
    const char* outcome;
  } rows[] = {
    {none, nullptr, "plain"},        {none, &known, "plain"},
    {none, &stranger, "plain"},      {request, nullptr, "plain"},
    {request, &known, "mtls"},       {request, &stranger, "refused"},
    {request, &expired, "refused"},  {request, &server_only, "refused"},
    {require, nullptr, "refused"},   {require, &known, "mtls"},
    {require, &stranger, "refused"}, {require, &expired, "refused"},
    {unset, &known, "plain"},
  };
  for (const auto& row : rows)
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
      EXPECT_EQ(outcome(settings(row.mode), row.client, version), row.outcome)
        << static_cast<int>(row.mode) << " " << version;
}

TEST_F(FrontTlsClients, AreTrustedThroughTheSystemUnlessOnlyTheirOwnCasAre) {
  auto s = settings(client_cert_validation::request);
  EXPECT_EQ(outcome(s, &known_to_system), "mtls");
  EXPECT_EQ(outcome(s, &known), "mtls");
  s.only_trust_client_ca_certs = true;
  EXPECT_EQ(outcome(s, &known_to_system), "refused");
  EXPECT_EQ(outcome(s, &known), "mtls");
}

TEST_F(FrontTlsClients, AreNotTrustedThroughTheCasOfBackends) {
  auto s = settings(client_cert_validation::request);
  s.ca_certs = {other_ca.pem()};
  EXPECT_EQ(outcome(s, &stranger), "refused");
}

/// Names of CAs the client is told, if it asks for the name of `domain`.
int announced(const config::settings& s, const certificate_list& system_cas, const char* domain = nullptr) {
  const auto front = front_tls::for_clients(s, system_cas);
  const auto context = client_context();
  auto client = ask_for(context.get());
  if (domain != nullptr)
    SSL_set_tlsext_host_name(client.get(), domain);
  link l{std::move(client), front->new_session()};
  l.connect();
  const auto* names = SSL_get0_peer_CA_list(l.client());
  return names != nullptr ? sk_X509_NAME_num(names) : 0;
}

TEST_F(FrontTlsClients, LearnWhichCasAreTrusted) {
  auto s = settings(client_cert_validation::request);
  s.client_ca_certs += "broken\n" + ca.pem();
  EXPECT_EQ(announced(s, list_of({&system_ca, &ca, &other_ca})), 3);
  s.only_trust_client_ca_certs = true;
  EXPECT_EQ(announced(s, list_of({&system_ca, &ca, &other_ca})), 1);
}

TEST_F(FrontTlsClients, LearnNoCasWhereThereAreTooMany) {
  certificate_list many;
  for (int i = 0; i < 600; ++i)
    many.push_back(copy_of(mint_ca(std::string(50, 'x') + std::to_string(i))));
  EXPECT_EQ(announced(settings(client_cert_validation::request), many), 0);
  many.resize(100);
  EXPECT_EQ(announced(settings(client_cert_validation::request), many), 101);
}

TEST_F(FrontTlsClients, LearnEachCaOfADomainOnceAndNoneWhereThereAreTooMany) {
  auto s = settings(client_cert_validation::none);
  s.domains = {{.name = "few.test", .ca_certs = ca.pem() + other_ca.pem() + ca.pem()}, {.name = "many.test", .ca_certs = {}}};
  for (int i = 0; i < 1000; ++i) // Longer than any message of the handshake may be.
    s.domains[1].ca_certs += mint_ca(std::string(60, 'x') + std::to_string(i)).pem();
  EXPECT_EQ(announced(s, {}, "few.test"), 2);
  EXPECT_EQ(announced(s, {}, "many.test"), 0);
  minted allowed = mint({.common_name = "allowed", .issuer = &ca});
  s.domains[1].ca_certs += ca.pem();
  const auto front = front_tls::for_clients(s, {});
  const auto context = client_context({.own = &allowed});
  auto client = ask_for(context.get());
  SSL_set_tlsext_host_name(client.get(), "many.test");
  link l{std::move(client), front->new_session()};
  EXPECT_TRUE(l.connect());
}

// -- Rules about subjects

config::certificate_subject named(std::string common_name,
                                  std::vector<std::string> organization = {},
                                  std::vector<std::string> organizational_unit = {}) {
  config::certificate_subject subject;
  subject.common_name = std::move(common_name);
  subject.organization = std::move(organization);
  subject.organizational_unit = std::move(organizational_unit);
  return subject;
}

config::certificate_rule rule(config::certificate_subject issuer,
                              std::vector<config::certificate_subject> valid) {
  return {std::move(issuer), std::move(valid)};
}

TEST_F(FrontTlsClients, MustHaveASubjectThatTheRuleOfTheirCaAllows) {
  const auto allowed =
    mint({.common_name = "good", .issuer = &ca, .attributes = {{"O", "org"}, {"OU", "a"}}});
  const auto more = mint(
    {.common_name = "good", .issuer = &ca, .attributes = {{"O", "org"}, {"OU", "a"}, {"L", "x"}}});
  const auto less = mint({.common_name = "good", .issuer = &ca, .attributes = {{"O", "org"}}});
  auto s = settings(client_cert_validation::request);
  s.verify_client_certificate_metadata = {
    rule(named("client-ca"), {named("else"), named("good", {"org"}, {"a"})})};
  const struct {
    const minted* client;
    const char* outcome;
  } rows[] = {
    {&allowed, "mtls"},          {&more, "invalid-subject"}, {&less, "invalid-subject"},
    {&known, "invalid-subject"}, {&known_to_system, "mtls"}, // Its CA has no rule.
    {nullptr, "plain"},          {&stranger, "refused"},
  };
  for (const auto& row : rows)
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      s.enable_verify_client_certificate_metadata = true;
      EXPECT_EQ(outcome(s, row.client, version), row.outcome);
    }
  s.enable_verify_client_certificate_metadata = false;
  EXPECT_EQ(outcome(s, &known), "mtls");
}

TEST_F(FrontTlsClients, KeepTheRulesOfEveryCaAboveThemInWhateverChain) {
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &ca});
  const auto leaf = mint({.common_name = "leaf", .issuer = &middle});
  const auto allowed = mint({.common_name = "allowed-only", .issuer = &middle});
  auto s = settings(client_cert_validation::require);
  s.only_trust_client_ca_certs = true;
  s.client_ca_certs = ca.pem() + middle.pem();
  s.enable_verify_client_certificate_metadata = true;
  s.verify_client_certificate_metadata = {rule(named("client-ca"), {named("allowed-only")})};
  for (const bool in_domain : {false, true}) {
    s.domains.clear();
    if (in_domain)
      s.domains = {{.name = "app.test", .ca_certs = ca.pem() + middle.pem()}};
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      EXPECT_EQ(outcome(s, &leaf, version, {&middle}, "app.test"), "invalid-subject");
      EXPECT_EQ(outcome(s, &leaf, version, {}, "app.test"), "invalid-subject") << "whatever it sends";
      EXPECT_EQ(outcome(s, &leaf, version, {&middle, &ca}, "app.test"), "invalid-subject");
      EXPECT_EQ(outcome(s, &allowed, version, {&middle}, "app.test"), "mtls");
    }
  }
}

TEST_F(FrontTlsClients, NeedNotKeepTheRuleOfACaWhoseNamesakeIsAboveThem) {
  const auto namesake = mint_ca("client-ca");
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &namesake, .key_ids = false});
  const auto leaf = mint({.common_name = "leaf", .issuer = &middle, .key_ids = false});
  auto s = settings(client_cert_validation::require);
  s.client_ca_certs = ca.pem() + middle.pem();
  s.enable_verify_client_certificate_metadata = true;
  s.verify_client_certificate_metadata = {rule(named("client-ca"), {})};
  EXPECT_EQ(outcome(s, &leaf, TLS1_3_VERSION, {&middle, &namesake}), "mtls") << "nobody trusts that one";
  s.client_ca_certs += namesake.pem();
  EXPECT_EQ(outcome(s, &leaf, TLS1_3_VERSION, {&middle}), "invalid-subject");
}

TEST_F(FrontTlsClients, CannotHaveRulesForACaThatIsNotTheirs) {
  auto s = settings(client_cert_validation::request);
  s.enable_verify_client_certificate_metadata = true;
  s.verify_client_certificate_metadata = {rule(named("client-ca"), {}),
                                          rule(named("system-ca"), {})};
  try {
    front_tls::for_clients(s, list_of({&system_ca}));
    FAIL() << "accepted";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), testing::StartsWith("verify_client_certificate_metadata[1]."));
    EXPECT_THAT(e.what(), testing::HasSubstr("system-ca"));
  }
}

// -- Rules alone

using chain_ptr = certificate_stack_ptr;

chain_ptr chain_of(std::initializer_list<const minted*> certificates) {
  chain_ptr chain{sk_X509_new_null()};
  for (const auto* certificate : certificates)
    sk_X509_push(chain.get(), copy_of(*certificate).release());
  return chain;
}

TEST(SubjectRules, ReadAllFieldsOfASubject) {
  const auto certificate = mint({.attributes = {{"CN", "first"},
                                                {"C", "DE"},
                                                {"O", "org"},
                                                {"OU", "u2"},
                                                {"OU", "u1"},
                                                {"serialNumber", "7"},
                                                {"L", "town"},
                                                {"ST", "state"},
                                                {"street", "road 1"},
                                                {"postalCode", "12345"},
                                                {"emailAddress", "a@b.c"},
                                                {"CN", "n\xc3\xa4me"}}});
  const auto subject = subject_of(certificate.certificate.get());
  EXPECT_EQ(subject, (config::certificate_subject{.country = {"DE"},
                                                  .organization = {"org"},
                                                  .organizational_unit = {"u2", "u1"},
                                                  .common_name = "n\xc3\xa4me",
                                                  .serial_number = "7",
                                                  .locality = {"town"},
                                                  .province = {"state"},
                                                  .street_address = {"road 1"},
                                                  .postal_code = {"12345"}}));
}

TEST(SubjectRules, AreAllToBeKeptAndIgnoreTheOrderOfAttributes) {
  const auto root =
    mint({.common_name = "root", .ca = true, .attributes = {{"O", "o"}, {"C", "DE"}}});
  const auto middle = mint({.common_name = "middle", .ca = true, .issuer = &root});
  const auto client = mint(
    {.issuer = &middle, .attributes = {{"OU", "b"}, {"CN", "client"}, {"OU", "a"}, {"O", "o"}}});
  const auto elsewhere = mint_ca("elsewhere");
  auto root_subject = named("root", {"o"});
  root_subject.country = {"DE"};
  const auto client_subject = named("client", {"o"}, {"a", "b"}), other_subject = named("other");
  const auto cas = list_of({&root, &middle, &elsewhere});
  const auto chain = chain_of({&client, &middle, &root});
  const auto allowed = [&](std::vector<config::certificate_rule> rules) {
    return subject_rules{std::move(rules), cas}.allow(chain.get());
  };
  const auto keeps_root = rule(root_subject, {other_subject, client_subject});
  EXPECT_TRUE(allowed({}));
  EXPECT_TRUE(allowed({keeps_root}));
  EXPECT_FALSE(allowed({rule(root_subject, {other_subject})}));
  EXPECT_FALSE(allowed({rule(root_subject, {})}));
  EXPECT_FALSE(allowed({keeps_root, rule(named("middle"), {other_subject})}));
  EXPECT_TRUE(allowed({rule(named("elsewhere"), {other_subject})}));
  EXPECT_TRUE(allowed({keeps_root, rule(named("elsewhere"), {other_subject})}));
}

TEST(SubjectRules, AreNotKeptByAChainOfCasAlone) {
  const auto root = mint_ca("root");
  const subject_rules rules{{rule(named("root"), {named("root")})}, list_of({&root})};
  EXPECT_FALSE(rules.allow(chain_of({&root}).get()));
}

TEST(SubjectRules, AreNotKeptForACaByACertificateAboveIt) {
  const auto root = mint_ca("root");
  const auto client = mint({.common_name = "client", .ca = true, .issuer = &root});
  const auto no_ca = mint({.common_name = "good"});
  const subject_rules rules{{rule(named("root"), {named("good")})}, list_of({&root})};
  EXPECT_FALSE(rules.allow(chain_of({&client, &no_ca, &root}).get()));
  EXPECT_TRUE(rules.allow(chain_of({&no_ca, &client, &root}).get()));
}

TEST(SubjectRules, MeanByAnIssuerACaOnly) {
  const auto root = mint_ca("root");
  const auto client = mint({.common_name = "root", .issuer = &root}); // Named like the CA.
  const auto unrelated = mint_ca("unrelated");
  const subject_rules rules{{rule(named("root"), {named("x")})}, list_of({&root})};
  EXPECT_TRUE(rules.allow(chain_of({&client, &unrelated}).get()));
  EXPECT_FALSE(rules.allow(chain_of({&client, &root}).get()));
}

} // namespace
} // namespace shunt::net
