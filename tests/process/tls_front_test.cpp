// HTTPS towards clients: certificates, versions, resumption, and that a request over TLS is served
// as one without it. Client certificates have a file of their own.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/pattern.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Certificates as an operator may have them: several, some for the same names.
struct front_certificates {
  tls_kit::minted ca = tls_kit::mint_ca("front-ca");
  tls_kit::minted first = of({.common_name = "first", .dns = {"first.test"}});
  tls_kit::minted wild = of({.common_name = "wild", .dns = {"*.wild.test"}});
  tls_kit::minted exact = of({.common_name = "exact", .dns = {"exact.wild.test"}});
  tls_kit::minted older = of({.common_name = "older", .dns = {"twice.test"}});
  tls_kit::minted newer = of({.common_name = "newer", .dns = {"twice.test"}});
  tls_kit::minted unnamed = of({.common_name = "by-cn.test"});
  tls_kit::minted rsa =
    of({.common_name = "rsa", .dns = {"rsa.test"}, .kind = tls_kit::key_kind::rsa});

private:
  tls_kit::minted of(tls_kit::recipe r) const {
    r.issuer = &ca;
    return tls_kit::mint(r);
  }
};

const front_certificates& certificates() {
  static const front_certificates all;
  return all;
}

class TlsFront : public SharedStage<TlsFront> {
public:
  static nlohmann::json configuration() {
    const auto& c = certificates();
    return tls_front(
      {&c.first, &c.exact, &c.wild, &c.older, &c.newer, &c.unnamed, &c.rsa},
      {{"read_header_timeout", slowed_text(700ms)},
       {"frontend_idle_timeout", "900s"},
       {"status", {{"tls", {{"certificate", c.first.pem()}, {"key", c.first.key_pem()}}}}}});
  }

protected:
  static std::uint16_t tls_port() { return here().under_test.tls_port(); }
  static std::string origin(const std::string& host) {
    return "https://" + host + ":" + std::to_string(tls_port());
  }
  /// curl, which checks the certificate and its name.
  static tool_result curl(const std::string& host, std::vector<std::string> more,
                          const std::string& path = "/", const std::string& input = {}) {
    const temporary_directory files;
    write_file(files.path_of("ca.pem"), certificates().ca.pem());
    std::vector<std::string> argv{"curl",
                                  "-sS",
                                  "--http1.1",
                                  "--cacert",
                                  files.path_of("ca.pem"),
                                  "--connect-to",
                                  "::127.0.0.1:" + std::to_string(tls_port()),
                                  origin(host) + path};
    argv.insert(argv.end(), more.begin(), more.end());
    return run_tool(argv, input);
  }
  static tool_result s_client(std::vector<std::string> more, const std::string& input = {}) {
    std::vector<std::string> argv{"openssl", "s_client", "-connect",
                                  "127.0.0.1:" + std::to_string(tls_port())};
    argv.insert(argv.end(), more.begin(), more.end());
    return run_tool(argv, input);
  }
  static std::string last_request(const std::string& host) {
    return get_request(host, "/", "Connection: close\r\n");
  }
};

