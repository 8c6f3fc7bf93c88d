// Response heads on their way to the client: what is kept, dropped and added, and the framing that
// a client of either version gets.
#include "net/forwarding.hpp"

#include "net/response_rewrite.hpp"
#include "tests/net/outlined.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::net {
namespace {

using namespace std::string_literals;

class ResponseHead : public ::testing::Test {
protected:
  void parse(const std::string& wire, bool to_head = false) {
    wire_ = wire + "\r\n";
    head_scratch scratch;
    const auto status = parse_response(wire_, to_head, head, {}, scratch);
    ASSERT_TRUE(status.complete()) << wire_ << describe(status.error);
    facts.framing = framing_for_client(head, facts.http_1_0);
  }
  /// What goes to the client; the wire form of the head.
  std::string forward(const std::string& wire, bool to_head = false) {
    parse(wire, to_head);
    std::string out = "before";
    append_response_head(out, head, facts);
    EXPECT_EQ(out.substr(0, 6), "before");
    EXPECT_TRUE(out.ends_with("\r\n\r\n"));
    std::string outlined;
    head_outline outline;
    append_response_head(outlined, head, facts, &outline);
    EXPECT_EQ(outlined, out.substr(6));
    if (facts.rewrite == nullptr || facts.rewrite->empty())
      expect_true_of_response(outline, outlined, to_head);
    else
      EXPECT_FALSE(outline.known()); // It says where things stood before.
    return out.substr(6, out.size() - 8);
  }
  static bool has(const std::string& all, const std::string& line) {
    return all.find("\r\n" + line) != all.npos;
  }
  static std::size_t count(const std::string& all, const std::string& part) {
    std::size_t found = 0;
    for (auto at = all.find(part); at != all.npos; at = all.find(part, at + 1))
      ++found;
    return found;
  }

