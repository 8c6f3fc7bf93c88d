// Response heads: what follows them, what backends get away with, and what makes a backend's answer
// unusable. Every head is parsed at once, byte by byte, and cut at every point.
#include "net/http_head.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace shunt::net {

inline void PrintTo(parse_error error, std::ostream* out) {
  *out << '"' << describe(error) << '"';
}

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

struct verdict {
  parse_status status;
  std::string head; ///< When complete.
};

std::string render(const response_head& head) {
  auto text = std::to_string(head.status).append(head.reason).append("|");
  text.append(head.upgrade_protocol);
  for (const auto number :
       {std::uint64_t{head.head_bytes}, head.content_length,
        static_cast<std::uint64_t>(head.version_minor), static_cast<std::uint64_t>(head.framing)})
    text += "|" + std::to_string(number);
  for (const bool flag : {head.keep_alive, head.upgrade, head.has_content_length})
    text += flag ? "y" : "n";
  for (const auto& f : head.fields)
    text.append("\n").append(f.name).append("=").append(f.value);
  return text;
}

verdict parse_prefix(std::string_view prefix, bool was_head, const head_limits& limits,
                     head_scratch& scratch) {
  const std::vector<char> bytes(prefix.begin(), prefix.end());
  response_head head;
  const auto status = parse_response({bytes.data(), bytes.size()}, was_head, head, limits, scratch);
  return {status, status.complete() ? render(head) : ""};
}

void expect_same(const verdict& actual, const verdict& expected) {
  EXPECT_EQ(actual.status.outcome, expected.status.outcome);
  EXPECT_EQ(actual.status.error, expected.status.error);
  EXPECT_EQ(actual.head, expected.head);
}

verdict parse_bytewise(std::string_view bytes, bool was_head, const head_limits& limits) {
  head_scratch scratch;
  verdict result;
  for (std::size_t size = 0; size <= bytes.size() && result.status.need_more(); ++size)
    result = parse_prefix(bytes.substr(0, size), was_head, limits, scratch);
  return result;
}

verdict parse_all_ways(std::string_view bytes, bool was_head = false,
                       const head_limits& limits = {}) {
  head_scratch scratch;
  const auto at_once = parse_prefix(bytes, was_head, limits, scratch);
  expect_same(parse_bytewise(bytes, was_head, limits), at_once);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    scratch.reset();
    auto result = parse_prefix(bytes.substr(0, cut), was_head, limits, scratch);
    if (result.status.need_more())
      result = parse_prefix(bytes, was_head, limits, scratch);
    expect_same(result, at_once);
  }
  return at_once;
}

/// A head that must be fine, parsed in all ways; the bytes must outlive it.
response_head accepted(std::string_view bytes, bool was_head = false) {
  SCOPED_TRACE(bytes);
  EXPECT_EQ(parse_all_ways(bytes, was_head).status.error, parse_error::none);
  response_head head;
  head_scratch scratch;
  EXPECT_TRUE(parse_response(bytes, was_head, head, {}, scratch).complete());
  return head;
}

TEST(HttpResponse, ReadsStatusReasonAndFields) {
  const auto bytes = "HTTP/1.1 404 Not \tFound \xc3\xa4\r\nServer: x\r\nSet-Cookie: a=b\r\n"
                     "set-cookie:c=d\r\nContent-Length: 2\r\n\r\nhi"sv;
  const auto head = accepted(bytes);
  EXPECT_EQ(head.status, 404);
  EXPECT_EQ(head.reason, "Not \tFound \xc3\xa4");
  ASSERT_EQ(head.fields.size(), 4u);
  EXPECT_EQ(head.fields[2].name, "set-cookie");
  EXPECT_EQ(head.fields[2].id, field_id::set_cookie);
  EXPECT_EQ(bytes.substr(head.head_bytes), "hi");
}

TEST(HttpResponse, TakesAnEmptyReasonWithOrWithoutItsSpace) {
  EXPECT_EQ(accepted("HTTP/1.1 200 \r\n\r\n"sv).reason, "");
  EXPECT_EQ(accepted("HTTP/1.1 200\r\n\r\n"sv).reason, "");
  EXPECT_EQ(accepted("HTTP/1.1 200\r\n\r\n"sv).status, 200);
}