TEST_F(TlsFront, ServesCurlThatChecksCertificateAndName) {
  const backend there;
  here().map("first.test", there);
  const auto result =
    curl("first.test", {"-w", "|%{http_code}|%{http_version}|%{ssl_verify_result}"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, "hello|200|1.1|0");
  const auto seen = there.last_request();
  EXPECT_EQ(seen.one("X-Forwarded-Proto"), "https");
  EXPECT_EQ(seen.one("X-Forwarded-For"), "127.0.0.1");
  EXPECT_EQ(seen.one("Host"), "first.test:" + std::to_string(tls_port()));
  EXPECT_NE(curl("nobody.test", {}).exit_code, 0) << "no certificate is for that name";
}

TEST_F(TlsFront, ServesPlainHttpOnTheOtherPort) {
  const backend there;
  EXPECT_EQ(here().get(here().mapped(there)).status, 200);
  EXPECT_EQ(there.last_request().one("X-Forwarded-Proto"), "http");
}

TEST_F(TlsFront, ChoosesTheCertificateByName) {
  const struct {
    const char* asked;
    const char* shown;
    const char* why;
  } cases[] = {
    {"first.test", "first", "its own"},
    {"FIRST.Test", "first", "in any spelling"},
    {"exact.wild.test", "exact", "exact beats wildcard, whatever the order"},
    {"any.wild.test", "wild", "a wildcard"},
    {"two.labels.wild.test", "first", "a wildcard is for one label"},
    {"wild.test", "first", "and not for none"},
    {"twice.test", "newer", "of two with a name, the later"},
    {"by-cn.test", "by-cn.test", "the common name, without other names"},
    {"rsa.test", "rsa", "another kind of key"},
    {"nobody.test", "first", "nobody's: the first"},
  };
  for (const auto& each : cases) {
    const auto result = s_client({"-servername", each.asked});
    EXPECT_THAT(result.output, HasSubstr(std::string{"subject=CN = "} + each.shown + "\n"))
      << each.asked << ": " << each.why;
  }
  EXPECT_THAT(s_client({"-noservername"}).output, HasSubstr("subject=CN = first\n"));
}

TEST_F(TlsFront, ResumesSessions) {
  const backend there;
  here().map("first.test", there);
  for (const auto* version : {"-tls1_2", "-tls1_3"}) {
    const temporary_directory files;
    const auto request = last_request("first.test");
    const auto first =
      s_client({version, "-ign_eof", "-sess_out", files.path_of("session")}, request);
    EXPECT_THAT(first.output, HasSubstr("New, TLSv1")) << version;
    EXPECT_THAT(first.output, HasSubstr("hello")) << version;
    const auto second =
      s_client({version, "-ign_eof", "-sess_in", files.path_of("session")}, request);
    EXPECT_THAT(second.output, HasSubstr("Reused, TLSv1")) << version;
    EXPECT_THAT(second.output, HasSubstr("hello")) << version;
  }
}

TEST_F(TlsFront, OffersNoProtocolsWithoutHttp2) {
  const auto result = s_client({"-alpn", "h2,http/1.1"});
  EXPECT_THAT(result.output, HasSubstr("No ALPN negotiated"));
}

TEST_F(TlsFront, AnswersPlainHttpOnceAndCloses) {
  client one{tls_port()};
  one.send(get_request("first.test"));
  EXPECT_EQ(one.reader().rest(),
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

TEST_F(TlsFront, KnowsPlainHttpByAnyMethod) {
  for (const std::string method :
       {"GET", "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"}) {
    client one{tls_port()};
    one.send(method + " / HTTP/1.1\r\nHost: first.test\r\n\r\n");
    EXPECT_THAT(one.reader().rest(), StartsWith("HTTP/1.0 400 Bad Request\r\n")) << method;
  }
  client slow{tls_port()}; // One byte after the other.
  for (const char each : std::string{"DELETE /"})
    slow.send({&each, 1});
  EXPECT_THAT(slow.reader().rest(), StartsWith("HTTP/1.0 400 Bad Request\r\n"));
  for (const std::string text : {"EHLO-1\r\n", "get / HTTP/1.1\r\n\r\n", "SSH-2.0-x\r\n"}) {
    client other{tls_port()};
    other.send(text);
    EXPECT_THAT(other.reader().rest(), Not(HasSubstr("HTTP"))) << text;
  }
}

TEST_F(TlsFront, CutsWhoeverStallsInTheHandshake) {
  const auto hello = [] { // The beginning of one: a record's header that promises more.
    return std::string{"\x16\x03\x01\x02\x00\x01\x00\x01", 8};
  };
  client silent{tls_port()};
  client stalled{tls_port()};
  stalled.send(hello());
  tls_client other{tls_port()}; // Is not kept waiting by those.
  EXPECT_TRUE(other.handshake().established);
  EXPECT_TRUE(silent.sees_end(5s));
  EXPECT_TRUE(stalled.sees_end(5s));
  EXPECT_TRUE(eventually([] {
    return here().under_test.log_tail().find("the client was too slow") != std::string::npos;
  }));
}

TEST_F(TlsFront, SurvivesHandshakesThatFail) {
  const backend there;
  const auto host = here().mapped(there);
  tls_client steady{tls_port()};
  EXPECT_EQ(steady->send(get_request(host)).response().status, 200);
  for (int i = 0; i < 20; ++i) {
    client garbage{tls_port()};
    garbage.send("\x16\x03\x01\x00\x05garbage and more of it");
    garbage.sees_end();
    client gone{tls_port()};
    gone.socket().reset();
    tls_client none_in_common{tls_port(), {.max = TLS1_2_VERSION, .suites = "AES128-SHA"}};
    EXPECT_FALSE(none_in_common.handshake().established);
    EXPECT_THAT(none_in_common.handshake().failure, HasSubstr("handshake failure"));
  }
  EXPECT_EQ(steady->send(get_request(host)).response().status, 200);
  EXPECT_EQ(there.request_count(), 2u);
  const auto line = here().under_test.wait_for_log("tls-handshake-failed");
  EXPECT_FALSE(line.at("data").at("error").get<std::string>().empty());
  EXPECT_THAT(line.at("data").at("remote_address").get<std::string>(), HasSubstr("127.0.0.1:"));
}

TEST_F(TlsFront, KeepsTheConnectionAndServesPipelinedRequestsInOrder) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + session.request.target);
  }};
  const auto host = here().mapped(there);
  tls_client one{tls_port()};
  EXPECT_EQ(one->send(get_request(host, "/0")).response().body, "/0");
  std::string all;
  for (int i = 1; i < 10; ++i)
    all += get_request(host, "/" + std::to_string(i));
  one->send(all);
  for (int i = 1; i < 10; ++i)
    EXPECT_EQ(one->response().body, "/" + std::to_string(i));
}

