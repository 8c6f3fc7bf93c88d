// What the client is sent of a response's head, and which version and framing it gets.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <ctime>
#include <regex>

namespace shunt::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class Responses : public SharedStage<Responses> {
public:
  static nlohmann::json configuration() { return {{"trace_key", "open-sesame"}}; }

protected:
  backend there;
  std::string host;

  void SetUp() override {
    SharedStage::SetUp();
    if (!HasFatalFailure())
      host = here().mapped(there);
  }
  /// What a client gets when the backend answers exactly these bytes, then closes.
  http_response relayed(const std::string& bytes, const std::string& request_fields = {}) {
    there.answer_with(answers::bytes_then_close(bytes));
    return here().get(host, "/", request_fields);
  }
};

TEST_F(Responses, KeepTheSendersSpellingOrderAndRepetition) {
  const std::string sent = "HTTP/1.1 299 My Own Reason\r\nX-Zed: 1\r\nx-alpha: two  words\r\n"
                           "SET-COOKIE: a=b\r\nX-Zed: 3\r\nset-cookie: c=d\r\nSERVER: me\r\n"
                           "content-length: 2\r\nDATE: yesterday\r\n";
  const auto answer = relayed(sent + "\r\nok");
  EXPECT_THAT(answer.raw_head, StartsWith(sent));
  EXPECT_EQ(answer.body, "ok");
}

TEST_F(Responses, GetADateWhenTheBackendGaveNone) {
  const auto answer = relayed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  tm parsed{};
  ASSERT_NE(strptime(answer.one("Date").c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parsed), nullptr)
    << answer.raw_head;
  EXPECT_NEAR(static_cast<double>(timegm(&parsed)), static_cast<double>(std::time(nullptr)), 5.0);
}

TEST_F(Responses, KeepTheDateOfTheBackend) {
  const auto answer =
    relayed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
  EXPECT_EQ(answer.one("Date"), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST_F(Responses, GetNoContentTypeThatTheBackendDidNotGive) {
  const auto answer = relayed("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<html>hi</html>");
  EXPECT_FALSE(answer.has("Content-Type"));
  EXPECT_FALSE(answer.has("X-Content-Type-Options"));
  EXPECT_FALSE(answer.has("X-Cf-RouterError"));
}

TEST_F(Responses, CarryTheIdThatTheBackendSaw) {
  const auto answer = relayed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(answer.one("X-Vcap-Request-Id"), there.last_request().one("X-Vcap-Request-Id"));
  EXPECT_EQ(relayed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Vcap-Request-Id: own\r\n\r\n")
              .one("X-Vcap-Request-Id"),
            "own");
}

TEST_F(Responses, LoseHopByHopFields) {
  const auto answer = relayed(
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Listed, keep-alive\r\nX-Listed: 1\r\n"
    "Keep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nProxy-Connection: x\r\nTE: x\r\n"
    "Upgrade: h2c\r\nX-CF-Proxy-Signature: s\r\nKept: 1\r\n\r\n");
  for (const auto* name : {"Connection", "X-Listed", "Keep-Alive", "Proxy-Authenticate",
                           "Proxy-Connection", "TE", "Upgrade", "X-CF-Proxy-Signature"})
    EXPECT_FALSE(answer.has(name)) << name;
  EXPECT_EQ(answer.one("Kept"), "1");
}

TEST_F(Responses, PassErrorsAndRedirectsOfTheBackend) {
  for (const auto* line :
       {"302 Found", "404 Not Found", "500 Oops", "503 Later", "999 Odd"}) {
    const auto answer = relayed("HTTP/1.1 " + std::string{line}
                                + "\r\nContent-Length: 1\r\nLocation: /x\r\n"
                                  "X-Cf-RouterError: spoofed\r\n\r\n!");
    EXPECT_THAT(answer.raw_head, StartsWith("HTTP/1.1 " + std::string{line} + "\r\n"));
    EXPECT_EQ(answer.one("X-Cf-RouterError"), "spoofed");
    EXPECT_EQ(answer.one("Location"), "/x");
    EXPECT_EQ(answer.body, "!");
  }
}

/// As with gorouter; and some clients of HTTP/1.1 take a status line without one for broken.
TEST_F(Responses, GetAReasonThatTheBackendDidNotGive) {
  EXPECT_THAT(relayed("HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n").raw_head,
              StartsWith("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(Responses, TellTheBackendToWhoKnowsTheTraceKey) {
  const std::string plain = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const auto answer = relayed(plain, "X-Vcap-Trace: open-sesame\r\n");
  EXPECT_EQ(answer.one("X-Vcap-Backend"), there.address());
  EXPECT_EQ(answer.one("X-Cf-RouteEndpoint"), there.address());
  EXPECT_TRUE(std::regex_match(answer.one("X-Vcap-Router"), std::regex{"\\d+(\\.\\d+){3}"}));
  const auto other = relayed(plain, "X-Vcap-Trace: guess\r\n");
  EXPECT_FALSE(other.has("X-Vcap-Backend"));
  EXPECT_FALSE(other.has("X-Vcap-Router"));
}

TEST_F(Responses, ToHeadKeepTheLengthButHaveNoBody) {
  there.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"));
  client one{port()};
  const std::string head = "HEAD / HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  for (int i = 0; i < 3; ++i) { // A body that is still expected would show on the next one.
    const auto answer = one.send(head).response("HEAD");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.one("Content-Length"), "1234");
  }
  EXPECT_EQ(there.connection_count(), 1u);
  EXPECT_EQ(there.last_request().method, "HEAD");
}

TEST_F(Responses, WithoutBodyByTheirStatusEndWithTheHead) {
  for (const auto* line : {"204 No Content", "304 Not Modified"}) {
    const std::string extra =
      std::string_view{line}.starts_with("304") ? "Content-Length: 99\r\n" : "";
    there.answer_with(
      answers::bytes("HTTP/1.1 " + std::string{line} + "\r\nETag: \"x\"\r\n" + extra + "\r\n"));
    client one{port()};
    for (int i = 0; i < 2; ++i) {
      const auto answer = one.send(get_request(host)).response();
      EXPECT_EQ(answer.status, std::stoi(line));
      EXPECT_EQ(answer.one("ETag"), "\"x\"");
      EXPECT_FALSE(answer.has("Transfer-Encoding"));
    }
  }
}

TEST_F(Responses, KeepAnEmptyBodyEmpty) {
  const auto answer = relayed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(answer.one("Content-Length"), "0");
  EXPECT_EQ(answer.body, "");
}

TEST_F(Responses, InChunksStayInChunksWithTheirTrailers) {
  const auto answer =
    relayed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            "5;ext=1\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 42\r\n\r\n");
  EXPECT_EQ(answer.framing, http_framing::chunked);
  EXPECT_EQ(answer.body, "hello!");
  EXPECT_EQ(answer.one("Trailer"), "X-Sum");
  EXPECT_THAT(answer.trailers, ElementsAre(http_field{"X-Sum", "42"}));
}

TEST_F(Responses, UntilCloseBecomeChunked) {
  for (const auto* version : {"HTTP/1.0", "HTTP/1.1"}) {
    const auto answer = relayed(std::string{version} + " 200 OK\r\nA: b\r\n\r\nall of it");
    EXPECT_EQ(answer.version, "HTTP/1.1");
    EXPECT_EQ(answer.framing, http_framing::chunked);
    EXPECT_EQ(answer.body, "all of it");
  }
}

TEST_F(Responses, CutShortByTheBackendAreCutShortForTheClient) {
  for (const auto* bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsho",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nbad\r\n"})
    EXPECT_THROW(relayed(bytes), socket_error) << bytes;
}

