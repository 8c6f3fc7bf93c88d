// Clients with certificates: who is let in, and what backends are told of them.
#include "tests/process/harness/environment.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"
#include "tests/process/reload_fixture.hpp"

#include <gmock/gmock.h>

#include <openssl/evp.h>

namespace shunt::test {
namespace {

using testing::HasSubstr;

struct client_certificates {
  tls_kit::minted server = tls_kit::mint({.common_name = "server", .dns = {"server.test"}});
  tls_kit::minted ca =
    tls_kit::mint({.common_name = "client-ca", .ca = true, .attributes = {{"O", "Trusted"}}});
  tls_kit::minted good = of({.common_name = "good", .attributes = {{"OU", "allowed"}}});
  tls_kit::minted other = of({.common_name = "other", .attributes = {{"OU", "elsewhere"}}});
  tls_kit::minted expired = of({.common_name = "expired", .from_s = -7200, .until_s = -3600});
  tls_kit::minted for_servers = of({.common_name = "for-servers", .usage = "serverAuth"});
  tls_kit::minted stranger = tls_kit::mint({.common_name = "stranger"});

private:
  tls_kit::minted of(tls_kit::recipe r) const {
    r.issuer = &ca;
    return tls_kit::mint(r);
  }
};

const client_certificates& certificates() {
  static const client_certificates all;
  return all;
}

nlohmann::json settings(const std::string& validation,
                        const nlohmann::json& more = nlohmann::json::object()) {
  auto all = tls_front({&certificates().server}, {{"client_cert_validation", validation},
                                                  {"client_ca_certs", certificates().ca.pem()},
                                                  {"only_trust_client_ca_certs", true}});
  all.merge_patch(more);
  return all;
}

/// 200, or 0 if the connection was refused. In TLS 1.3 a client learns of that only afterwards.
int status_with(const stage& here, const std::string& host, const tls_kit::minted* own,
                int version) {
  tls_client one{here.under_test.tls_port(), {.min = version, .max = version, .own = own}};
  if (!one.handshake().established)
    return 0;
  try {
    return one->send(get_request(host)).response().status;
  } catch (const std::exception&) {
    return 0;
  }
}

TEST(TlsClientCertificates, AreValidatedAsConfigured) {
  const auto& c = certificates();
  const struct {
    const char* name;
    const tls_kit::minted* own;
    int none, request, require;
  } clients[] = {{"without a certificate", nullptr, 200, 200, 0},
                 {"with a good one", &c.good, 200, 200, 200},
                 {"with one of an unknown CA", &c.stranger, 200, 0, 0},
                 {"with an expired one", &c.expired, 200, 0, 0},
                 {"with one that is for servers", &c.for_servers, 200, 0, 0}};
  const backend there;
  for (const std::string validation : {"none", "request", "require"}) {
    stage here{settings(validation)};
    const auto host = here.mapped(there);
    for (const auto& each : clients) {
      const int expected = validation == "none"      ? each.none
                           : validation == "request" ? each.request
                                                     : each.require;
      for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
        EXPECT_EQ(status_with(here, host, each.own, version), expected)
          << validation << ", a client " << each.name << ", version " << version;
    }
    EXPECT_EQ(here.get(host).status, 200) << "plain HTTP needs no certificate";
  }
}

TEST(TlsClientCertificates, OfTheSystemsCasCountUnlessOnlyOursDo) {
  const auto system_ca = tls_kit::mint_ca("system-ca");
  const auto of_system = tls_kit::mint({.common_name = "citizen", .issuer = &system_ca});
  const temporary_directory files;
  write_file(files.path_of("system.pem"), system_ca.pem());
  const environment_variable where{"SSL_CERT_FILE", files.path_of("system.pem")};
  const backend there;
  for (const bool only_ours : {true, false}) {
    stage here{settings("require", {{"only_trust_client_ca_certs", only_ours}})};
    const auto host = here.mapped(there);
    EXPECT_EQ(status_with(here, host, &certificates().good, TLS1_3_VERSION), 200);
    EXPECT_EQ(status_with(here, host, &of_system, TLS1_3_VERSION), only_ours ? 0 : 200);
    EXPECT_EQ(status_with(here, host, &certificates().stranger, TLS1_3_VERSION), 0);
  }
}

TEST(TlsClientCertificates, AreShownByCurl) {
  const backend there;
  stage here{settings("require")};
  here.map("server.test", there);
  const temporary_directory files;
  write_file(files.path_of("own.pem"), certificates().good.pem());
  write_file(files.path_of("own.key"), certificates().good.key_pem());
  const std::vector<std::string> anonymous{"curl",
                                           "-sSk",
                                           "--http1.1",
                                           "-w",
                                           "|%{http_code}",
                                           "-H",
                                           "Host: server.test",
                                           "https://127.0.0.1:"
                                             + std::to_string(here.under_test.tls_port())};
  auto with_certificate = anonymous;
  for (const auto* each : {"--cert", "own.pem", "--key", "own.key"})
    with_certificate.push_back(*each == '-' ? each : files.path_of(each));
  EXPECT_EQ(run_tool(with_certificate).output, "hello|200");
  const auto refused = run_tool(anonymous);
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.output, HasSubstr("certificate required"));
  EXPECT_EQ(there.request_count(), 1u);
}

TEST(TlsClientCertificates, MustFollowTheRulesAboutSubjects) {
  const nlohmann::json subject_of_ca{{"common_name", "client-ca"}, {"organization", {"Trusted"}}};
  const nlohmann::json allowed{{"common_name", "good"}, {"organizational_unit", {"allowed"}}};
  const nlohmann::json rules{
    {{"issuer_in_chain", subject_of_ca}, {"valid_cert_subjects", {allowed}}}};
  stage here{settings("request", {{"enable_verify_client_certificate_metadata", true},
                                  {"verify_client_certificate_metadata", rules}})};
  const backend there;
  const auto host = here.mapped(there);
  EXPECT_EQ(status_with(here, host, nullptr, TLS1_3_VERSION), 200);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    EXPECT_EQ(status_with(here, host, &certificates().good, version), 200);
  EXPECT_THAT(here.under_test.log_tail(), testing::Not(HasSubstr("invalid-subject")));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    EXPECT_EQ(status_with(here, host, &certificates().other, version), 0);
  const auto line = here.under_test.wait_for_log("invalid-subject");
  EXPECT_EQ(line.at("log_level"), 2);
  EXPECT_THAT(line.at("data").at("remote_address").get<std::string>(), HasSubstr("127.0.0.1:"));
}

TEST(TlsClientCertificates, MustFollowTheRulesOfACaThatStandsAboveATrustedOne) {
  const auto root = tls_kit::mint_ca("root-a");
  const auto middle = tls_kit::mint({.common_name = "inter-i", .ca = true, .issuer = &root});
  const nlohmann::json rules{{{"issuer_in_chain", {{"common_name", "root-a"}}},
                              {"valid_cert_subjects", {{{"common_name", "allowed-only"}}}}}};
  stage here{settings("require", {{"client_ca_certs", root.pem() + middle.pem()},
                                  {"enable_verify_client_certificate_metadata", true},
                                  {"verify_client_certificate_metadata", rules}})};
  const backend there;
  const auto host = here.mapped(there);
  const temporary_directory files;
  write_file(files.path_of("above.pem"), middle.pem());
  const auto said_to = [&](const std::string& name, const std::string& version) {
    const auto own = tls_kit::mint({.common_name = name, .issuer = &middle});
    write_file(files.path_of("own.pem"), own.pem());
    write_file(files.path_of("own.key"), own.key_pem());
    return run_tool({"openssl", "s_client", version, "-ign_eof", "-connect",
                     "127.0.0.1:" + std::to_string(here.under_test.tls_port()), "-cert", files.path_of("own.pem"),
                     "-key", files.path_of("own.key"), "-cert_chain", files.path_of("above.pem")},
                    get_request(host, "/", "Connection: close\r\n"))
      .output;
  };
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    EXPECT_THAT(said_to("allowed-only", version), HasSubstr("HTTP/1.1 200"));
    EXPECT_THAT(said_to("leaf", version), testing::Not(HasSubstr("HTTP/1.1")));
  }
  EXPECT_EQ(there.request_count(), 2u);
  here.under_test.wait_for_log("invalid-subject");
}

