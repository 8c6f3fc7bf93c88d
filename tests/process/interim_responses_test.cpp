// 1xx responses and the handshake before a body: Expect: 100-continue.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace shunt::test {
namespace {

class Interim : public SharedStage<Interim> {
protected:
  static std::string expecting(const std::string& host) {
    return "POST / HTTP/1.1\r\nHost: " + host
           + "\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  }
};

TEST_F(Interim, EarlyHintsReachTheClientBeforeTheResponse) {
  const backend there{answers::bytes(
    "HTTP/1.1 102 Processing\r\n\r\n"
    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nlink: </b.js>\r\n\r\n"
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 2; ++i) {
    one.send(get_request(host));
    EXPECT_EQ(one.response().status, 102);
    const auto hints = one.response();
    EXPECT_EQ(hints.status, 103);
    EXPECT_THAT(hints.all("Link"), testing::ElementsAre("</a.css>; rel=preload", "</b.js>"));
    EXPECT_EQ(one.response().body, "ok");
  }
}

TEST_F(Interim, AreKeptFromAClientOfHttp10) {
  const backend there{answers::bytes("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
                                     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
  const auto host = here().mapped(there);
  EXPECT_EQ(here().ask("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n").status, 200);
}

TEST_F(Interim, EndlessOnesAreAFailureOfTheBackend) {
  const backend there{[](backend_session& session) {
    for (int i = 0; i < 100'000; ++i)
      session.send("HTTP/1.1 102 Processing\r\n\r\n");
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(get_request(host));
  auto answer = one.response();
  while (answer.status == 102)
    answer = one.response();
  EXPECT_EQ(answer.status, 502);
}

TEST_F(Interim, ContinueOfTheBackendIsRelayed) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 100 Continue\r\n\r\n");
    answers::echo()(session);
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host));
  EXPECT_EQ(one.response().status, 100);
  EXPECT_EQ(there.last_request().one("Expect"), "100-continue");
  EXPECT_EQ(there.last_request().one("Connection"), "close");
  one.send("body");
  const auto answer = one.response("POST");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "body");
}

TEST_F(Interim, ContinueIsNotSaidBeforeTheBackendDoes) {
  gate held;
  const backend there{[held](backend_session& session) {
    session.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    held.wait(session);
    session.send("HTTP/1.1 100 Continue\r\n\r\n");
    answers::echo()(session);
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host));
  EXPECT_EQ(one.response().status, 103) << "what the backend says is passed on, and nothing else is said";
  held.open();
  EXPECT_EQ(one.response().status, 100);
  one.send("body");
  EXPECT_EQ(one.response("POST").body, "body");
}

TEST_F(Interim, ContinueThatNobodyAskedForIsRelayedOnce) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    answers::echo()(session);
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(post_request(host, "body"));
  EXPECT_EQ(one.response().status, 100);
  EXPECT_EQ(one.response("POST").body, "body");
}

TEST_F(Interim, ContinueIsSaidByTheRouterWhenTheBackendDoesNot) {
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host));
  EXPECT_EQ(one.response().status, 100);
  one.send("body");
  EXPECT_EQ(one.response("POST").body, "body");
}

TEST_F(Interim, AnEarlyRefusalKeepsTheBodyFromBeingSent) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    session.wait_for_close();
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host));
  const auto answer = one.response("POST");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "big");
  EXPECT_EQ(there.bytes_received(), there.last_request().raw_head.size());
}

TEST_F(Interim, AClientThatDoesNotWaitIsServedAllTheSame) {
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host) + "body");
  const auto answer = one.response("POST");
  EXPECT_EQ(answer.status, 200) << "who sends its body need not be told to";
  EXPECT_EQ(answer.body, "body");
}