TEST_F(TlsFront, TakesAHeadThatComesInManyRecords) {
  const backend there;
  tls_client one{tls_port()};
  for (const char c : get_request(here().mapped(there), "/slow"))
    one->send(std::string(1, c));
  EXPECT_EQ(one->response().status, 200);
  EXPECT_EQ(there.last_request().target, "/slow");
}

TEST_F(TlsFront, CarriesLargeBodiesBothWays) {
  constexpr std::size_t size = 6u << 20;
  std::string body;
  for (pattern source; body.size() < size;)
    body += source.next(size - body.size());
  const backend there{answers::echo()};
  here().map("first.test", there);
  const temporary_directory files;
  write_file(files.path_of("up"), body);
  const auto result = curl("first.test", {"-T", files.path_of("up"), "-o", files.path_of("down"),
                                          "-H", "Expect:", "-w", "%{http_code}"});
  EXPECT_EQ(result.output, "200");
  EXPECT_TRUE(there.last_request().body == body) << "what went up";
  EXPECT_TRUE(read_file(files.path_of("down")) == body) << "what came down";
  const auto chunked =
    curl("first.test", {"-T", "-", "-o", files.path_of("again"), "-w", "%{http_code}"}, "/", body);
  EXPECT_EQ(chunked.output, "200");
  EXPECT_EQ(there.last_request().framing, http_framing::chunked);
  EXPECT_TRUE(read_file(files.path_of("again")) == body);
}

TEST_F(TlsFront, HoldsBackABackendWhoseClientDoesNotRead) {
  constexpr std::size_t size = 64u << 20;
  std::atomic<std::size_t> accepted{0};
  const backend there{[&](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    accepted = session.send_within(std::string(size, 'x'), 500ms);
    session.close();
  }};
  tls_client one{tls_port()};
  one->send(get_request(here().mapped(there)));
  one->response_head();
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; }));
  EXPECT_LT(accepted, size / 2);
}