// -- X-Forwarded-Client-Cert.

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const auto written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                       static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

enum class arrival { http, https, mutual_tls };

struct xfcc_case {
  arrival how;
  std::vector<std::string> passed_on; ///< Of a request that has the header.
  std::vector<std::string> added;     ///< Of a request that has not.
};

http_request seen_by(const backend& there, stage& here, const std::string& host, arrival how,
                     const std::string& fields) {
  const auto request = get_request(host, "/", fields);
  if (how == arrival::http) {
    EXPECT_EQ(here.ask(request).status, 200);
  } else {
    tls_client one{here.under_test.tls_port(),
                   {.own = how == arrival::mutual_tls ? &certificates().good : nullptr}};
    EXPECT_EQ(one->send(request).response().status, 200);
  }
  return there.last_request();
}

TEST(ForwardedClientCert, FollowsTheTable) {
  using enum arrival;
  using list = std::vector<std::string>;
  const list forged{"forged"}, none, own{base64(certificates().good.der())};
  const std::vector<xfcc_case> all_pass{
    {http, forged, none}, {https, forged, none}, {mutual_tls, forged, none}};
  const std::pair<nlohmann::json, std::vector<xfcc_case>> modes[] = {
    {nullptr, all_pass}, // A null is taken for an absent key.
    {"always_forward", all_pass},
    {"forward", {{http, none, none}, {https, none, none}, {mutual_tls, forged, none}}},
    {"sanitize_set", {{http, none, none}, {https, none, none}, {mutual_tls, own, own}}}};
  const backend there;
  for (const auto& [mode, cases] : modes) {
    stage here{settings("request", {{"forwarded_client_cert", mode}})};
    const auto host = here.mapped(there);
    const auto values = [&](arrival how, const std::string& fields) {
      return seen_by(there, here, host, how, fields).all("X-Forwarded-Client-Cert");
    };
    for (const auto& each : cases) {
      const auto what = mode.dump() + ", arrival " + std::to_string(static_cast<int>(each.how));
      EXPECT_EQ(values(each.how, "X-Forwarded-Client-Cert: forged\r\n"), each.passed_on) << what;
      EXPECT_EQ(values(each.how, ""), each.added) << what;
      // What is named in Connection goes, but for what the router itself says.
      EXPECT_EQ(values(each.how, "x-forwarded-client-cert: forged\r\n"
                                 "Connection: X-Forwarded-Client-Cert\r\n"),
                each.added)
        << what;
    }
  }
}

