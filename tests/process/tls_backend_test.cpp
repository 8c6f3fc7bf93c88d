// TLS towards backends: whom the router believes, what it says when it does not, and that a request
// to a TLS endpoint is served as any other.
#include "tests/process/harness/environment.hpp"
#include "tests/process/harness/pattern.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_backend.hpp"
#include "tests/process/harness/tls_settings.hpp"

#include <gmock/gmock.h>

#include <regex>

namespace shunt::test {
namespace {

using testing::HasSubstr;

struct backend_certificates {
  tls_kit::minted ca = tls_kit::mint_ca("backend-ca");
  tls_kit::minted client_ca = tls_kit::mint_ca("router-ca");
  tls_kit::minted other_ca = tls_kit::mint_ca("nobody-knows-it");
  tls_kit::minted good = of({.common_name = "good", .dns = {"app.internal"}, .ips = {"127.0.0.1"}});
  tls_kit::minted named = of({.common_name = "named", .dns = {"app.internal", "b.internal"}});
  tls_kit::minted expired =
    of({.common_name = "late", .dns = {"app.internal"}, .from_s = -7200, .until_s = -60});
  tls_kit::minted early =
    of({.common_name = "early", .dns = {"app.internal"}, .from_s = 1800, .until_s = 7200});
  tls_kit::minted stranger =
    tls_kit::mint({.common_name = "stranger", .dns = {"app.internal"}, .issuer = &other_ca});
  tls_kit::minted by_itself = tls_kit::mint({.common_name = "itself", .dns = {"app.internal"}});
  tls_kit::minted only_cn = of({.common_name = "app.internal"});
  tls_kit::minted router = tls_kit::mint({.common_name = "the-router", .issuer = &client_ca});

private:
  tls_kit::minted of(tls_kit::recipe r) const {
    r.issuer = &ca;
    return tls_kit::mint(r);
  }
};

const backend_certificates& certificates() {
  static const backend_certificates all;
  return all;
}

nlohmann::json settings(const nlohmann::json& more = nlohmann::json::object()) {
  const auto& c = certificates();
  nlohmann::json all{
    {"ca_certs", {c.ca.pem()}},
    {"backends",
     {{"max_attempts", 3}, {"cert_chain", c.router.pem()}, {"private_key", c.router.key_pem()}}},
    {"tls_handshake_timeout", slowed_text(400ms)},
    {"logging",
     {{"extra_access_log_fields", {"tls_time", "dial_time", "failed_attempts", "local_address"}}}}};
  all.merge_patch(more);
  return all;
}

nlohmann::json tls_registration(std::uint16_t port, const std::string& san = "app.internal") {
  return {{"port", nullptr}, {"tls_port", port}, {"server_cert_domain_san", san}};
}

std::string error_of(const http_response& answer) {
  return answer.one("X-Cf-RouterError");
}

class TlsBackends : public SharedStage<TlsBackends> {
public:
  static nlohmann::json configuration() { return settings(); }

protected:
  static void map(const std::string& host, const tls_backend& to,
                  const std::string& san = "app.internal") {
    here().map(host, to.port(), tls_registration(to.port(), san));
  }
  static std::string mapped(const tls_backend& to, const std::string& san = "app.internal") {
    auto host = fresh_host();
    map(host, to, san);
    return host;
  }
  static nlohmann::json failure_line(const std::string& address) {
    nlohmann::json found;
    EXPECT_TRUE(eventually([&] {
      for (const auto& entry : here().under_test.log())
        if (entry.value("message", "") == "backend-endpoint-failed"
            && entry.at("data").at("route-endpoint").at("Addr") == address)
          found = entry.at("data");
      return !found.is_null();
    }))
      << "no failure of " << address << " in the log";
    return found;
  }

