// Requests that could be read in two ways, or in none: refused before any backend hears of them.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <set>
#include <thread>

namespace shunt::test {
namespace {

using testing::StartsWith;

class BadInput : public SharedStage<BadInput> {
protected:
  backend there;
  std::string host;

  void SetUp() override {
    SharedStage::SetUp();
    if (!HasFatalFailure())
      host = here().mapped(there);
  }

  /// `text` with the mapped host for every H in braces.
  std::string with_host(std::string text) const {
    for (std::size_t at = 0; (at = text.find("{H}", at)) != text.npos; at += host.size())
      text.replace(at, 3, host);
    return text;
  }

  /// Sends it, with another request behind it that would be the smuggled one.
  std::string answer_to(const std::string& request) {
    client one{port()};
    one.send(with_host(request) + get_request(host, "/smuggled"));
    return one.reader().rest(); // Throws unless the router closes.
  }

  void expect_refused(const std::string& request, const std::string& status_line,
                      const std::string& body) {
    SCOPED_TRACE(testing::PrintToString(request));
    const auto answer = answer_to(request);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status_line + "\r\n"));
    const auto end = answer.find("\r\n\r\n");
    ASSERT_NE(end, answer.npos);
    EXPECT_EQ(answer.substr(end + 4), body) << "nothing may follow";
    const auto head = parse_response_head(answer.substr(0, end + 4), "GET");
    EXPECT_TRUE(head.lists("Connection", "close"));
    EXPECT_EQ(head.one("X-Vcap-Request-Id").size(), 36u);
  }
};

const std::string bad_requests[] = {
  // Framing.
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5\r\nTransfer-Encoding: "
  "chunked\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\nContent-Length: "
  "5\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5, 5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: +5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: -5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 0x5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5 5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length:\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5;\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
  "0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
  "POST / HTTP/1.0\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  // Lines.
  "GET / HTTP/1.1\nHost: {H}\n\n",
  "GET / HTTP/1.1\r\nHost: {H}\nX: y\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: {H}\r\nX: a\rb\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: {H}\r\nX: a\r\n b\r\n\r\n",
  "GET / HTTP/1.1\r\n Host: {H}\r\n\r\n",
  "\r\n\r\nGET / HTTP/1.1\r\nHost: {H}\r\n\r\n",
  // The request line.
  "GET  / HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET / HTTP/1.1 \r\nHost: {H}\r\n\r\n",
  " GET / HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET /a b HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET\t/\tHTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET / http/1.1\r\nHost: {H}\r\n\r\n",
  "GET / HTTP/11\r\nHost: {H}\r\n\r\n",
  "GET /\r\nHost: {H}\r\n\r\n",
  "G@T / HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET nowhere HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET * HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET /a#b HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET ftp://{H}/ HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "GET http://other.test/ HTTP/1.1\r\nHost: {H}\r\n\r\n",
  "CONNECT {H}:443 HTTP/1.1\r\nHost: {H}\r\n\r\n",
};

TEST_F(BadInput, IsRefusedAndNeverReachesABackend) {
  for (const auto& each : bad_requests)
    expect_refused(each, "400 Bad Request", "400 Bad Request");
  EXPECT_EQ(there.bytes_received(), 0u);
  EXPECT_EQ(there.connection_count(), 0u);
}

struct refusal {
  const char* request;
  const char* status_line;
  const char* body = status_line; ///< It usually repeats the status.
};