TEST_F(Interim, AnExpectationWithoutABodyIsNoneToWaitFor) {
  gate held;
  const backend there{[held](backend_session& session) {
    held.wait(session);
    answers::ok("hello")(session);
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(get_request(host, "/", "Expect: 100-continue\r\n"));
  ASSERT_TRUE(there.wait_for_requests(1));
  EXPECT_THROW(one.socket().receive(1, 1500ms / slowness()), socket_error) << "there is nothing to go on with";
  held.open();
  EXPECT_EQ(one.response().body, "hello");
}

TEST_F(Interim, AClientThatLeavesBeforeItSendsIsNoticed) {
  gate never;
  backend there{[never](backend_session& session) { never.wait(session); }};
  const auto host = here().mapped(there);
  {
    client one{port()};
    one.send(expecting(host));
    ASSERT_TRUE(there.wait_for_requests(1));
  }
  EXPECT_THAT(here().under_test.wait_for_access("\"POST / HTTP/1.1\" 499"), testing::HasSubstr(host));
  never.open();
}

TEST_F(Interim, AnEarlyResponseReachesAClientThatIsStillSending) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
    session.wait_for_close();
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100000\r\n\r\nsome of it");
  const auto answer = one.response("POST");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.body, "no");
}

// -- As curl does it, which waits for a 100 as long as it is told to.

class CurlExpects : public SharedStage<CurlExpects> {
public:
  static nlohmann::json configuration() { return apps_front(); }

protected:
  CurlExpects() {
    std::ofstream{files.path_of("body")} << body;
    std::ofstream{files.path_of("ca.pem")} << apps_certificate().pem();
  }
  /// What it did, and the answer with everything around it.
  tool_result upload(const std::string& version, const backend& to) {
    const auto host = apps_name("expects-" + std::to_string(to.port()));
    here().map(host, to);
    const auto at = host + ":" + std::to_string(here().under_test.tls_port());
    return run_tool({"curl", "-sSv", version, "--max-time", "25", "--expect100-timeout", "20", "--cacert",
                     files.path_of("ca.pem"), "--resolve", at + ":127.0.0.1", "-H", "Expect: 100-continue",
                     "--data-binary", "@" + files.path_of("body"), "-w", "\n|%{http_code}|%{size_upload}|",
                     "https://" + at + "/"});
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1))
      ++found;
    return found;
  }

  static void refusing(backend_session& session) {
    session.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    session.wait_for_close();
  }

  const std::string body = std::string(300'000, 'b');
  temporary_directory files;
  const std::vector<std::pair<std::string, std::string>> versions{{"--http1.1", "< HTTP/1.1 100"},
                                                                  {"--http2", "< HTTP/2 100"}};
};

TEST_F(CurlExpects, ToBeAskedByTheBackend) {
  for (const auto& [version, asked] : versions) {
    backend there{[](backend_session& session) {
      session.send("HTTP/1.1 100 Continue\r\n\r\n");
      answers::ok(std::to_string(session.read_body().size()))(session);
    }};
    const auto result = upload(version, there);
    EXPECT_EQ(count(result.output, asked), 1u) << result.output;
    EXPECT_THAT(result.output, testing::HasSubstr("300000\n|200|300000|"));
    EXPECT_EQ(there.last_request().one("Expect"), "100-continue");
  }
}

TEST_F(CurlExpects, ToBeRefusedBeforeItSends) {
  for (const auto& [version, asked] : versions) {
    const backend there{refusing};
    const auto result = upload(version, there);
    EXPECT_EQ(count(result.output, asked), 0u) << result.output;
    EXPECT_THAT(result.output, testing::HasSubstr("big\n|413|0|"));
    EXPECT_EQ(there.bytes_received(), there.last_request().raw_head.size());
  }
}

/// Many backends do not know the expectation. Without anybody's word both would wait.
TEST_F(CurlExpects, ToBeAskedByTheRouterIfTheBackendNeverDoes) {
  for (const auto& [version, asked] : versions) {
    backend there{[](backend_session& session) { answers::ok(std::to_string(session.read_body().size()))(session); }};
    const auto result = upload(version, there);
    EXPECT_EQ(count(result.output, asked), 1u) << result.output;
    EXPECT_THAT(result.output, testing::HasSubstr("300000\n|200|300000|"));
  }
}

} // namespace
} // namespace shunt::test
