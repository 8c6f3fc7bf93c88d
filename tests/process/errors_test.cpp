// The responses that the router makes itself: every byte that a client may rely on.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <regex>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

const std::string failure_body =
  "502 Bad Gateway: Registered endpoint failed to handle the request.\n";

/// What all plain-text errors have in common.
void expect_plain(const http_response& answer) {
  EXPECT_EQ(answer.one("Content-Type"), "text/plain; charset=utf-8") << answer.raw_head;
  EXPECT_EQ(answer.one("X-Content-Type-Options"), "nosniff") << answer.raw_head;
  EXPECT_EQ(answer.one("Content-Length"), std::to_string(answer.body.size()));
  EXPECT_EQ(answer.one("X-Vcap-Request-Id").size(), 36u) << answer.raw_head;
  EXPECT_TRUE(answer.has("Date")) << answer.raw_head;
}

void expect_endpoint_failure(const http_response& answer, const std::string& error) {
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.reason, "Bad Gateway");
  EXPECT_EQ(answer.body, failure_body);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "endpoint_failure (" + error + ")");
  EXPECT_FALSE(answer.has("Cache-Control"));
  expect_plain(answer);
}

class Errors : public SharedStage<Errors> {
public:
  static nlohmann::json configuration() {
    return {{"endpoint_timeout", slowed_text(400ms)},
            {"endpoint_dial_timeout", slowed_text(300ms)}};
  }

protected:
  static http_response from_port(std::uint16_t backend_port) {
    const auto host = fresh_host();
    here().map(host, backend_port);
    return here().get(host);
  }
};

TEST_F(Errors, EmptyHostIsRefused) {
  for (const std::string request : {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
                                    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                                    "GET / HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"}) {
    const auto answer = here().ask(request);
    EXPECT_EQ(answer.status, 400) << request;
    EXPECT_EQ(answer.body, "400 Bad Request: Request had empty Host header\n");
    EXPECT_EQ(answer.one("X-Cf-RouterError"), "empty_host");
    EXPECT_EQ(answer.one("Cache-Control"), "public,max-age=2");
    expect_plain(answer);
  }
}

TEST_F(Errors, EmptyHostLeavesTheConnectionOpen) {
  const backend there;
  const auto host = here().mapped(there);
  client one{port()};
  const auto answer = one.send("POST / HTTP/1.1\r\nHost:\r\nContent-Length: 4\r\n\r\nbody").response("POST");
  EXPECT_EQ(answer.status, 400);
  EXPECT_FALSE(answer.has("Connection"));
  EXPECT_EQ(one.send(get_request(host)).response().status, 200);
}

TEST_F(Errors, UnknownRouteNamesTheHostAsReceived) {
  const auto answer = here().get("No-Where.test:8080", "/p?q");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "404 Not Found: Requested route ('No-Where.test:8080') does not exist.\n");
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "unknown_route");
  EXPECT_EQ(answer.one("Cache-Control"), "no-cache, no-store");
  expect_plain(answer);
}

TEST_F(Errors, HaveNoBodyForHead) {
  client one{port()};
  for (int i = 0; i < 2; ++i) { // A body that came all the same would break the second response.
    const auto answer = one.send("HEAD / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n").response("HEAD");
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer.one("Content-Length"), "64");
  }
}

TEST_F(Errors, CarryADifferentRequestIdEachTime) {
  EXPECT_NE(here().get("nowhere.test").one("X-Vcap-Request-Id"),
            here().get("nowhere.test").one("X-Vcap-Request-Id"));
}

TEST_F(Errors, RefusedConnection) {
  const refusing_port dead;
  expect_endpoint_failure(from_port(dead.port()),
                          "dial tcp " + dead.address() + ": connect: connection refused");
}

TEST_F(Errors, ConnectionThatTakesTooLong) {
  const stuck_port stuck;
  expect_endpoint_failure(from_port(stuck.port()), "dial tcp " + stuck.address() + ": i/o timeout");
}

/// Dialling is a part of what `endpoint_timeout` limits.
TEST(ErrorsOfDialling, AreTimeoutsWhenTheExchangeHasLessTimeThanADial) {
  stage here{{{"endpoint_timeout", slowed_text(300ms)}, {"endpoint_dial_timeout", "60s"}}};
  const stuck_port stuck;
  const auto host = fresh_host();
  here.map(host, stuck.port());
  expect_endpoint_failure(here.get(host), "context deadline exceeded");
}

TEST_F(Errors, NameThatDoesNotExist) {
  const auto host = fresh_host();
  here().bus.announce(80, host, {{"host", "no-such-name.invalid"}});
  ASSERT_TRUE(here().eventually_answers(host, "/", 502));
  EXPECT_THAT(here().get(host).one("X-Cf-RouterError"), StartsWith("endpoint_failure (dial tcp"));
}

TEST_F(Errors, ConnectionClosedWithoutAnAnswer) {
  const backend there{answers::closing()};
  expect_endpoint_failure(from_port(there.port()), "EOF");
}

TEST_F(Errors, ConnectionClosedInTheMiddleOfAHead) {
  const backend there{answers::bytes_then_close("HTTP/1.1 200 OK\r\nContent-")};
  expect_endpoint_failure(from_port(there.port()), "unexpected EOF");
}

TEST_F(Errors, ConnectionReset) {
  const backend there{answers::resetting()};
  const auto answer = from_port(there.port());
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.body, failure_body);
  const std::regex expected{R"(endpoint_failure \(read tcp 127\.0\.0\.1:\d+->)" + there.address()
                            + R"(: read: connection reset by peer\))"};
  EXPECT_TRUE(std::regex_match(answer.one("X-Cf-RouterError"), expected)) << answer.raw_head;
}