constexpr refusal refusals[] = {
  {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"},
  {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 Bad Request: malformed Host header"},
  {"GET / HTTP/1.1\r\nHost: {H}/x\r\n\r\n", "400 Bad Request: malformed Host header"},
  {"GET / HTTP/1.1\r\nHost: user@{H}\r\n\r\n", "400 Bad Request: malformed Host header"},
  {"GET / HTTP/1.1\r\nHost: {H}, {H}\r\n\r\n", "400 Bad Request: malformed Host header"},
  {"GET / HTTP/1.1\r\nHost: {H}:99999\r\n\r\n", "400 Bad Request: malformed Host header"},
  {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400 Bad Request: malformed Host header"},
  {"GET / HTTP/1.1\r\nHost: {H}\r\nHost: {H}\r\n\r\n", "400 Bad Request"},
  {"GET / HTTP/1.1\r\nHost: {H}\r\nHost: other.test\r\n\r\n", "400 Bad Request"},
  {"GET / HTTP/1.1\r\nHost: {H}\r\nBad Name: x\r\n\r\n", "400 Bad Request: invalid header name"},
  {"GET / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding : chunked\r\n\r\n",
   "400 Bad Request: invalid header name"},
  {"GET / HTTP/1.1\r\nHost: {H}\r\nX: a\x01z\r\n\r\n", "400 Bad Request: invalid header value"},
  {"POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented",
   "Unsupported transfer encoding"},
  {"POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
   "501 Not Implemented", "Unsupported transfer encoding"},
  {"GET / HTTP/2.0\r\nHost: {H}\r\n\r\n",
   "505 HTTP Version Not Supported: unsupported protocol version"},
  {"GET / HTTP/0.9\r\nHost: {H}\r\n\r\n",
   "505 HTTP Version Not Supported: unsupported protocol version"},
  {"POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 2\r\nExpect: 200-ok\r\n\r\n",
   "417 Expectation Failed", ""},
};

TEST_F(BadInput, IsToldWhatIsWrong) {
  for (const auto& each : refusals)
    expect_refused(each.request, each.status_line, each.body);
  EXPECT_EQ(there.connection_count(), 0u);
}

TEST_F(BadInput, OfAnUnknownMinorVersionIsAnsweredRaw) {
  EXPECT_THAT(answer_to("GET / HTTP/1.5\r\nHost: {H}\r\n\r\n"),
              testing::MatchesRegex("HTTP/1.0 400 Bad Request\r\nX-Vcap-Request-Id: [0-9a-f-]+\r\n\r\n"));
  EXPECT_EQ(there.connection_count(), 0u);
}

TEST_F(BadInput, IsFoundInTheLogByTheIdOfItsAnswer) {
  std::set<std::string> ids; // Such lines are limited, and the tests before cause many.
  ASSERT_TRUE(eventually([&] {
    ids.insert(here().ask("GET / HTTP/1.1\r\nHost: a b\r\n\r\n").one("X-Vcap-Request-Id"));
    for (const auto& entry : here().under_test.log())
      if (entry.value("message", "") == "request-refused"
          && ids.contains(entry.at("data").at("vcap_request_id")))
        return entry.at("data").at("error") == "malformed Host";
    return false;
  }));
}

TEST_F(BadInput, WithAByteOfZeroIsRefused) {
  using namespace std::string_literals;
  expect_refused("GET / HTTP/1.1\r\nHost: {H}\r\nX: a\0b\r\n\r\n"s,
                 "400 Bad Request: invalid header value", "400 Bad Request: invalid header value");
}

TEST_F(BadInput, IsRefusedHoweverItIsCut) {
  const auto request = with_host(
    "POST / HTTP/1.1\r\nHost: {H}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (std::size_t cut = 1; cut < request.size(); cut += 7) {
    client one{port()};
    one.send(request.substr(0, cut));
    one.send(request.substr(cut));
    EXPECT_EQ(one.response().status, 400);
  }
  EXPECT_EQ(there.connection_count(), 0u);
}

TEST_F(BadInput, ThatIsNotHttpAtAllEndsTheConnection) {
  for (const std::string bytes : {"\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03hello\r\n\r\n",
                                  "SSH-2.0-x\r\n\r\n", "\r\n\r\n\r\n", "{\"json\":1}\r\n\r\n"}) {
    client one{port()};
    one.send(bytes);
    one.socket().half_close();
    EXPECT_THAT(one.reader().rest(), StartsWith("HTTP/1.1 400 "));
  }
}

/// Chunked bodies that are broken where the head ends: no backend sees anything.
TEST_F(BadInput, InAChunkedBodyThatCameAlongIsRefused) {
  for (const std::string body :
       {"x\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "1\na", "1;a\rb\r\n"}) {
    const auto answer = here().ask(
      with_host("POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\n\r\n") + body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.one("X-Cf-RouterError"), "malformed_body");
    EXPECT_EQ(answer.one("Connection"), "close");
  }
  EXPECT_EQ(there.request_count(), 0u);
}

/// What breaks later: the head was fine, so the backend may have seen a part.
TEST_F(BadInput, InAChunkedBodyNeverBecomesACompleteRequest) {
  there.answer_with(answers::echo());
  for (const std::string body :
       {"x\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhelloworld\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
        "11111111111111111\r\nhello\r\n0\r\n\r\n", "5;a\x01=b\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nBad Name: x\r\n\r\n", "5\r\nhello\r\n0\r\n folded\r\n\r\n"}) {
    client one{port()};
    one.send(with_host("POST / HTTP/1.1\r\nHost: {H}\r\nTransfer-Encoding: chunked\r\n\r\n") + body
             + get_request(host, "/smuggled"));
    std::string answer;
    try {
      answer = one.reader().rest();
    } catch (const socket_error& error) {
      EXPECT_EQ(error.reason, socket_error::kind::reset) << body;
    }
    EXPECT_EQ(answer.find("HTTP/1.1 200"), answer.npos) << body;
  }
  for (const auto& request : there.requests()) {
    EXPECT_EQ(request.target, "/");
    EXPECT_EQ(request.body, "") << "the script saw the end of a body that had none";
  }
  there.take_faults(); // A body without its end may well look like one.
}

/// A backend that takes a part of a body, answers and resets: what it did not take is no request.
TEST_F(BadInput, InABodyThatNobodyTookIsNeverServed) {
  there.answer_with([](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    session.reset();
  });
  const std::string smuggled = with_host("GET /smuggled HTTP/1.1\r\nHost: {H}\r\n\r\n");
  for (std::size_t size = 8 * 1024; size < 8u << 20; size = size * 3 / 2) {
    std::string body;
    while (body.size() < size)
      body += smuggled;
    client one{port()};
    std::thread sender{[&] {
      try {
        one.send(post_request(host, body));
        one.socket().half_close();
      } catch (const socket_error&) { // The router closes before it has read all of it.
      }
    }};
    std::string answer;
    try {
      answer = one.reader().rest();
    } catch (const socket_error& error) {
      EXPECT_EQ(error.reason, socket_error::kind::reset);
    }
    sender.join();
    EXPECT_EQ(answer.find("HTTP/1.1 ", 1), answer.npos) << "a second answer, body of " << size;
  }
  for (const auto& request : there.requests())
    EXPECT_NE(request.target, "/smuggled");
}

/// Each element of Connection is compared with each field, so their number is limited.
TEST_F(BadInput, WithAThousandConnectionOptionsIsRefused) {
  std::string options = "a";
  for (int i = 0; i < 1000; ++i)
    options += ", b" + std::to_string(i);
  expect_refused("GET / HTTP/1.1\r\nHost: {H}\r\nConnection: " + options + "\r\n\r\n",
                 "400 Bad Request: invalid header value", "400 Bad Request: invalid header value");
}

TEST_F(BadInput, WithAHugeHostIsUnknownAndNotRemembered) {
  const auto resident = [] { return here().under_test.process().resident_kib(); };
  const auto before = resident();
  for (int i = 0; i < 50; ++i) {
    const std::string huge(500'000, static_cast<char>('a' + i % 26));
    EXPECT_EQ(here().get(huge + std::to_string(i)).status, 404);
  }
  if (slowness() == 1) { // Sanitizers keep what was freed.
    EXPECT_LT(resident(), before + 12 * 1024);
  }
}

TEST_F(BadInput, ALineEndTooManyAfterABodyLeavesTheConnectionIdle) {
  client one{port()};
  EXPECT_EQ(one.send(post_request(host, "body") + "\r\n").response("POST").status, 200);
  EXPECT_EQ(one.send(get_request(host)).response().status, 200);
}

TEST_F(BadInput, OneEmptyLineBeforeARequestIsTolerated) {
  EXPECT_EQ(here().ask("\r\n" + get_request(host)).status, 200);
}

TEST_F(BadInput, OptionsAsteriskIsAnsweredByTheRouter) {
  client one{port()};
  for (int i = 0; i < 2; ++i) {
    const auto answer = one.send(with_host("OPTIONS * HTTP/1.1\r\nHost: {H}\r\n\r\n")).response();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.one("Content-Length"), "0");
  }
  EXPECT_EQ(there.connection_count(), 0u);
}

} // namespace
} // namespace shunt::test