TEST_F(TlsFront, CarriesUpgradesAndTheirHalfCloses) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket"
                 "\r\n\r\nfirst words");
    const auto all = session.reader().rest(); // To the end that the client set.
    session.send("got " + all);
    session.close();
  }};
  const auto host = here().mapped(there);
  tls_client one{tls_port()};
  one->send(get_request(host, "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  ASSERT_EQ(one->response_head().status, 101);
  EXPECT_EQ(one->reader().exactly(11), "first words");
  one->send("the last words");
  one->socket().half_close();
  EXPECT_EQ(one->reader().rest(), "got the last words");
  EXPECT_EQ(one.bridge().wait_for_end(), tls_end::goodbye);
  const auto line = here().under_test.wait_for_access(host + " - [");
  EXPECT_THAT(line, HasSubstr("\"GET /ws HTTP/1.1\" 101 0 0 "));
}

TEST_F(TlsFront, SaysGoodbyeAtAnOrderlyEnd) {
  const backend there;
  const auto host = here().mapped(there);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client one{tls_port(), {.max = version}};
    EXPECT_EQ(one->send(last_request(host)).response().status, 200);
    EXPECT_EQ(one.bridge().wait_for_end(), tls_end::goodbye);
  }
  const auto result = s_client({"-ign_eof", "-msg"}, last_request(host));
  EXPECT_THAT(result.output, testing::ContainsRegex("<<< TLS[^\n]*Alert[^\n]*close_notify"));
}

TEST_F(TlsFront, CutsAResponseWhoseBackendBrokeOffWithoutAGoodbye) {
  const backend there{
    answers::bytes_then_close("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")};
  tls_client one{tls_port()};
  one->send(get_request(here().mapped(there)));
  EXPECT_EQ(one->response_head().status, 200);
  EXPECT_EQ(one.bridge().wait_for_end(), tls_end::cut) << "or half would pass for the whole";
}

TEST_F(TlsFront, NoticesAClientThatLeaves) {
  const backend there{answers::silent()};
  const auto host = here().mapped(there);
  {
    tls_client one{tls_port()};
    one->send(get_request(host));
    ASSERT_TRUE(there.wait_for_requests(1));
    one->socket().close();
    EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; }));
  }
  EXPECT_THAT(here().under_test.wait_for_access(host + " - ["), HasSubstr(" 499 "));
}

TEST_F(TlsFront, LogsRequestsAsOverHttps) {
  const backend there;
  const auto host = here().mapped(there);
  tls_client one{tls_port()};
  EXPECT_EQ(one->send(get_request(host, "/a?b=c")).response().status, 200);
  const auto line = here().under_test.wait_for_access(host + " - [");
  EXPECT_THAT(line, HasSubstr("\"GET /a?b=c HTTP/1.1\" 200 0 5 "));
  EXPECT_THAT(line, HasSubstr("\"127.0.0.1:" + std::to_string(one.local_port()) + "\" \""
                              + there.address() + "\""));
  EXPECT_THAT(line, HasSubstr("x_forwarded_proto:\"https\""));
}

TEST_F(TlsFront, ServesStatusOverTls) {
  const auto result = run_tool(
    {"curl", "-sSk", "-w", "|%{http_code}",
     "https://127.0.0.1:" + std::to_string(here().under_test.status_tls_port()) + "/health"});
  EXPECT_EQ(result.output, "ok\n|200");
  tls_client one{here().under_test.status_tls_port(), {.alpn = "\x08http/1.1"}};
  EXPECT_EQ(one.handshake().peer_name, "first");
}

// -- Routers with a configuration of their own.

struct version_case {
  const char* min;
  const char* max;
  std::vector<std::string> accepted;
};

TEST(TlsFrontVersions, AreThoseConfigured) {
  const version_case cases[] = {{"TLSv1.2", "TLSv1.2", {"TLSv1.2"}},
                                {"TLSv1.2", "TLSv1.3", {"TLSv1.2", "TLSv1.3"}},
                                {"TLSv1.3", "TLSv1.3", {"TLSv1.3"}},
                                {"TLSv1.0", "TLSv1.2", {"TLSv1", "TLSv1.1", "TLSv1.2"}},
                                {"", "", {"TLSv1.2"}}};
  const std::pair<int, std::string> versions[] = {{TLS1_VERSION, "TLSv1"},
                                                  {TLS1_1_VERSION, "TLSv1.1"},
                                                  {TLS1_2_VERSION, "TLSv1.2"},
                                                  {TLS1_3_VERSION, "TLSv1.3"}};
  for (const auto& each : cases) {
    const stage here{
      tls_front({&certificates().first}, {{"min_tls_version", each.min},
                                          {"max_tls_version", each.max},
                                          {"cipher_suites", "ECDHE-ECDSA-AES128-SHA:"
                                                            "ECDHE-ECDSA-AES128-GCM-SHA256"}})};
    std::vector<std::string> accepted;
    for (const auto& [version, name] : versions) {
      const tls_client one{here.under_test.tls_port(), {.min = version, .max = version}};
      if (one.handshake().established)
        accepted.push_back(one.handshake().version);
    }
    EXPECT_EQ(accepted, each.accepted) << each.min << " to " << each.max;
  }
}

