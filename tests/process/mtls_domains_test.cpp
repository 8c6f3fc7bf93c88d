// Domains whose clients must show a certificate of the domain's own CAs, beside others that ask for none.
#include "tests/process/harness/curl.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace shunt::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct domain_certificates {
  tls_kit::minted front = tls_kit::mint({.common_name = "front", .dns = {"*.open.test", "*.closed.test"}});
  tls_kit::minted ca = tls_kit::mint_ca("domain-ca");
  tls_kit::minted other_ca = tls_kit::mint_ca("other-ca");
  tls_kit::minted member = tls_kit::mint({.common_name = "member", .issuer = &ca, .usage = "clientAuth"});
  tls_kit::minted stranger =
    tls_kit::mint({.common_name = "stranger", .issuer = &other_ca, .usage = "clientAuth"});
};

const domain_certificates& certificates() {
  static const domain_certificates all;
  return all;
}

class MtlsDomains : public SharedStage<MtlsDomains> {
public:
  static nlohmann::json configuration() {
    const auto& c = certificates();
    return tls_front({&c.front},
                     {{"enable_http2", true},
                      {"domains",
                       {{{"name", "*.closed.test"}, {"ca_certs", c.ca.pem()}, {"xfcc_format", "envoy"}}}}});
  }

protected:
  MtlsDomains() {
    const auto& c = certificates();
    write("ca.pem", c.front.pem());
    for (const auto& [name, who] : {std::pair{"member", &c.member}, {"stranger", &c.stranger}}) {
      write(std::string{name} + ".pem", who->pem());
      write(std::string{name} + ".key", who->key_pem());
    }
    for (const auto* host : {"app.open.test", "app.closed.test"})
      here().map(host, there);
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream{files.path_of(name)} << text;
  }
  /// A request for `sni`, whose Host may be another; `who` may be nobody.
  tool_result ask(const std::string& sni, const std::string& who, const std::string& host = {},
                  std::vector<std::string> more = {}) const {
    const auto port = std::to_string(here().under_test.tls_port());
    std::vector<std::string> argv{"curl", "-sS", "--max-time", "20", "--cacert",
                                  files.path_of("ca.pem"), "--resolve", sni + ":" + port + ":127.0.0.1",
                                  "-w", "|%{http_code}"};
    if (!who.empty())
      argv.insert(argv.end(), {"--cert", files.path_of(who + ".pem"), "--key", files.path_of(who + ".key")});
    if (!host.empty())
      argv.insert(argv.end(), {"-H", "Host: " + host});
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back("https://" + sni + ":" + port + "/");
    return run_tool(argv);
  }

  temporary_directory files;
  backend there;
};

TEST_F(MtlsDomains, LetOnlyTheirOwnClientsIn) {
  EXPECT_EQ(ask("app.closed.test", "member").output, "hello|200");
  for (const std::string who : {"", "stranger"}) {
    const auto refused = ask("app.closed.test", who);
    EXPECT_NE(refused.exit_code, 0) << who;
    EXPECT_THAT(refused.output, HasSubstr("alert")) << "the client hears why";
  }
  EXPECT_EQ(ask("app.open.test", "").output, "hello|200");
  EXPECT_EQ(ask("app.open.test", "member").output, "hello|200");
}

TEST_F(MtlsDomains, TellTheBackendWhoItIs) {
  ASSERT_EQ(ask("app.closed.test", "member").output, "hello|200");
  EXPECT_THAT(there.last_request().one("X-Forwarded-Client-Cert"), StartsWith("Hash="));
  EXPECT_THAT(there.last_request().one("X-Forwarded-Client-Cert"), HasSubstr("Subject=\"CN=member\""));
  ASSERT_EQ(ask("app.closed.test", "member", {}, {"-H", "X-Forwarded-Client-Cert: forged"}).output,
            "hello|200");
  EXPECT_THAT(there.last_request().one("X-Forwarded-Client-Cert"), Not(HasSubstr("forged")));
}

TEST_F(MtlsDomains, AreNotReachedByAnotherName) {
  for (const std::string version : {"--http1.1", "--http2"}) {
    EXPECT_EQ(ask("app.open.test", "", "app.closed.test", {version}).output, "|421");
    EXPECT_EQ(ask("app.closed.test", "member", "app.open.test", {version}).output, "|421");
    EXPECT_EQ(ask("app.closed.test", "member", "APP.closed.test:443", {version}).output, "hello|200");
  }
  EXPECT_EQ(here().get("app.closed.test").status, 421) << "nor without TLS";
  EXPECT_EQ(here().get("app.open.test").status, 200);
  EXPECT_EQ(here().get("deep.app.closed.test").status, 404) << "a wildcard is one label";
}