TEST(HttpResponse, KnowsHowTheBodyEnds) {
  using enum body_framing;
  struct {
    std::string_view start, fields;
    bool was_head;
    body_framing framing;
    bool keep_alive;
  } const cases[] = {
    {"HTTP/1.1 200 OK", "", false, until_close, false},
    {"HTTP/1.1 200 OK", "Connection: keep-alive\r\n", false, until_close, false},
    {"HTTP/1.1 200 OK", "Content-Length: 5\r\n", false, length, true},
    {"HTTP/1.1 200 OK", "Content-Length: 5\r\nConnection: close\r\n", false, length, false},
    {"HTTP/1.1 200 OK", "Content-Length: 0\r\n", false, none, true},
    {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", false, chunked, true},
    {"HTTP/1.1 999 Odd", "Transfer-Encoding: chunked\r\n", false, chunked, true},
    {"HTTP/1.1 205 Reset", "", false, until_close, false},
    // What a HEAD or a 304 declares does not follow.
    {"HTTP/1.1 200 OK", "", true, none, true},
    {"HTTP/1.1 200 OK", "Content-Length: 5\r\n", true, none, true},
    {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", true, none, true},
    {"HTTP/1.1 304 Not Modified", "Content-Length: 5\r\n", false, none, true},
    {"HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked\r\n", false, none, true},
    // These never have one; who announces it may send it.
    {"HTTP/1.1 204 No Content", "", false, none, true},
    {"HTTP/1.1 204 No Content", "Content-Length: 0\r\n", false, none, true},
    {"HTTP/1.1 204 No Content", "Content-Length: 5\r\n", false, none, false},
    {"HTTP/1.1 204 No Content", "Transfer-Encoding: chunked\r\n", false, none, false},
    {"HTTP/1.1 100 Continue", "", false, none, true},
    {"HTTP/1.1 103 Early Hints", "Link: x\r\n", true, none, true},
    {"HTTP/1.1 103 Early Hints", "Content-Length: 5\r\n", false, none, false},
    {"HTTP/1.1 101 Switching", "Connection: upgrade\r\nUpgrade: x\r\n", false, none, true},
    // HTTP/1.0.
    {"HTTP/1.0 200 OK", "", false, until_close, false},
    {"HTTP/1.0 200 OK", "Content-Length: 5\r\n", false, length, false},
    {"HTTP/1.0 200 OK", "Content-Length: 5\r\nConnection: keep-alive\r\n", false, length, true},
    {"HTTP/1.0 200 OK", "Connection: keep-alive\r\n", false, until_close, false},
    {"HTTP/1.0 204 No Content", "Connection: keep-alive\r\n", false, none, true},
  };
  for (const auto& c : cases) {
    const auto bytes = std::string{c.start} + "\r\n" + std::string{c.fields} + "\r\n";
    const auto head = accepted(bytes, c.was_head);
    EXPECT_EQ(head.framing, c.framing) << bytes;
    EXPECT_EQ(head.keep_alive, c.keep_alive) << bytes;
  }
}

TEST(HttpResponse, TellsTheDeclaredLengthOfWhatIsNotSent) {
  const auto head = accepted("HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n"sv, true);
  EXPECT_TRUE(head.has_content_length);
  EXPECT_EQ(head.content_length, 123u);
}

TEST(HttpResponse, KnowsUpgrades) {
  const auto head =
    accepted("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81"sv);
  EXPECT_TRUE(head.upgrade);
  EXPECT_EQ(head.upgrade_protocol, "websocket");
  EXPECT_FALSE(accepted("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n"sv).upgrade);
}

TEST(HttpResponse, ReadsOneHeadAfterAnother) {
  const auto bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"sv;
  response_head head;
  head_scratch scratch;
  ASSERT_TRUE(parse_response(bytes, false, head, {}, scratch).complete());
  EXPECT_EQ(head.status, 100);
  ASSERT_TRUE(parse_response(bytes.substr(head.head_bytes), false, head, {}, scratch).complete());
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(head.has_content_length);
}

TEST(HttpResponse, Refuses) {
  using enum parse_error;
  struct {
    std::string bytes;
    parse_error error;
  } const cases[] = {
    {"\r\nHTTP/1.1 200 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1  200 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 20 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 2000 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 099 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 +20 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 20x OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 200OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 200\tOK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1\t200 OK\r\n\r\n", malformed_start_line},
    {" HTTP/1.1 200 OK\r\n\r\n", malformed_start_line},
    {"http/1.1 200 OK\r\n\r\n", malformed_start_line},
    {"HTTP/2.0 200 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.2 200 OK\r\n\r\n", malformed_start_line},
    {"HTTP/1.1 200 O\0K\r\n\r\n"s, malformed_start_line},
    {"ICY 200 OK\r\n\r\n", malformed_start_line},
    {"<html>\r\n", malformed_start_line},
    {"HTTP/1.1 200 OK\n\n", bare_lf},
    {"HTTP/1.1 200 O\rK\r\n\r\n", bare_cr},
    {"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n", bare_lf},
    {"HTTP/1.1 200 OK\r\nX: a\rY: b\r\n\r\n", bare_cr},
    {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", obsolete_folding},
    {"HTTP/1.1 200 OK\r\n X: a\r\n\r\n", obsolete_folding},
    {"HTTP/1.1 200 OK\r\nX : a\r\n\r\n", malformed_field_name},
    {"HTTP/1.1 200 OK\r\nX\r\n\r\n", malformed_field_name},
    {"HTTP/1.1 200 OK\r\n: a\r\n\r\n", malformed_field_name},
    {"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"s, malformed_field_value},
    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", malformed_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", malformed_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", malformed_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n", malformed_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", malformed_content_length},
    {"HTTP/1.1 204 No\r\nContent-Length: x\r\n\r\n", malformed_content_length},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
     conflicting_framing},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
     conflicting_framing},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", malformed_transfer_encoding},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", malformed_transfer_encoding},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     malformed_transfer_encoding},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", unsupported_transfer_encoding},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", malformed_transfer_encoding},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.bytes);
    const auto result = parse_all_ways(c.bytes);
    EXPECT_TRUE(result.status.failed());
    EXPECT_EQ(kind_of(result.status.error), parse_error_kind::malformed);
    // A version that is not ours is one more way for a status line to be malformed.
    const bool version = result.status.error == unsupported_version
                         || result.status.error == unsupported_minor_version;
    EXPECT_EQ(version ? malformed_start_line : result.status.error, c.error);
  }
}