TEST(TlsFrontSuites, AreThoseConfigured) {
  const stage here{tls_front({&certificates().first},
                             {{"max_tls_version", "TLSv1.2"},
                              {"cipher_suites", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"}})};
  const auto suite_of = [&](const std::string& offered) {
    const tls_client one{here.under_test.tls_port(), {.suites = offered}};
    return one.handshake().suite;
  };
  EXPECT_EQ(suite_of("ALL"), "ECDHE-ECDSA-AES256-GCM-SHA384");
  EXPECT_EQ(suite_of("ECDHE-ECDSA-AES128-GCM-SHA256"), "");
}

TEST(TlsFrontDefaults, SpeakNoTls13) {
  auto settings = tls_front({&certificates().first});
  settings.erase("max_tls_version");
  const stage here{settings};
  EXPECT_EQ(tls_client{here.under_test.tls_port()}.handshake().version, "TLSv1.2");
}

TEST(TlsFrontTimes, OfIdlenessEndConnectionsInOrder) {
  const backend there;
  stage here{tls_front({&certificates().first}, {{"frontend_idle_timeout", slowed_text(100ms)}})};
  tls_client one{here.under_test.tls_port()};
  EXPECT_EQ(one->send(get_request(here.mapped(there))).response().status, 200);
  EXPECT_EQ(one.bridge().wait_for_end(), tls_end::goodbye);
}

TEST(TlsFrontAlone, ServesWithoutAnHttpPort) {
  stage here{tls_front({&certificates().first}, {{"disable_http", true}})};
  const backend there;
  const auto host = here.mapped(there);
  EXPECT_THROW(client{here.under_test.port()}, socket_error);
  tls_client one{here.under_test.tls_port()};
  EXPECT_EQ(one->send(get_request(host)).response().status, 200);
}

TEST(TlsFrontLifecycle, DrainsConnectionsInOrder) {
  const gate held;
  const backend there{[&](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
    if (session.request.target == "/hold")
      held.wait(session);
    session.send("later");
  }};
  stage here{tls_front({&certificates().first})};
  const auto host = here.mapped(there);
  tls_client idle{here.under_test.tls_port()};
  EXPECT_EQ(idle->send(get_request(host)).response().body, "firstlater");
  tls_client fresh{here.under_test.tls_port()}; // Never asked anything.
  EXPECT_TRUE(fresh.handshake().established);
  tls_client busy{here.under_test.tls_port()};
  busy->send(get_request(host, "/hold"));
  auto answer = busy->response_head();
  EXPECT_EQ(answer.status, 200);
  here.under_test.process().signal(SIGUSR1);
  EXPECT_EQ(idle.bridge().wait_for_end(), tls_end::goodbye);
  EXPECT_EQ(fresh.bridge().wait_for_end(), tls_end::goodbye);
  EXPECT_TRUE(here.under_test.process().running());
  EXPECT_THROW(stream_socket::connected_to(here.under_test.tls_port()), socket_error);
  held.open();
  busy->reader().body(answer);
  EXPECT_EQ(answer.body, "firstlater");
  EXPECT_EQ(busy.bridge().wait_for_end(), tls_end::goodbye);
  EXPECT_EQ(here.under_test.process().wait_for_exit(), 0);
}

TEST(TlsFrontLifecycle, StopsAtOnceWithConnectionsOpen) {
  const backend there{answers::silent()};
  stage here{tls_front({&certificates().first})};
  tls_client idle{here.under_test.tls_port()};
  EXPECT_TRUE(idle.handshake().established);
  tls_client busy{here.under_test.tls_port()};
  busy->send(get_request(here.mapped(there)));
  ASSERT_TRUE(there.wait_for_requests(1));
  here.under_test.process().signal(SIGTERM);
  EXPECT_EQ(here.under_test.process().wait_for_exit(), 0);
}

} // namespace
} // namespace shunt::test
