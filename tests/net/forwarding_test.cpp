// How heads change on their way through: for every rule a row that says what comes in and what goes
// out. Heads are compared line by line and in order, so that a line too many shows.
#include "net/forwarding.hpp"

#include "tests/net/outlined.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::string_literals;

using lines = std::vector<std::string>;

/// The lines of a head, which must end as heads do.
lines split(std::string_view head) {
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
  head.remove_suffix(std::min<std::size_t>(head.size(), 2));
  lines found;
  while (!head.empty()) {
    const auto end = head.find("\r\n");
    found.emplace_back(head.substr(0, end));
    head.remove_prefix(end + 2);
  }
  return found;
}

bool has_line(const lines& all, std::string_view wanted) {
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

/// The values of a field in order, joined by `|`.
std::string values(const lines& all, std::string_view name) {
  std::string found;
  for (const auto& line : all)
    if (const auto colon = line.find(": ");
        colon != line.npos && iequals(std::string_view{line}.substr(0, colon), name))
      found.append(found.empty() ? "" : "|").append(line.substr(colon + 2));
  return found;
}

bool has_field(const lines& all, std::string_view name) {
  for (const auto& line : all)
    if (iequals(std::string_view{line}.substr(0, line.find(':')), name))
      return true;
  return false;
}

// -- Requests.

class RequestHead : public ::testing::Test {
protected:
  /// What goes to the backend for a request of that start line and those fields.
  lines forward(const std::string& fields, const std::string& start = "GET / HTTP/1.1",
                const std::string& host = "Host: app.example\r\n") {
    wire_ = start + "\r\n" + host + fields + "\r\n";
    head_scratch scratch;
    const auto status = parse_request(wire_, head_, {}, scratch);
    EXPECT_TRUE(status.complete()) << wire_ << describe(status.error);
    std::string out = "before"; // It appends.
    append_request_head(out, head_, facts, instance);
    EXPECT_EQ(out.substr(0, 6), "before");
    std::string outlined;
    head_outline outline;
    append_request_head(outlined, head_, facts, instance, &outline);
    EXPECT_EQ(outlined, out.substr(6));
    expect_true_of_request(outline, outlined);
    return split(out.substr(6));
  }

  std::vector<std::string> kept_names;
  request_facts facts{.client_ip = "192.0.2.7",
                      .request_id = "11111111-2222-4333-8444-555555555555",
                      .received_unix_ms = 1'700'000'000'123,
                      .tls = false,
                      .close_after = false,
                      .protected_names = {}};
  instance_facts instance{.app = "app-guid", .instance_index = "3", .instance_id = "instance-guid"};

private:
  std::string wire_;
  request_head head_;
};

TEST_F(RequestHead, OfAPlainRequestIsThis) {
  EXPECT_EQ(forward("User-Agent: curl/8\r\naccept: */*\r\n"),
            (lines{"GET / HTTP/1.1", "Host: app.example", "User-Agent: curl/8", "accept: */*",
                   "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http",
                   "X-Request-Start: 1700000000123",
                   "X-Vcap-Request-Id: 11111111-2222-4333-8444-555555555555",
                   "X-CF-ApplicationID: app-guid", "X-CF-InstanceID: instance-guid",
                   "X-CF-InstanceIndex: 3"}));
}

TEST_F(RequestHead, KeepsTheTargetAsItIs) {
  for (const auto* target :
       {"/", "/a%2Fb?x=%20&y", "/a;b/../c", "//double?b=2&a=1", "/?", "http://app.example/abs?q"}) {
    const auto head = forward("", "GET "s + target + " HTTP/1.1");
    EXPECT_EQ(head.front(), "GET "s + target + " HTTP/1.1");
  }
  EXPECT_EQ(forward("", "OPTIONS * HTTP/1.1").front(), "OPTIONS * HTTP/1.1");
}

TEST_F(RequestHead, KeepsTheHostWithItsPortAndSpelling) {
  EXPECT_TRUE(has_line(forward("", "GET / HTTP/1.1", "hOsT: App.Example:8080\r\n"),
                       "hOsT: App.Example:8080"));
}

TEST_F(RequestHead, SpeaksHttp11WhateverTheClientSpoke) {
  const auto head = forward("", "GET / HTTP/1.0");
  EXPECT_EQ(head.front(), "GET / HTTP/1.1");
  EXPECT_TRUE(has_line(head, "Host: app.example"));
}

TEST_F(RequestHead, NamesTheHostOfAnOldAbsoluteTarget) {
  const auto head = forward("", "GET http://old.example/x HTTP/1.0", "");
  EXPECT_EQ(values(head, "Host"), "old.example");
}

TEST_F(RequestHead, AppendsTheClientToXForwardedFor) {
  const std::pair<const char*, const char*> rows[] = {
    {"", "192.0.2.7"},
    {"X-Forwarded-For: 1.1.1.1\r\n", "1.1.1.1, 192.0.2.7"},
    {"x-forwarded-for: 1.1.1.1, 2.2.2.2\r\n", "1.1.1.1, 2.2.2.2, 192.0.2.7"},
    {"X-Forwarded-For: 1.1.1.1\r\nA: b\r\nX-FORWARDED-FOR: 2.2.2.2\r\n",
     "1.1.1.1, 2.2.2.2, 192.0.2.7"},
    {"X-Forwarded-For:\r\n", "192.0.2.7"}};
  for (const auto& [fields, expected] : rows)
    EXPECT_EQ(values(forward(fields), "X-Forwarded-For"), expected) << fields;
}

TEST_F(RequestHead, SaysTheSchemeUnlessTheClientDid) {
  const struct {
    const char* fields;
    bool tls;
    const char* expected;
  } rows[] = {{"", false, "http"},
              {"", true, "https"},
              {"X-Forwarded-Proto:\r\n", true, "https"},
              {"X-Forwarded-Proto: https\r\n", false, "https"},
              {"x-forwarded-proto: gopher\r\n", true, "gopher"}};
  for (const auto& row : rows) {
    facts.tls = row.tls;
    EXPECT_EQ(values(forward(row.fields), "X-Forwarded-Proto"), row.expected) << row.fields;
  }
}

TEST_F(RequestHead, TellsTheLogTheSameSchemeAndForwardedFor) {
  const auto wire = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\n"
                    "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n"s;
  request_head head;
  head_scratch scratch;
  ASSERT_TRUE(parse_request(wire, head, {}, scratch).complete());
  EXPECT_EQ(forwarded_proto(head, false, proto_source::client, {}), "https");
  std::string out;
  append_forwarded_for(out, head, "9.9.9.9", {});
  EXPECT_EQ(out, "1.1.1.1, 2.2.2.2, 9.9.9.9");
  head.fields.clear();
  EXPECT_EQ(forwarded_proto(head, false, proto_source::client, {}), "http");
  EXPECT_EQ(forwarded_proto(head, true, proto_source::client, {}), "https");
  EXPECT_EQ(forwarded_proto(head, false, proto_source::https, {}), "https");
}

TEST_F(RequestHead, SaysWhenTheRequestStartedUnlessTheClientDid) {
  EXPECT_EQ(values(forward(""), "X-Request-Start"), "1700000000123");
  EXPECT_EQ(values(forward("x-request-start: t=5\r\n"), "X-Request-Start"), "t=5");
}

TEST_F(RequestHead, WritesAnewWhatOnlyTheRouterMaySay) {
  const auto head = forward("X-Vcap-Request-Id: forged\r\nX-CF-ApplicationID: forged\r\n"
                            "x-cf-instanceid: forged\r\nX-Cf-InstanceIndex: forged\r\n"
                            "X-CF-App-Instance: app:1\r\n");
  EXPECT_EQ(values(head, "X-Vcap-Request-Id"), facts.request_id);
  EXPECT_EQ(values(head, "X-CF-ApplicationID"), "app-guid");
  EXPECT_EQ(values(head, "X-CF-InstanceID"), "instance-guid");
  EXPECT_EQ(values(head, "X-CF-InstanceIndex"), "3");
  EXPECT_FALSE(has_field(head, "X-CF-App-Instance"));
}

TEST_F(RequestHead, NamesTheInstanceEvenWhenThereIsNothingToSay) {
  instance = {.app = "", .instance_index = "", .instance_id = "10.0.0.1:8080"};
  const auto head = forward("");
  EXPECT_TRUE(has_line(head, "X-CF-ApplicationID: "));
  EXPECT_TRUE(has_line(head, "X-CF-InstanceIndex: "));
  EXPECT_TRUE(has_line(head, "X-CF-InstanceID: 10.0.0.1:8080"));
}

TEST_F(RequestHead, PassesTheRestOn) {
  const lines kept{"Forwarded: for=x",
                   "X-Forwarded-Host: y",
                   "X-CF-Proxy-Signature: s",
                   "X-CF-Proxy-Metadata: m",
                   "X-CF-Forwarded-Url: u",
                   "X-CF-Process-Instance: p:1",
                   "X-Forwarded-Client-Cert: c",
                   "traceparent: t",
                   "B3: b",
                   "Cookie: a=b",
                   "cookie: c=d",
                   "Expect: 100-continue",
                   "HTTP2-Settings: z",
                   "Accept-Encoding: br",
                   "x-CuStOm: \x80\xff utf?",
                   "X-Empty: "};
  std::string fields;
  for (const auto& line : kept)
    fields += line + "\r\n";
  const auto head = forward(fields);
  const lines got(head.begin() + 2, head.begin() + 2 + static_cast<long>(kept.size()));
  EXPECT_EQ(got, kept); // In order and spelling, each as often as it came.
}

TEST_F(RequestHead, InventsNothing) {
  const auto head = forward("");
  for (const auto* name :
       {"User-Agent", "Accept-Encoding", "Via", "Server", "Forwarded", "Connection",
        "X-Forwarded-Host", "Content-Length", "Transfer-Encoding", "TE"})
    EXPECT_FALSE(has_field(head, name)) << name;
}

TEST_F(RequestHead, DropsWhatIsMeantForTheNextHopOnly) {
  const auto head = forward("Connection: keep-alive\r\nProxy-Connection: keep-alive\r\n"
                            "Keep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n"
                            "proxy-authorization: Basic eA==\r\nTE: gzip\r\nTrailer: X\r\n"
                            "Upgrade: h2c\r\nX-Kept: yes\r\n");
  for (const auto* name : {"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate",
                           "Proxy-Authorization", "TE", "Trailer", "Upgrade"})
    EXPECT_FALSE(has_field(head, name)) << name;
  EXPECT_TRUE(has_field(head, "X-Kept"));
}

TEST_F(RequestHead, DropsWhatTheClientNamesInConnection) {
  const char* ways[] = {"Connection: X-Secret\r\n", "Connection: close, x-secret\r\n",
                        "connection: a\r\nCONNECTION:\tb ,X-SECRET ,c\r\n",
                        "Connection: keep-alive\r\nConnection: x-secret\r\n",
                        "Connection: ,,x-secret,\r\n"};
  for (const auto* way : ways) {
    const auto head = forward(way + "X-Secret: 1\r\nX-Secret-Too: 2\r\nx-secret: 3\r\n"s);
    EXPECT_FALSE(has_field(head, "X-Secret")) << way;
    EXPECT_TRUE(has_field(head, "X-Secret-Too")) << way;
  }
}

TEST_F(RequestHead, LetsNobodyRemoveHostOrFramingThroughConnection) {
  auto head =
    forward("Connection: host, content-length\r\nContent-Length: 5\r\n", "PUT / HTTP/1.1");
  EXPECT_EQ(values(head, "Host"), "app.example");
  EXPECT_EQ(values(head, "Content-Length"), "5");
  head =
    forward("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", "PUT / HTTP/1.1");
  EXPECT_EQ(values(head, "Transfer-Encoding"), "chunked");
}

TEST_F(RequestHead, LetsAClientRemoveAsMuchOfTheRoutersOwnAsGorouterDoes) {
  const auto head = forward(
    "Connection: x-forwarded-for, x-forwarded-proto, x-request-start, x-vcap-request-id, "
    "x-cf-applicationid, x-cf-instanceid, x-cf-instanceindex\r\nX-Forwarded-For: 1.1.1.1\r\n"
    "X-Forwarded-Proto: https\r\nX-Request-Start: 7\r\n");
  EXPECT_EQ(values(head, "X-Forwarded-For"), "192.0.2.7"); // The appended address is set later.
  for (const auto* name : {"X-Forwarded-Proto", "X-Request-Start", "X-Vcap-Request-Id"})
    EXPECT_FALSE(has_field(head, name)) << name;
  for (const auto* name : {"X-CF-ApplicationID", "X-CF-InstanceID", "X-CF-InstanceIndex"})
    EXPECT_TRUE(has_field(head, name)) << name;
}

TEST_F(RequestHead, KeepsTheNamesThatAreProtected) {
  kept_names = {"X-Forwarded-For", "x-forwarded-proto", "X-REQUEST-START", "X-Vcap-Request-Id",
                "X-Secret"};
  facts.protected_names = kept_names;
  const auto head = forward(
    "Connection: x-forwarded-for, x-forwarded-proto, x-request-start, x-vcap-request-id, x-secret, "
    "x-other\r\nX-Forwarded-For: 1.1.1.1\r\nX-Secret: kept\r\nX-Other: gone\r\n");
  EXPECT_EQ(values(head, "X-Forwarded-For"), "1.1.1.1, 192.0.2.7");
  EXPECT_EQ(values(head, "X-Forwarded-Proto"), "http");
  EXPECT_EQ(values(head, "X-Request-Start"), "1700000000123");
  EXPECT_EQ(values(head, "X-Vcap-Request-Id"), facts.request_id);
  EXPECT_EQ(values(head, "X-Secret"), "kept");
  EXPECT_FALSE(has_field(head, "X-Other"));
}

TEST_F(RequestHead, PassesTheWishForTrailersOn) {
  for (const auto* te : {"TE: trailers\r\n", "te: gzip;q=0.5, Trailers\r\n",
                         "Connection: TE\r\nTE: deflate\r\nTE: trailers\r\n"})
    EXPECT_EQ(values(forward(te), "TE"), "trailers") << te;
  EXPECT_FALSE(has_field(forward("TE: trailersx\r\n"), "TE"));
}

TEST_F(RequestHead, PassesTheWishForAnUpgradeOn) {
  const auto head = forward("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
                            "Sec-WebSocket-Key: k\r\n");
  EXPECT_EQ(values(head, "Connection"), "Upgrade");
  EXPECT_EQ(values(head, "Upgrade"), "websocket");
  EXPECT_EQ(values(head, "Sec-WebSocket-Key"), "k");
}

TEST_F(RequestHead, AsksForNoUpgradeThatTheClientDidNotAskForInFull) {
  for (const auto* fields : {"Upgrade: websocket\r\n", "Connection: upgrade\r\n"}) {
    const auto head = forward(fields);
    EXPECT_FALSE(has_field(head, "Upgrade")) << fields;
    EXPECT_FALSE(has_field(head, "Connection")) << fields;
  }
  EXPECT_FALSE(has_field(forward("Connection: upgrade\r\nUpgrade: websocket\r\n", "GET / HTTP/1.0"),
                         "Upgrade"));
}

TEST_F(RequestHead, AsksForTheConnectionToBeClosedButNotForAnUpgrade) {
  facts.close_after = true;
  EXPECT_EQ(values(forward("Connection: keep-alive\r\n"), "Connection"), "close");
  EXPECT_EQ(values(forward("Connection: upgrade\r\nUpgrade: x\r\n"), "Connection"), "Upgrade");
}

TEST_F(RequestHead, SaysHowTheBodyTravels) {
  const struct {
    const char* start;
    const char* fields;
    const char* length;
    const char* encoding;
  } rows[] = {
    {"POST / HTTP/1.1", "Content-Length: 42\r\n", "42", ""},
    {"POST / HTTP/1.1", "content-length: 0042\r\n", "42", ""},
    {"POST / HTTP/1.1", "Transfer-Encoding: Chunked\r\n", "", "chunked"},
    {"GET / HTTP/1.1", "", "", ""},
    {"DELETE / HTTP/1.1", "", "", ""},
    {"DELETE / HTTP/1.1", "Content-Length: 3\r\n", "3", ""},
    {"POST / HTTP/1.1", "Content-Length: 0\r\n", "0", ""},
    // Others that have no body are not said to have one of nothing.
    {"GET / HTTP/1.1", "Content-Length: 0\r\n", "", ""},
    {"DELETE / HTTP/1.1", "Content-Length: 00\r\n", "", ""},
    // Without a length some servers refuse these with 411.
    {"POST / HTTP/1.1", "", "0", ""},
    {"PUT / HTTP/1.1", "", "0", ""},
    {"PATCH / HTTP/1.0", "", "0", ""},
  };
  for (const auto& row : rows) {
    const auto head = forward(row.fields, row.start);
    EXPECT_EQ(values(head, "Content-Length"), row.length) << row.start << " " << row.fields;
    EXPECT_EQ(values(head, "Transfer-Encoding"), row.encoding) << row.start << " " << row.fields;
  }
}

TEST_F(RequestHead, AnnouncesTrailersOfChunkedBodiesOnly) {
  EXPECT_EQ(values(forward("Transfer-Encoding: chunked\r\nTrailer: Digest\r\n", "POST / HTTP/1.1"),
                   "Trailer"),
            "Digest");
  EXPECT_FALSE(
    has_field(forward("Content-Length: 1\r\nTrailer: Digest\r\n", "POST / HTTP/1.1"), "Trailer"));
}

} // namespace
} // namespace shunt::net