  backend behind;
};

// -- What goes well.

TEST_F(TlsBackends, AreSpokenToOverTls) {
  const tls_backend there{behind, {.own = &certificates().named}};
  const auto host = mapped(there);
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  const auto seen = behind.last_request();
  EXPECT_EQ(seen.one("Host"), host);
  EXPECT_EQ(seen.one("X-Forwarded-Proto"), "http") << "it is about the client's connection";
  ASSERT_EQ(there.handshakes().size(), 1u);
  const auto shake = there.handshakes().front();
  EXPECT_EQ(shake.version, "TLSv1.3");
  EXPECT_EQ(shake.asked_for, "app.internal");
  EXPECT_EQ(shake.alpn, "");
  EXPECT_EQ(shake.peer_name, "") << "a certificate is shown to those who ask";
}

TEST_F(TlsBackends, MayHaveTls12Only) {
  const tls_backend there{behind, {.own = &certificates().good, .max = TLS1_2_VERSION}};
  EXPECT_EQ(here().get(mapped(there)).status, 200);
  EXPECT_EQ(there.handshakes().front().version, "TLSv1.2");
}

TEST_F(TlsBackends, AreKnownByTheirHostWithoutAName) {
  const tls_backend there{behind, {.own = &certificates().good}};
  EXPECT_EQ(here().get(mapped(there, "")).status, 200);
  EXPECT_EQ(there.handshakes().front().asked_for, "") << "an address is no SNI";
}

TEST_F(TlsBackends, MayBeNamedByAnAddress) {
  const tls_backend there{behind, {.own = &certificates().good}};
  EXPECT_EQ(here().get(mapped(there, "127.0.0.1")).status, 200);
}

TEST_F(TlsBackends, AreShownOurCertificateWhenTheyAsk) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const tls_backend there{
      behind, {.own = &certificates().good, .max = version, .asks_for = &certificates().client_ca}};
    EXPECT_EQ(here().get(mapped(there)).status, 200);
    EXPECT_EQ(there.handshakes().front().peer_name, "the-router");
  }
}

TEST_F(TlsBackends, ServeManyRequestsOnOneConnection) {
  const tls_backend there{behind, {.own = &certificates().good}};
  const auto host = mapped(there);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(there.connection_count(), 1u);
  EXPECT_EQ(there.handshakes().size(), 1u);
}

TEST_F(TlsBackends, ArePooledByNameToo) {
  const tls_backend there{behind, {.own = &certificates().named}};
  const auto one = mapped(there);
  const auto other = mapped(there, "b.internal");
  EXPECT_EQ(here().get(one).status, 200);
  EXPECT_EQ(here().get(other).status, 200);
  EXPECT_EQ(here().get(one).status, 200);
  EXPECT_EQ(there.handshakes().size(), 2u);
  EXPECT_EQ(there.handshakes().back().asked_for, "b.internal");
  EXPECT_FALSE(there.handshakes().back().resumed) << "that would skip the check of the name";
}

TEST_F(TlsBackends, AreConnectedToAnewWhenTheirProtocolChanges) {
  const tls_backend there{behind, {.own = &certificates().good}};
  const auto host = fresh_host();
  auto registered = tls_registration(there.port());
  here().map(host, there.port(), registered);
  EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(there.connection_count(), 1u);
  registered["protocol"] = "http2";
  here().bus.announce(there.port(), host, registered);
  EXPECT_TRUE(eventually([&] { return here().get(host).status == 200 && there.connection_count() == 2; }))
    << "the first connection offered no HTTP/2";
  EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(there.connection_count(), 2u) << "it agreed on HTTP/1.1, and is used again";
  EXPECT_EQ(here().get(host, "/", "Connection: Upgrade\r\nUpgrade: x\r\n").status, 200);
  EXPECT_EQ(there.connection_count(), 2u) << "an upgrade goes by the first one, which offered none";
}

TEST_F(TlsBackends, TakeAndGiveLargeBodies) {
  constexpr std::size_t size = 8u << 20;
  std::string body;
  for (pattern source; body.size() < size;)
    body += source.next(size - body.size());
  behind.answer_with(answers::echo());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const tls_backend there{behind, {.own = &certificates().good, .max = version}};
    const auto answer = here().ask(post_request(mapped(there), body), "POST");
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body == body);
    EXPECT_TRUE(behind.last_request().body == body);
  }
}