  response_head head;
  response_facts facts{.request_id = "id-1",
                       .date = "Sun, 06 Nov 1994 08:49:37 GMT",
                       .trace_router = {},
                       .trace_backend = {},
                       .http_1_0 = false,
                       .keep_alive = true,
                       .framing = body_framing::none,
                       .cookie_line = {},
                       .rewrite = nullptr};

private:
  std::string wire_;
};

TEST_F(ResponseHead, OfAPlainResponseIsThis) {
  EXPECT_EQ(forward("HTTP/1.1 200 OK\r\nServer: app\r\ncontent-length: 5\r\n"),
            "HTTP/1.1 200 OK\r\nServer: app\r\ncontent-length: 5\r\nX-Vcap-Request-Id: id-1\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

TEST_F(ResponseHead, KeepsStatusAndReason) {
  const std::pair<const char*, const char*> rows[] = {
    {"HTTP/1.1 404 Not Here", "HTTP/1.1 404 Not Here\r\n"},
    {"HTTP/1.0 200 OK", "HTTP/1.1 200 OK\r\n"},
    {"HTTP/1.1 201 ", "HTTP/1.1 201 Created\r\n"}, // As HTTP/2 has none.
    {"HTTP/1.1 302 ", "HTTP/1.1 302 Found\r\n"},
    {"HTTP/1.1 299 ", "HTTP/1.1 299 status code 299\r\n"}, // As Go words it.
    {"HTTP/1.1 999 Odd", "HTTP/1.1 999 Odd\r\n"},
  };
  for (const auto& [wire, expected] : rows)
    EXPECT_TRUE(forward(wire + "\r\nContent-Length: 0\r\n"s).starts_with(expected)) << wire;
  facts.http_1_0 = true;
  EXPECT_TRUE(
    forward("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n").starts_with("HTTP/1.0 200 OK\r\n"));
}

TEST_F(ResponseHead, KeepsTheBackendsOwnIdAndDate) {
  const auto out = forward("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-vcap-request-id: mine\r\n"
                           "date: yesterday\r\n");
  EXPECT_TRUE(has(out, "x-vcap-request-id: mine"));
  EXPECT_TRUE(has(out, "date: yesterday"));
  EXPECT_EQ(count(out, "id-1"), 0u);
  EXPECT_EQ(count(out, "1994"), 0u);
}

TEST_F(ResponseHead, AddsThemWhereTheBackendHidTheirs) {
  const auto out = forward("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: date\r\n"
                           "Date: yesterday\r\n");
  EXPECT_EQ(count(out, "yesterday"), 0u);
  EXPECT_TRUE(has(out, "Date: Sun, 06 Nov 1994 08:49:37 GMT"));
}

TEST_F(ResponseHead, DropsWhatIsMeantForTheRouterOnly) {
  const auto out = forward(
    "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\n"
    "Proxy-Connection: x\r\nProxy-Authenticate: Basic\r\nProxy-Authorization: y\r\n"
    "TE: z\r\nUpgrade: h2c\r\nX-Hop: 1\r\nX-CF-Proxy-Signature: s\r\nContent-Length: 0\r\n");
  for (const auto* name :
       {"Connection", "Keep-Alive", "Proxy-", "TE:", "Upgrade", "X-Hop", "X-CF-Proxy-Signature"})
    EXPECT_EQ(count(out, name), 0u) << name;
}

TEST_F(ResponseHead, PassesTheRestOnAsOftenAsItCame) {
  const auto fields = "Set-Cookie: a=1\r\nset-cookie: b=2\r\nX-Cf-RouterError: spoofed\r\n"
                      "Location: http://elsewhere/\r\nWWW-Authenticate: Basic\r\n"
                      "X-CF-Proxy-Metadata: m\r\nX-Vcap-Backend: own\r\nContent-Length: 0\r\n"s;
  EXPECT_EQ(forward("HTTP/1.1 302 Found\r\n" + fields).find("HTTP/1.1 302 Found\r\n" + fields), 0u);
}

TEST_F(ResponseHead, InventsNoContentType) {
  EXPECT_EQ(count(forward("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), "Content-Type"), 0u);
}

TEST_F(ResponseHead, ShowsTheWayToWhoMayAsk) {
  facts.trace_router = "10.0.0.9";
  facts.trace_backend = "10.0.0.1:8080";
  const auto out = forward("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
  EXPECT_TRUE(has(out, "X-Vcap-Router: 10.0.0.9\r\n"));
  EXPECT_TRUE(has(out, "X-Vcap-Backend: 10.0.0.1:8080\r\n"));
  EXPECT_TRUE(has(out, "X-Cf-RouteEndpoint: 10.0.0.1:8080\r\n"));
}

TEST_F(ResponseHead, ShowsItsOwnWayAndNotTheBackends) {
  facts.trace_router = "10.0.0.9";
  facts.trace_backend = "10.0.0.1:8080";
  const auto out = forward("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-vcap-router: other\r\n"
                           "X-Vcap-Backend: other\r\nX-Cf-RouteEndpoint: other\r\n");
  EXPECT_EQ(count(out, "other"), 0u);
}

TEST_F(ResponseHead, FramesTheBodyForTheVersionOfTheClient) {
  const struct {
    const char* fields;
    bool http_1_0;
    body_framing framing;
    const char* says; ///< Empty: neither of the two.
  } rows[] = {
    {"Content-Length: 5\r\n", false, body_framing::length, "Content-Length: 5"},
    {"Content-Length: 5\r\n", true, body_framing::length, "Content-Length: 5"},
    {"Content-Length: 0\r\n", false, body_framing::none, "Content-Length: 0"},
    {"Transfer-Encoding: chunked\r\n", false, body_framing::chunked, "Transfer-Encoding: chunked"},
    {"Transfer-Encoding: chunked\r\n", true, body_framing::until_close, ""},
    {"", false, body_framing::chunked, "Transfer-Encoding: chunked"},
    {"", true, body_framing::until_close, ""},
  };
  for (const auto& row : rows) {
    facts.http_1_0 = row.http_1_0;
    const auto out = forward("HTTP/1.1 200 OK\r\n"s + row.fields);
    EXPECT_EQ(facts.framing, row.framing) << row.fields << row.http_1_0;
    const auto said = count(out, "Content-Length") + count(out, "Transfer-Encoding");
    EXPECT_EQ(said, *row.says == '\0' ? 0u : 1u) << row.fields << row.http_1_0;
    EXPECT_TRUE(*row.says == '\0' || has(out, row.says)) << out;
  }
}

TEST_F(ResponseHead, OfAHeadRequestOrA304KeepsTheLengthOfWhatIsNotSent) {
  EXPECT_TRUE(has(forward("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", true), "Content-Length: 5"));
  EXPECT_EQ(facts.framing, body_framing::none);
  EXPECT_TRUE(
    has(forward("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n"), "Content-Length: 5"));
  EXPECT_EQ(facts.framing, body_framing::none);
  const auto chunked = forward("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", true);
  EXPECT_EQ(count(chunked, "Transfer-Encoding"), 0u);
}

TEST_F(ResponseHead, OfA204HasNoLength) { // RFC 9110, section 8.6: some clients would wait for it.
  for (const auto* length : {"Content-Length: 5\r\n", "Content-Length: 0\r\n"})
    EXPECT_EQ(count(forward("HTTP/1.1 204 No Content\r\n"s + length), "Content-Length"), 0u);
  EXPECT_EQ(facts.framing, body_framing::none);
}

TEST_F(ResponseHead, AnnouncesTrailersOnlyWhereTheyCanTravel) {
  const auto fields = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status\r\n"s;
  EXPECT_TRUE(has(forward(fields), "Trailer: Grpc-Status"));
  facts.http_1_0 = true;
  EXPECT_EQ(count(forward(fields), "Trailer"), 0u);
}

TEST_F(ResponseHead, SaysWhetherTheConnectionStaysOpen) {
  const struct {
    bool http_1_0, keep_alive;
    const char* says;
  } rows[] = {{false, true, ""},
              {false, false, "Connection: close\r\n"},
              {true, true, "Connection: keep-alive\r\n"},
              {true, false, "Connection: close\r\n"}};
  for (const auto& row : rows) {
    facts.http_1_0 = row.http_1_0;
    facts.keep_alive = row.keep_alive;
    const auto out = forward("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n");
    EXPECT_EQ(count(out, "Connection"), *row.says == '\0' ? 0u : 1u);
    EXPECT_TRUE(*row.says == '\0' || has(out, row.says)) << out;
  }
}

TEST_F(ResponseHead, OfAnInterimResponseIsKeptAndNothingMore) {
  parse("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-hop\r\nX-Hop: 1\r\n"
        "Content-Length: 5\r\n");
  std::string out;
  append_interim_head(out, head, nullptr);
  EXPECT_EQ(out, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
  out.clear();
  parse("HTTP/1.1 100 Continue\r\n");
  append_interim_head(out, head, nullptr);
  EXPECT_EQ(out, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(ResponseHead, OfAnUpgradeKeepsTheUpgrade) {
  parse("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade, X-Hop\r\nupgrade: WebSocket\r\n"
        "Sec-WebSocket-Accept: a\r\nX-Hop: 1\r\n");
  std::string out;
  append_upgrade_head(out, head, {.request_id = "id-1"});
  EXPECT_EQ(out, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: a\r\n"
                 "Connection: Upgrade\r\nUpgrade: WebSocket\r\nX-Vcap-Request-Id: id-1\r\n\r\n");
}

} // namespace
} // namespace shunt::net