TEST(ForwardedClientCert, IsThatOfAResumedSessionToo) {
  stage here{settings("request", {{"forwarded_client_cert", "sanitize_set"}})};
  const backend there;
  const auto host = here.mapped(there);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    net::ssl_session_ptr session;
    for (const bool resumed : {false, true}) {
      tls_client one{
        here.under_test.tls_port(),
        {.min = version, .max = version, .own = &certificates().good, .resume = session.get()}};
      EXPECT_EQ(one->send(get_request(host)).response().status, 200);
      EXPECT_EQ(one.handshake().resumed, resumed);
      EXPECT_EQ(there.last_request().one("X-Forwarded-Client-Cert"),
                base64(certificates().good.der()));
      session = one.bridge().session();
    }
  }
}

class ForwardedClientCertOfOpenConnections : public Reload {};

TEST_F(ForwardedClientCertOfOpenConnections, FollowsTheModeOfTheRequest) {
  start(settings("request", {{"forwarded_client_cert", "always_forward"}}));
  const auto host = here().mapped(there);
  tls_client kept{under_test().tls_port(), {.own = &certificates().good}};
  const auto passed_on = [&] {
    EXPECT_EQ(kept->send(get_request(host, "/", "X-Forwarded-Client-Cert: forged\r\n")).response().status, 200);
    return there.last_request().all("X-Forwarded-Client-Cert");
  };
  using list = std::vector<std::string>;
  EXPECT_EQ(passed_on(), list{"forged"});
  reload(settings("request", {{"forwarded_client_cert", "sanitize_set"}}));
  EXPECT_TRUE(eventually([&] { return passed_on() == list{base64(certificates().good.der())}; }));
  reload(settings("request", {{"forwarded_client_cert", "always_forward"}}));
  EXPECT_TRUE(eventually([&] { return passed_on() == list{"forged"}; }));
}

} // namespace
} // namespace shunt::test