TEST(HttpResponse, TellsTooLargeFromTooMany) {
  const auto bytes = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n"sv;
  EXPECT_TRUE(parse_all_ways(bytes, false, {bytes.size(), 2}).status.complete());
  EXPECT_EQ(parse_all_ways(bytes, false, {bytes.size() - 1, 2}).status.error,
            parse_error::head_too_large);
  EXPECT_EQ(parse_all_ways(bytes, false, {bytes.size(), 1}).status.error,
            parse_error::too_many_fields);
}

// -- Trailers, by the same rules.

struct trailer_verdict {
  parse_status status;
  std::size_t used = 0;
  std::string fields;
};

trailer_verdict parse_trailer_prefix(std::string_view prefix, head_scratch& scratch) {
  const std::vector<char> bytes(prefix.begin(), prefix.end());
  std::vector<field> fields;
  trailer_verdict result;
  result.status =
    parse_trailers({bytes.data(), bytes.size()}, fields, result.used, {1000, 3}, scratch);
  for (const auto& f : fields)
    result.fields.append(f.name).append("=").append(f.value).append(";");
  return result;
}

TEST(HttpTrailers, AreFieldsUpToAnEmptyLine) {
  struct {
    std::string_view bytes, fields;
  } const cases[] = {
    {"\r\n", ""},
    {"grpc-status: 0\r\nX:\t1 \r\n\r\n", "grpc-status=0;X=1;"},
    {"Content-Length: 5\r\nX: 1\r\nHost: a\r\n\r\n", "X=1;"},
    {"Transfer-Encoding: chunked\r\n\r\n", ""},
  };
  for (const auto& c : cases) {
    head_scratch scratch;
    trailer_verdict result;
    for (std::size_t size = 0; size <= c.bytes.size(); ++size)
      result = parse_trailer_prefix(c.bytes.substr(0, size), scratch);
    EXPECT_TRUE(result.status.complete()) << c.bytes;
    EXPECT_EQ(result.used, c.bytes.size());
    EXPECT_EQ(result.fields, c.fields);
    EXPECT_EQ(parse_trailer_prefix(std::string{c.bytes} + "rest", scratch).used, c.bytes.size());
  }
}

TEST(HttpTrailers, AreRefusedByTheRulesForHeads) {
  using enum parse_error;
  struct {
    std::string_view bytes;
    parse_error error;
  } const cases[] = {
    {" X: 1\r\n\r\n", obsolete_folding},
    {"X: 1\r\n 2\r\n\r\n", obsolete_folding},
    {"X: 1\n\n", bare_lf},
    {"\n", bare_lf},
    {"\rX", bare_cr},
    {"X : 1\r\n\r\n", malformed_field_name},
    {"X\r\n\r\n", malformed_field_name},
    {"X: \x01\r\n\r\n", malformed_field_value},
    {"A:\r\nB:\r\nC:\r\nD:\r\n\r\n", too_many_fields},
  };
  for (const auto& c : cases) {
    head_scratch scratch;
    EXPECT_EQ(parse_trailer_prefix(c.bytes, scratch).status.error, c.error) << c.bytes;
  }
}

} // namespace
} // namespace shunt::net