TEST_F(Errors, BackendThatTakesTooLong) {
  const backend there{answers::silent()};
  expect_endpoint_failure(from_port(there.port()), "context deadline exceeded");
}

TEST_F(Errors, BackendThatTakesTooLongForItsBody) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    session.wait_for_close();
  }};
  EXPECT_THROW(from_port(there.port()), socket_error);
}

TEST_F(Errors, BackendThatDoesNotSpeakHttp) {
  for (const auto* bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: \x01\r\nContent-Length: 0\r\n\r\n"}) {
    const backend there{answers::bytes_then_close(bytes)};
    const auto answer = from_port(there.port());
    EXPECT_EQ(answer.status, 502) << bytes;
    EXPECT_EQ(answer.body, failure_body) << bytes;
    EXPECT_THAT(answer.one("X-Cf-RouterError"), StartsWith("endpoint_failure (")) << bytes;
  }
}

/// Small limits on heads in both directions.
class HeadLimits : public SharedStage<HeadLimits> {
public:
  static nlohmann::json configuration() {
    return {{"max_request_header_bytes", 1000},
            {"max_request_headers", 10},
            {"max_response_header_bytes", 1000},
            {"max_response_headers", 10}};
  }

protected:
  static std::string many(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i)
      lines += "X-" + std::to_string(i) + ": 1\r\n";
    return lines;
  }
  static std::string large(std::size_t bytes) {
    return "X-Large: " + std::string(bytes, 'x') + "\r\n";
  }
};

TEST_F(HeadLimits, RefuseLargeRequestsWithAnEmpty431) {
  const backend there;
  const auto host = here().mapped(there);
  for (const auto& fields : {many(11), large(1000)}) {
    client one{port()};
    const auto answer = one.send(get_request(host, "/", fields)).response();
    EXPECT_EQ(answer.status, 431);
    EXPECT_EQ(answer.reason, "Request Header Fields Too Large");
    EXPECT_EQ(answer.one("X-Cf-RouterError"), "max-request-size-exceeded");
    EXPECT_EQ(answer.one("Content-Length"), "0");
    EXPECT_FALSE(answer.has("Content-Type"));
    EXPECT_EQ(one.send(get_request(host)).response().status, 200) << "the connection goes on";
  }
  EXPECT_EQ(there.request_count(), 2u);
}

TEST_F(HeadLimits, LogWhatTheClientSentForNothingElseWas) {
  const backend there;
  const auto host = here().mapped(there, {{"app", "app-guid"}});
  here().get(host, "/", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: foo\r\n" + large(1000));
  const auto line = here().under_test.wait_for_access(host + " - [");
  EXPECT_THAT(line, HasSubstr(R"(x_forwarded_for:"9.9.9.9" x_forwarded_proto:"foo")"));
  EXPECT_THAT(line, HasSubstr(R"(app_id:"app-guid")"));
}

TEST_F(HeadLimits, CountBytesAsTheReferenceDoes) {
  const backend there;
  const auto host = here().mapped(there);
  // Method, target, version and 4; Host and 8; every name and value and 4. Refused at the limit.
  const std::size_t rest = 3 + 1 + 8 + 4 + host.size() + 8 + std::string_view{"X-Large"}.size() + 4;
  EXPECT_EQ(here().get(host, "/", large(1000 - rest)).status, 431);
  EXPECT_EQ(here().get(host, "/", large(999 - rest)).status, 200);
  EXPECT_EQ(here().get(host, "/", many(10)).status, 200);
}

TEST_F(HeadLimits, FailLargeResponses) {
  struct {
    std::string fields;
    const char* error;
  } const cases[] = {
    {large(1000), "net/http: HTTP/1.x transport connection broken: net/http: server response "
                  "headers exceeded 1000 bytes; aborted"},
    {many(11), "Too many response headers"},
  };
  for (const auto& each : cases) {
    const backend there{answers::ok("hello", each.fields)};
    expect_endpoint_failure(here().get(here().mapped(there)), each.error);
  }
}

TEST_F(HeadLimits, LeaveOrdinaryResponsesAlone) {
  const backend there{answers::ok("hello", many(5))};
  EXPECT_EQ(here().get(here().mapped(there)).status, 200);
}

class HugeHeads : public SharedStage<HugeHeads> {};

TEST_F(HugeHeads, ArePassedUpToAMebibyte) {
  const backend there;
  const auto host = here().mapped(there);
  const std::string value(1'000'000, 'x');
  EXPECT_EQ(here().get(host, "/", "X-Large: " + value + "\r\n").status, 200);
  EXPECT_EQ(there.last_request().one("X-Large"), value);
}

TEST_F(HugeHeads, AreRefusedAboveAMebibyte) {
  const backend there;
  const auto host = here().mapped(there);
  const auto answer = here().get(host, "/", "X-Large: " + std::string(1u << 20, 'x') + "\r\n");
  EXPECT_EQ(answer.status, 431);
  EXPECT_EQ(there.request_count(), 0u);
}

TEST_F(HugeHeads, AreRefusedBeforeTheyEnd) {
  client one{port()};
  one.send("GET / HTTP/1.1\r\nHost: x\r\nX-Endless: ");
  const std::string block(65536, 'x');
  std::size_t sent = 0;
  try {
    while (sent < (8u << 20) && one.socket().send_within(block, 1000ms) == block.size())
      sent += block.size();
    const auto answer = one.response();
    EXPECT_EQ(answer.status, 431);
    EXPECT_EQ(answer.body, "431 Request Header Fields Too Large");
    EXPECT_TRUE(answer.lists("Connection", "close"));
  } catch (const socket_error& error) { // It has every right to stop listening.
    EXPECT_EQ(error.reason, socket_error::kind::reset) << error.what();
  }
}

} // namespace
} // namespace shunt::test
