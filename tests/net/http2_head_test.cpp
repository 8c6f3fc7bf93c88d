// Heads between HTTP/2 and HTTP/1.1: what becomes of fields in both directions, and what is
// refused.
#include "net/http2_head.hpp"

#include "tests/net/outlined.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace shunt::net {

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using field_list = std::vector<std::pair<std::string, std::string>>;

constexpr http2_head_reader::bounds plenty{1 << 20, 2'000};

struct reading {
  http2_verdict verdict;
  std::string text;
  http2_body body;
};

reading read_request(const field_list& fields, bool last = true,
                     http2_head_reader::bounds limits = plenty) {
  http2_head_reader reader;
  std::string text;
  head_outline outline;
  reader.begin_request(text, limits, &outline);
  for (const auto& [name, value] : fields)
    reader.add(name, value);
  const auto verdict = reader.finish_request(last, "KEY");
  EXPECT_EQ(outline.known(), verdict == http2_verdict::good);
  if (verdict == http2_verdict::good)
    expect_true_of_request(outline, text);
  return {verdict, text, reader.body()};
}

reading read_response(const field_list& fields, bool last, bool was_head = false,
                      bool tunnel = false) {
  http2_head_reader reader;
  std::string text;
  head_outline outline;
  reader.begin_response(text, plenty, tunnel, &outline);
  for (const auto& [name, value] : fields)
    reader.add(name, value);
  const auto verdict = reader.finish_response(last, was_head, "ACCEPT");
  EXPECT_EQ(outline.known(), verdict == http2_verdict::good);
  if (verdict == http2_verdict::good)
    expect_true_of_response(outline, text, was_head);
  return {verdict, text, reader.body()};
}

field_list request(field_list more, std::string method = "GET", std::string path = "/") {
  field_list all{{":method", std::move(method)},
                 {":scheme", "https"},
                 {":path", std::move(path)},
                 {":authority", "a.example"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(Http2Head, WritesARequestAsHttp1) {
  const auto got =
    read_request(request({{"x-a", "1"}, {"accept", "*/*"}, {"te", "trailers"}}, "GET", "/p?q"));
  EXPECT_EQ(got.verdict, http2_verdict::good);
  EXPECT_EQ(
    got.text,
    "GET /p?q HTTP/1.1\r\nHost: a.example\r\nx-a: 1\r\naccept: */*\r\nte: trailers\r\n\r\n");
  EXPECT_EQ(got.body, http2_body::none);
}

TEST(Http2Head, FramesWhatFollowsARequest) {
  EXPECT_EQ(read_request(request({}, "POST"), false).text,
            "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
  const auto raw = read_request(request({{"content-length", "5"}}, "POST"), false);
  EXPECT_EQ(raw.text, "POST / HTTP/1.1\r\nHost: a.example\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(raw.body, http2_body::raw);
}

TEST(Http2Head, JoinsCookieCrumbs) {
  const auto got =
    read_request(request({{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}, {"cookie", "c=3"}}));
  EXPECT_EQ(got.text, "GET / HTTP/1.1\r\nHost: a.example\r\nx: y\r\ncookie: a=1; b=2; c=3\r\n\r\n");
}

TEST(Http2Head, TakesTheHostFromEitherPlace) {
  const field_list only_host{
    {":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {"host", "b.example:8"}};
  EXPECT_EQ(read_request(only_host).text, "GET / HTTP/1.1\r\nHost: b.example:8\r\n\r\n");
  for (const auto* same : {"a.example", "A.Example", "a.example:443"})
    EXPECT_EQ(read_request(request({{"host", same}})).text,
              "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  for (const auto* other : {"b.example", "a.example:80", "", "a.example,b", "a b"})
    EXPECT_EQ(read_request(request({{"host", other}})).verdict, http2_verdict::malformed) << other;
}

TEST(Http2Head, RefusesWhatCouldBeReadAsSomethingElse) {
  const field_list fields[] = {
    {{"x\r\ny", "1"}},
    {{"x", "1\r\nhost: b"}},
    {{"x", "1\n"}},
    {{"x", "1\r"}},
    {{"x", "a\0b"s}},
    {{"x", "\x7f"}},
    {{"x", "\x1b[0m"}},
    {{"x", " 1"}},
    {{"x", "1\t"}},
    {{"x y", "1"}},
    {{"x:", "1"}},
    {{"", "1"}},
    {{"x\0"s, "1"}},
    {{"X-Upper", "1"}},
    {{"\xc3\xa4", "1"}},
    {{"connection", "close"}},
    {{"connection", "x-a"}},
    {{"keep-alive", "5"}},
    {{"proxy-connection", "keep-alive"}},
    {{"transfer-encoding", "chunked"}},
    {{"transfer-encoding", "identity"}},
    {{"upgrade", "h2c"}},
    {{"te", "gzip"}},
    {{"te", "trailers, gzip"}},
    {{"content-length", "5"}, {"content-length", "5"}},
    {{"content-length", "+5"}},
    {{"content-length", "5, 5"}},
    {{"content-length", ""}},
    {{"content-length", "0x5"}},
    {{"content-length", "9223372036854775808"}},
    {{"host", "a.example"}, {"host", "a.example"}},
    {{":path", "/again"}},
    {{":unknown", "x"}},
    {{"x", "y"}, {":late", "x"}},
    {{":protocol", "websocket"}},
    {{":status", "200"}},
  };
  for (const auto& each : fields)
    EXPECT_EQ(read_request(request(each)).verdict, http2_verdict::malformed)
      << each.back().first << ": " << each.back().second;
}

TEST(Http2Head, RefusesStartLinesThatAreNone) {
  struct {
    std::string method, path;
  } const cases[] = {
    {"GE T", "/"},
    {"GET /x HTTP/1.1\r\nx:", "/"},
    {"G\0T"s, "/"},
    {"(GET)", "/"},
    {"GET", "/a b"},
    {"GET", "/ HTTP/1.1\r\nx: y"},
    {"GET", "/\n"},
    {"GET", "/\0"s},
    {"GET", "/\t"},
    {"GET", "x"},
    {"GET", "*"},
    {"GET", "/#f"},
    {"GET", "http://b/"},
    {"GET", "//\x7f"},
    {"OPTIONS", "**"},
    {"GET", ""},
    {"", "/"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(read_request(request({}, c.method, c.path)).verdict, http2_verdict::malformed)
      << c.method << " " << c.path;
  EXPECT_EQ(read_request(request({}, "OPTIONS", "*")).verdict, http2_verdict::good);
  for (const auto* authority :
       {"a b", "u@a.example", "a.example/x", "a,b", "a\r\nx: y", "[::1", ":80", "a:99999"})
    EXPECT_EQ(
      read_request(
        {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", authority}})
        .verdict,
      http2_verdict::malformed)
      << authority;
  for (const auto* scheme : {"ftp", "https ", "h\r\n"})
    EXPECT_EQ(
      read_request({{":method", "GET"}, {":scheme", scheme}, {":path", "/"}, {":authority", "a"}})
        .verdict,
      http2_verdict::malformed);
  EXPECT_EQ(read_request({{":method", "GET"}, {":scheme", "https"}, {":path", "/"}}).verdict,
            http2_verdict::malformed);
}

TEST(Http2Head, BoundsBytesAndFields) {
  EXPECT_EQ(read_request(request({{"x", std::string(200, 'v')}}), true, {200, 10}).verdict,
            http2_verdict::too_large);
  EXPECT_EQ(read_request(request({{"x", "1"}, {"y", "2"}}), true, {2'000, 2}).verdict,
            http2_verdict::too_many);
  EXPECT_EQ(read_request(request({{"x", "1"}, {"y", "2"}}), true, {2'000, 3}).verdict, // With Host.
            http2_verdict::good);
  EXPECT_EQ(read_request(request({{"cookie", "1"}, {"cookie", "2"}}), true, {2'000, 2}).verdict,
            http2_verdict::too_many);
}

TEST(Http2Head, TurnsExtendedConnectIntoAnUpgrade) {
  const field_list fields{{":method", "CONNECT"},         {":protocol", "websocket"},
                          {":scheme", "https"},           {":path", "/chat"},
                          {":authority", "a.example"},    {"sec-websocket-version", "13"},
                          {"sec-websocket-key", "theirs"}};
  const auto got = read_request(fields, false);
  EXPECT_EQ(
    got.text,
    "GET /chat HTTP/1.1\r\nHost: a.example\r\nsec-websocket-version: 13\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Key: KEY\r\n\r\n");
  EXPECT_EQ(got.body, http2_body::tunnel);
  auto with_length = fields;
  with_length.emplace_back("content-length", "5");
  EXPECT_EQ(read_request(with_length, false).verdict, http2_verdict::malformed);
  auto other = fields;
  other[1].second = "connect-udp";
  EXPECT_EQ(read_request(other, false).verdict, http2_verdict::not_implemented);
  EXPECT_EQ(read_request({{":method", "CONNECT"}, {":authority", "a.example:443"}}, false).verdict,
            http2_verdict::connect_method);
}

TEST(Http2Head, FramesResponses) {
  struct {
    field_list fields;
    bool last, was_head;
    std::string_view text;
  } const cases[] = {
    {{{":status", "200"}, {"x", "y"}},
     false,
     false,
     "HTTP/1.1 200 \r\nx: y\r\nTransfer-Encoding: chunked\r\n\r\n"},
    {{{":status", "200"}}, true, false, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"},
    {{{":status", "200"}, {"content-length", "5"}},
     false,
     false,
     "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n"},
    {{{":status", "200"}, {"content-length", "5"}},
     true,
     true,
     "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n"},
    {{{":status", "200"}}, false, true, "HTTP/1.1 200 \r\n\r\n"},
    {{{":status", "204"}}, false, false, "HTTP/1.1 204 \r\n\r\n"},
    {{{":status", "204"}, {"content-length", "0"}}, true, false, "HTTP/1.1 204 \r\n\r\n"},
    {{{":status", "304"}, {"content-length", "5"}},
     true,
     false,
     "HTTP/1.1 304 \r\ncontent-length: 5\r\n\r\n"},
    {{{":status", "103"}, {"link", "</s>"}}, false, false, "HTTP/1.1 103 \r\nlink: </s>\r\n\r\n"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(read_response(c.fields, c.last, c.was_head).text, c.text);
  for (const auto* status : {"101", "099", "20", "2000", "2x0", ""})
    EXPECT_EQ(read_response({{":status", status}}, true).verdict, http2_verdict::malformed)
      << status;
  EXPECT_EQ(read_response({{"x", "y"}}, true).verdict, http2_verdict::malformed);
}

TEST(Http2Head, TurnsTheAnswerToExtendedConnectInto101) {
  EXPECT_EQ(
    read_response({{":status", "200"}, {"x", "y"}}, false, false, true).text,
    "HTTP/1.1 101 Switching Protocols\r\nx: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: ACCEPT\r\n\r\n");
  EXPECT_EQ(read_response({{":status", "403"}}, true, false, true).text,
            "HTTP/1.1 403 \r\nContent-Length: 0\r\n\r\n");
}

std::string listed(const http2_fields& fields) {
  std::string text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& nv = fields.data()[i];
    text.append(reinterpret_cast<char*>(nv.name), nv.namelen).append("=");
    text.append(reinterpret_cast<char*>(nv.value), nv.valuelen).append(";");
  }
  return text;
}

std::string translate_request(std::string_view text, bool websocket = false) {
  request_head head;
  head_scratch scratch;
  EXPECT_TRUE(parse_request(text, head, {}, scratch).complete());
  http2_fields fields;
  fields.put_request(head, "https", websocket);
  return listed(fields);
}

TEST(Http2Head, WritesRequestsAsFields) {
  EXPECT_EQ(translate_request("GET /p HTTP/1.1\r\nHost: h:1\r\nX: y\r\nConnection: "
                              "close\r\nKeep-Alive: 5\r\nTE: trailers\r\n\r\n"),
            ":method=GET;:scheme=https;:authority=h:1;:path=/p;X=y;te=trailers;");
  EXPECT_EQ(translate_request("GET http://h?q HTTP/1.1\r\nHost: h\r\nTE: gzip\r\n\r\n"),
            ":method=GET;:scheme=https;:authority=h;:path=/?q;");
  EXPECT_EQ(translate_request("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
            ":method=OPTIONS;:scheme=https;:authority=h;:path=*;");
  EXPECT_EQ(translate_request(
              "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n"),
            ":method=POST;:scheme=https;:authority=h;:path=/;Trailer=x;");
  EXPECT_EQ(
    translate_request("GET /c HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n",
                      true),
    ":method=CONNECT;:protocol=websocket;:scheme=https;:authority=h;:path=/"
    "c;Sec-WebSocket-Version=13;");
}

TEST(Http2Head, WritesResponsesAsFields) {
  const auto text =
    "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\nConnection: close\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n\r\n"sv;
  response_head head;
  head_scratch scratch;
  ASSERT_TRUE(parse_response(text, false, head, {}, scratch).complete());
  http2_fields fields;
  fields.put_response(head, head.status, true);
  EXPECT_EQ(listed(fields), ":status=200;X=y;Content-Length=5;");
  fields.put_response(head, head.status, false);
  EXPECT_EQ(listed(fields), ":status=200;X=y;");
}

TEST(Http2Head, KnowsTheHandshakeOfRfc6455) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(websocket_key(0, 0).size(), 24u);
  EXPECT_NE(websocket_key(0, 1), websocket_key(0, 2));
}

} // namespace

} // namespace shunt::net