TEST_F(MtlsDomains, AreNotReachedByASessionOfAnother) {
  const auto port = std::to_string(here().under_test.tls_port());
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    const auto session = files.path_of("session" + version);
    const std::vector<std::string> base{"openssl", "s_client", "-quiet", "-connect", "127.0.0.1:" + port,
                                        version};
    auto first = base;
    first.insert(first.end(), {"-servername", "app.open.test", "-sess_out", session});
    (void)run_tool(first, "GET / HTTP/1.1\r\nHost: app.open.test\r\nConnection: close\r\n\r\n");
    auto second = base;
    second.insert(second.end(), {"-servername", "app.closed.test", "-sess_in", session});
    const auto result =
      run_tool(second, "GET / HTTP/1.1\r\nHost: app.closed.test\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(result.output, Not(HasSubstr("200 OK"))) << version;
  }
}

/// As every client library does it, with TLS 1.2 too, in which a session that is resumed has no name of its own.
TEST_F(MtlsDomains, AreReachedByASessionOfTheirOwn) {
  const auto port = std::to_string(here().under_test.tls_port());
  for (const std::string version : {"-tls1_2", "-tls1_3"}) {
    const auto session = files.path_of("own" + version);
    const auto ask_with = [&](const std::string& how) {
      return run_tool({"openssl", "s_client", "-ign_eof", "-connect", "127.0.0.1:" + port, version, "-servername",
                       "app.closed.test", "-cert", files.path_of("member.pem"), "-key",
                       files.path_of("member.key"), how, session},
                      "GET / HTTP/1.1\r\nHost: app.closed.test\r\nConnection: close\r\n\r\n")
        .output;
    };
    EXPECT_THAT(ask_with("-sess_out"), HasSubstr("200 OK")) << version;
    const auto again = ask_with("-sess_in");
    EXPECT_THAT(again, HasSubstr("Reused, TLS")) << version;
    EXPECT_THAT(again, HasSubstr("200 OK")) << version;
    EXPECT_THAT(there.last_request().one("X-Forwarded-Client-Cert"), HasSubstr("Subject=\"CN=member\""));
  }
}

// -- What each domain tells its backends of the certificate.

/// A domain for each way to say it.
class MtlsDomainModes : public SharedStage<MtlsDomainModes> {
public:
  static nlohmann::json configuration() {
    const auto& c = certificates();
    const auto domain = [&](const char* name, const nlohmann::json& more) {
      nlohmann::json all{{"name", name}, {"ca_certs", c.ca.pem()}};
      all.merge_patch(more);
      return all;
    };
    return tls_front({&c.front}, {{"forwarded_client_cert", "always_forward"},
                                  {"client_cert_validation", "request"},
                                  {"domains",
                                   {domain("default.test", nlohmann::json::object()),
                                    domain("raw.test", {{"xfcc_format", "raw"}}),
                                    domain("forward.test", {{"forwarded_client_cert", "forward"}}),
                                    domain("always.test", {{"forwarded_client_cert", "always_forward"}})}}});
  }

protected:
  MtlsDomainModes() {
    write_file(ask.path_of("member.pem"), certificates().member.pem());
    write_file(ask.path_of("member.key"), certificates().member.key_pem());
  }
  /// The field as the backend of that host has it, when the client claims to be somebody.
  std::vector<std::string> told(const std::string& host) {
    here().map(host, there);
    const auto answer = ask.get_tls(host, {"--cert", ask.path_of("member.pem"), "--key", ask.path_of("member.key"),
                                           "-H", "X-Forwarded-Client-Cert: claimed"});
    EXPECT_EQ(answer.status, 200) << answer.said;
    return there.last_request().all("X-Forwarded-Client-Cert");
  }
  /// The certificate as `openssl` writes it, without what makes it PEM.
  static std::string member_in_base64() {
    std::string text;
    std::istringstream lines{certificates().member.pem()};
    for (std::string line; std::getline(lines, line);)
      if (!line.starts_with("-----"))
        text += line;
    return text;
  }

  const curl ask{here().under_test};
  backend there;
};

TEST_F(MtlsDomainModes, AreRawAndTheRoutersOwnByDefault) {
  EXPECT_THAT(told("default.test"), ElementsAre(member_in_base64()));
  EXPECT_THAT(told("raw.test"), ElementsAre(member_in_base64()));
}

TEST_F(MtlsDomainModes, MayBeTheClientsWord) {
  EXPECT_THAT(told("forward.test"), ElementsAre("claimed"));
  EXPECT_THAT(told("always.test"), ElementsAre("claimed"));
}

TEST_F(MtlsDomainModes, AreNotThoseOfOtherDomains) {
  here().map("elsewhere.test", there);
  EXPECT_EQ(ask.get_tls("elsewhere.test", {"-H", "X-Forwarded-Client-Cert: claimed"}).status, 200);
  EXPECT_THAT(there.last_request().all("X-Forwarded-Client-Cert"), ElementsAre("claimed"))
    << "there the router's own mode holds";
  const auto without = ask.get_tls("always.test");
  EXPECT_NE(without.exit_code, 0) << "no mode opens a domain to clients without a certificate";
}

} // namespace
} // namespace shunt::test