TEST_F(Responses, AreSentAsTheyComeAndNotCollected) {
  const gate held;
  there.answer_with([held](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    held.wait(session);
    session.send("6\r\nsecond\r\n0\r\n\r\n");
  });
  client one{port()};
  one.send(get_request(host));
  EXPECT_EQ(one.response_head().status, 200);
  EXPECT_EQ(one.reader().exactly(10), "5\r\nfirst\r\n");
  held.open();
  EXPECT_EQ(one.reader().exactly(16), "6\r\nsecond\r\n0\r\n\r\n");
}

TEST_F(Responses, AreSentBeforeAnyBodyCame) {
  const gate held;
  there.answer_with([held](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    held.wait(session);
    session.send("ok");
  });
  client one{port()};
  one.send(get_request(host));
  EXPECT_EQ(one.response_head().status, 200);
  held.open();
  EXPECT_EQ(one.reader().exactly(2), "ok");
}

class OldClient : public Responses {
protected:
  std::string request(const std::string& fields = {}) const {
    return "GET / HTTP/1.0\r\nHost: " + host + "\r\n" + fields + "\r\n";
  }
};

TEST_F(OldClient, GetsChunksAsABodyUntilClose) {
  there.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "5\r\nhello\r\n0\r\nT: x\r\n\r\n"));
  client one{port()};
  const auto answer = one.send(request("Connection: keep-alive\r\n")).response();
  EXPECT_EQ(answer.framing, http_framing::until_close);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_FALSE(answer.lists("Connection", "keep-alive"));
}

TEST_F(OldClient, IsClosedAfterItsResponse) {
  there.answer_with(answers::ok("hello"));
  client one{port()};
  const auto answer = one.send(request()).response();
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.one("Content-Length"), "5");
  EXPECT_TRUE(one.sees_close());
}

TEST_F(OldClient, KeepsItsConnectionWhereItAsksForIt) {
  there.answer_with(answers::ok("hello"));
  client one{port()};
  for (int i = 0; i < 2; ++i) {
    const auto answer = one.send(request("Connection: keep-alive\r\n")).response();
    EXPECT_EQ(answer.body, "hello");
    EXPECT_TRUE(answer.lists("Connection", "keep-alive"));
  }
}

TEST_F(OldClient, IsSpokenToInItsVersion) {
  there.answer_with(answers::ok("hello"));
  EXPECT_EQ(here().ask(request()).version, "HTTP/1.0");
  EXPECT_EQ(here().ask("GET / HTTP/1.0\r\nHost: nowhere.test\r\n\r\n").version, "HTTP/1.0");
}

} // namespace
} // namespace shunt::test