TEST_F(TlsBackends, CarryUpgradesAndTheirHalfCloses) {
  behind.answer_with([](backend_session& session) {
    session.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket"
                 "\r\n\r\nfirst words");
    session.send("got " + session.reader().rest());
    session.close();
  });
  const tls_backend there{behind, {.own = &certificates().good}};
  client one{port()};
  one.send(get_request(mapped(there), "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  ASSERT_EQ(one.response_head().status, 101);
  EXPECT_EQ(one.reader().exactly(11), "first words");
  one.send("the last words");
  one.socket().half_close();
  EXPECT_EQ(one.reader().rest(), "got the last words");
  EXPECT_EQ(there.wait_for_end(0), tls_end::goodbye);
}

TEST_F(TlsBackends, TellTheAccessLogHowLongTheHandshakeTook) {
  const tls_backend there{behind, {.own = &certificates().good}};
  const auto host = mapped(there);
  EXPECT_EQ(here().get(host, "/1").status, 200);
  EXPECT_EQ(here().get(host, "/2").status, 200);
  const auto first = here().under_test.wait_for_access(host + " - [");
  const auto line_of = [&](const std::string& path) {
    return here().under_test.wait_for_access("\"GET " + path + " HTTP/1.1\" 200 0 5");
  };
  EXPECT_TRUE(
    std::regex_search(line_of("/1"), std::regex{R"( tls_time:0\.\d*[1-9]\d* dial_time:0)"}))
    << line_of("/1");
  EXPECT_THAT(line_of("/1"), HasSubstr("\"" + there.address() + "\""));
  EXPECT_THAT(line_of("/2"), HasSubstr(" tls_time:\"-\" dial_time:\"-\" "))
    << "a connection of the pool";
}

// -- What goes wrong.

struct failing {
  const char* what;
  tls_backend_options options;
  int status;
  std::string error; ///< A regular expression.
};

std::vector<failing> all_failures() {
  const auto& c = certificates();
  const std::string verify = "tls: failed to verify certificate: x509: ";
  return {
    {"another name",
     {.own = &c.good},
     503,
     verify + "certificate is valid for app\\.internal, not wanted\\.internal"},
    {"only a common name", {.own = &c.only_cn}, 503, verify + "certificate .*"},
    {"an unknown CA",
     {.own = &c.stranger},
     526,
     verify + "certificate signed by unknown authority"},
    {"signed by itself",
     {.own = &c.by_itself},
     526,
     verify + "certificate signed by unknown authority"},
    {"expired",
     {.own = &c.expired},
     526,
     verify + "certificate has expired or is not yet valid: current time \\S+ is after \\S+"},
    {"not yet valid",
     {.own = &c.early},
     526,
     verify + "certificate has expired or is not yet valid: current time \\S+ is before \\S+"},
    {"no TLS at all",
     {.says_instead = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
     525,
     "tls: first record does not look like a TLS handshake"},
    {"no suite in common",
     {.own = &c.good, .max = TLS1_2_VERSION, .suites = "AES128-SHA256"},
     525,
     "remote error: tls: handshake failure"},
    {"it refuses our certificate",
     {.own = &c.good, .max = TLS1_2_VERSION, .asks_for = &c.client_ca, .trusts = &c.other_ca},
     496,
     "remote error: tls: unknown certificate authority"},
    {"it refuses our certificate, in TLS 1.3",
     {.own = &c.good, .min = TLS1_3_VERSION, .asks_for = &c.client_ca, .trusts = &c.other_ca},
     496,
     "remote error: tls: unknown certificate authority"},
    {"it wants a certificate of somebody else",
     {.own = &c.good, .min = TLS1_3_VERSION, .asks_for = &c.other_ca},
     496,
     "remote error: tls: certificate required"},
    {"no handshake within its time",
     {.own = &c.good, .stalls = true},
     502,
     "net/http: TLS handshake timeout"}};
}

/// The name that it is registered with: for the first two another than it has.
std::string name_for(const failing& each) {
  return each.what == std::string{"another name"} ? "wanted.internal" : "app.internal";
}

TEST_F(TlsBackends, ThatFailAreReportedAndPruned) {
  for (const auto& each : all_failures()) {
    const tls_backend bad{behind, each.options};
    const auto host = fresh_host();
    map(host, bad, name_for(each));
    const auto answer = here().get(host);
    EXPECT_EQ(answer.status, each.status) << each.what;
    EXPECT_TRUE(
      std::regex_match(error_of(answer), std::regex{"endpoint_failure \\(" + each.error + "\\)"}))
      << each.what << ": " << error_of(answer);
    EXPECT_TRUE(eventually([&] { return !here().under_test.lists(host, bad.address()); }))
      << each.what << ": it must leave the route";
    const auto line = failure_line(bad.address());
    EXPECT_TRUE(std::regex_match(line.at("error").get<std::string>(), std::regex{each.error}))
      << each.what << ": " << line.dump();
    EXPECT_GT(line.at("tls-handshake-time").get<double>(), 0.0) << each.what;
    EXPECT_EQ(line.at("retriable"), true) << each.what;
  }
  EXPECT_EQ(behind.request_count(), 0u) << "nobody is told a request before he is known";
}

TEST_F(TlsBackends, ThatFailAreReplacedByGoodOnes) {
  const tls_backend good{behind, {.own = &certificates().good}};
  for (const auto& each : all_failures()) {
    const tls_backend bad{behind, each.options};
    const auto host = fresh_host();
    map(host, bad, name_for(each));
    map(host, good);
    // A body that is gone cannot be sent again, so what fails after the handshake has none.
    const auto late = each.options.asks_for != nullptr && each.options.min == TLS1_3_VERSION;
    const auto request = late ? get_request(host) : post_request(host, std::string(100'000, 'b'));
    for (int i = 0; i < 2; ++i) // In turn: one of them begins with the bad one.
      EXPECT_EQ(here().ask(request, late ? "GET" : "POST").status, 200) << each.what;
    EXPECT_TRUE(eventually([&] { return !here().under_test.lists(host, bad.address()); }))
      << each.what;
    EXPECT_TRUE(here().under_test.lists(host, good.address())) << each.what;
  }
}

TEST_F(TlsBackends, ThatResetTheHandshakeAreLeftAloneForAWhile) {
  const tls_backend good{behind, {.own = &certificates().good}};
  const tls_backend bad{behind, {.own = &certificates().good, .resets = true}};
  const auto host = fresh_host();
  map(host, bad);
  map(host, good);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(bad.connection_count(), 1u);
  EXPECT_THAT(failure_line(bad.address()).at("error").get<std::string>(), HasSubstr("connection reset by peer"));
  EXPECT_TRUE(here().under_test.lists(host, bad.address())) << "that is no reason to take it out";
}

TEST_F(TlsBackends, MustHaveTheNameEvenIfTheyAreResumed) {
  const tls_backend there{behind, {.own = &certificates().named}};
  EXPECT_EQ(here().get(mapped(there)).status, 200);
  const auto answer = here().get(mapped(there, "elsewhere.internal"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(error_of(answer), HasSubstr("valid for app.internal, b.internal, not elsewhere"));
}

TEST_F(TlsBackends, AreNotMistakenForPlainOnes) {
  // The same failure on a plain endpoint marks it and leaves it in the route.
  const refusing_port dead_tls;
  const refusing_port dead_plain;
  const auto one = fresh_host();
  const auto other = fresh_host();
  here().map(one, dead_tls.port(), tls_registration(dead_tls.port()));
  here().map(other, dead_plain.port());
  EXPECT_EQ(here().get(one).status, 502);
  EXPECT_EQ(here().get(other).status, 502);
  EXPECT_TRUE(eventually([&] { return !here().under_test.lists(one, dead_tls.address()); }));
  EXPECT_TRUE(here().under_test.lists(other, dead_plain.address()));
  here().under_test.wait_for_log("prune-failed-endpoint");
  here().under_test.wait_for_log("endpoint-marked-as-ineligible");
}

TEST_F(TlsBackends, ThatLeaveTheRouteComeBackWithTheirNextRegistration) {
  const auto& c = certificates();
  const auto host = fresh_host();
  std::uint16_t dead_port = 0;
  {
    const refusing_port dead;
    dead_port = dead.port();
    here().map(host, dead_port, tls_registration(dead_port));
    EXPECT_EQ(here().get(host).status, 502);
    EXPECT_TRUE(eventually([&] { return !here().under_test.lists(host, dead.address()); }));
  }
  EXPECT_EQ(here().get(host).status, 503) << "known, and nobody is there";
  const tls_backend there{behind, {.own = &c.good}};
  map(host, there);
  EXPECT_TRUE(here().eventually_answers(host, "/", 200));
}

TEST_F(TlsBackends, WhoseResponseIsCutCutTheClientsToo) {
  behind.answer_with(answers::bytes_then_close("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"));
  const tls_backend there{behind, {.own = &certificates().good}};
  client one{port()};
  one.send(get_request(mapped(there)));
  auto answer = one.response_head();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THROW(one.reader().body(answer), std::exception);
}

TEST_F(TlsBackends, ThatCloseWithoutAnAnswerAreABadGateway) {
  behind.answer_with(answers::closing());
  const tls_backend there{behind, {.own = &certificates().good}};
  const auto answer = here().ask(post_request(mapped(there), "body"), "POST");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(error_of(answer), "endpoint_failure (EOF)");
}

// -- Other configurations.

TEST(TlsBackendResumption, SavesHandshakesWhenNoConnectionIsKept) {
  stage here{settings({{"disable_keep_alives", true}})};
  const backend behind;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const tls_backend there{behind, {.own = &certificates().good, .max = version}};
    const auto host = fresh_host();
    here.map(host, there.port(), tls_registration(there.port()));
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(here.get(host).status, 200);
    ASSERT_TRUE(eventually([&] { return there.handshakes().size() == 4; }));
    const auto all = there.handshakes();
    for (std::size_t i = 0; i < all.size(); ++i)
      EXPECT_EQ(all[i].resumed, i > 0) << "connection " << i << " of " << all[i].version;
    EXPECT_EQ(there.wait_for_end(0), tls_end::goodbye);
  }
}

TEST(TlsBackendIdentity, IsOptional) {
  stage here{{{"ca_certs", {certificates().ca.pem()}}}};
  const backend behind;
  const tls_backend there{
    behind,
    {.own = &certificates().good, .min = TLS1_3_VERSION, .asks_for = &certificates().client_ca}};
  const auto host = fresh_host();
  here.map(host, there.port(), tls_registration(there.port()));
  const auto answer = here.get(host);
  EXPECT_EQ(answer.status, 496);
  EXPECT_EQ(error_of(answer), "endpoint_failure (remote error: tls: certificate required)");
}

TEST(TlsBackendVersions, DoNotDependOnTheFront) {
  const auto& c = certificates();
  for (const std::string front : {"TLSv1.2", "TLSv1.3"}) {
    auto all = tls_front({&c.good}, {{"max_tls_version", front}});
    all.merge_patch(settings());
    stage here{all};
    const backend behind;
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      const tls_backend there{behind, {.own = &c.good, .min = version, .max = version}};
      const auto host = fresh_host();
      here.map(host, there.port(), tls_registration(there.port()));
      EXPECT_EQ(here.get(host).status, 200) << front << ", version " << version;
    }
  }
}

TEST(TlsBackendTimes, OfTheWholeRequestIncludeTheHandshake) {
  stage here{
    settings({{"endpoint_timeout", slowed_text(200ms)}, {"tls_handshake_timeout", "100s"}})};
  const backend behind;
  const tls_backend there{behind, {.own = &certificates().good, .stalls = true}};
  const auto host = fresh_host();
  here.map(host, there.port(), tls_registration(there.port()));
  const auto answer = here.get(host);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(error_of(answer), "endpoint_failure (context deadline exceeded)");
  EXPECT_TRUE(here.under_test.lists(host, there.address())) << "that is not the handshake's fault";
}

TEST(TlsBackendTimes, EndWithTheClient) {
  stage here{settings({{"tls_handshake_timeout", "100s"}, {"endpoint_timeout", "100s"}})};
  const backend behind;
  const tls_backend there{behind, {.own = &certificates().good, .stalls = true}};
  const auto host = fresh_host();
  here.map(host, there.port(), tls_registration(there.port()));
  client one{here.under_test.port()};
  one.send(get_request(host));
  ASSERT_TRUE(eventually([&] { return there.connection_count() == 1; }));
  one.socket().close();
  EXPECT_THAT(here.under_test.wait_for_access(host + " - ["), HasSubstr(" 499 "));
  EXPECT_TRUE(here.under_test.lists(host, there.address()));
  EXPECT_EQ(there.connection_count(), 1u);
}

TEST(TlsBackendTrust, IncludesTheCasOfTheSystem) {
  const temporary_directory files;
  write_file(files.path_of("system.pem"), certificates().other_ca.pem());
  const environment_variable where{"SSL_CERT_FILE", files.path_of("system.pem")};
  stage here{settings()};
  const backend behind;
  for (const auto* own : {&certificates().good, &certificates().stranger}) {
    const tls_backend there{behind, {.own = own}};
    const auto host = fresh_host();
    here.map(host, there.port(), tls_registration(there.port()));
    EXPECT_EQ(here.get(host).status, 200);
  }
}

TEST(TlsBackendTrust, IsNotSwitchedOffBySkipSslValidation) {
  stage here{settings({{"skip_ssl_validation", true}})};
  const backend behind;
  const tls_backend there{behind, {.own = &certificates().stranger}};
  const auto host = fresh_host();
  here.map(host, there.port(), tls_registration(there.port()));
  EXPECT_EQ(here.get(host).status, 526);
}

} // namespace
} // namespace shunt::test
