// Request heads: what is understood, within which limits, and how refusals are answered. Every head
// is parsed at once, byte by byte, and cut at every point, in buffers that move and end where the
// bytes do.
#include "net/http_head.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <memory>
#include <ostream>
#include <string>

namespace shunt::net {

inline void PrintTo(parse_error error, std::ostream* out) {
  *out << '"' << describe(error) << '"';
}

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

/// Bytes at an address of their own, with nothing behind them that could be read by mistake.
class exact_bytes {
public:
  explicit exact_bytes(std::string_view from) : bytes_{new char[from.size()]}, size_{from.size()} {
    from.copy(bytes_.get(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

std::string render(const request_head& head) {
  std::string text;
  for (const auto part :
       {head.method, head.target, head.path_and_query, head.host, head.upgrade_protocol})
    text.append(part).append("|");
  for (const auto number :
       {std::uint64_t{head.head_bytes}, head.content_length,
        static_cast<std::uint64_t>(head.version_minor), static_cast<std::uint64_t>(head.framing)})
    text += std::to_string(number) + "|";
  for (const bool flag :
       {head.keep_alive, head.upgrade, head.expect_continue, head.has_content_length})
    text += flag ? "y" : "n";
  for (const auto& f : head.fields)
    text.append("\n").append(f.name).append("=").append(f.value);
  return text;
}

struct verdict {
  parse_status status;
  std::string head; ///< When complete.
};

verdict parse_prefix(std::string_view prefix, const head_limits& limits, head_scratch& scratch) {
  const exact_bytes bytes{prefix};
  request_head head;
  const auto status = parse_request(bytes.view(), head, limits, scratch);
  return {status, status.complete() ? render(head) : ""};
}

verdict parse_bytewise(std::string_view bytes, const head_limits& limits) {
  head_scratch scratch;
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    if (auto result = parse_prefix(bytes.substr(0, size), limits, scratch);
        !result.status.need_more())
      return result;
  return {};
}

verdict parse_cut(std::string_view bytes, std::size_t cut, const head_limits& limits) {
  head_scratch scratch;
  auto result = parse_prefix(bytes.substr(0, cut), limits, scratch);
  return result.status.need_more() ? parse_prefix(bytes, limits, scratch) : result;
}

void expect_same(const verdict& actual, const verdict& expected) {
  EXPECT_EQ(actual.status.outcome, expected.status.outcome);
  EXPECT_EQ(actual.status.error, expected.status.error);
  EXPECT_EQ(actual.head, expected.head);
}

/// Parses in all ways, expects them to agree, and returns what they say.
verdict parse_all_ways(std::string_view bytes, const head_limits& limits = {}) {
  head_scratch scratch;
  const auto at_once = parse_prefix(bytes, limits, scratch);
  expect_same(parse_prefix(bytes, limits, scratch), at_once); // The scratch is ready again.
  expect_same(parse_bytewise(bytes, limits), at_once);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    expect_same(parse_cut(bytes, cut, limits), at_once);
  return at_once;
}

/// A head that must be fine, parsed in all ways; the bytes must outlive it.
request_head accepted(std::string_view bytes) {
  SCOPED_TRACE(bytes);
  EXPECT_EQ(parse_all_ways(bytes).status.error, parse_error::none);
  request_head head;
  head_scratch scratch;
  EXPECT_TRUE(parse_request(bytes, head, {}, scratch).complete());
  return head;
}

// -- What is understood.

TEST(HttpRequest, KeepsOrderAndSpelling) {
  const auto head = accepted("GET /a/b?c=d;e HTTP/1.1\r\nhOsT: App.Example:8080\r\nX-Two: 2\r\n"
                             "x-oNe:\t 1\t two \r\nEmpty:\r\nX-Two: \xc3\xa4\r\n\r\nbody"sv);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/a/b?c=d;e");
  EXPECT_EQ(head.path_and_query, "/a/b?c=d;e");
  EXPECT_EQ(head.host, "App.Example:8080");
  ASSERT_EQ(head.fields.size(), 5u);
  EXPECT_EQ(head.fields[0].name, "hOsT");
  EXPECT_EQ(head.fields[0].id, field_id::host);
  EXPECT_EQ(head.fields[2].name, "x-oNe");
  EXPECT_EQ(head.fields[2].value, "1\t two");
  EXPECT_EQ(head.fields[3].value, "");
  EXPECT_EQ(head.fields[4].value, "\xc3\xa4");
  EXPECT_EQ(head.framing, body_framing::none);
  EXPECT_FALSE(head.has_content_length);
  EXPECT_TRUE(head.keep_alive);
}

TEST(HttpRequest, EndsWhereTheBodyBegins) {
  const auto bytes = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /"sv;
  const auto head = accepted(bytes);
  EXPECT_EQ(bytes.substr(head.head_bytes), "bodyGET /");
  EXPECT_EQ(head.framing, body_framing::length);
  EXPECT_EQ(head.content_length, 4u);
}

TEST(HttpRequest, SkipsOneEmptyLineBeforeIt) {
  const auto bytes = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest"sv;
  const auto head = accepted(bytes);
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(bytes.substr(head.head_bytes), "rest");
}

TEST(HttpRequest, WaitsWhileNothingIsDecided) {
  for (const auto bytes : {""sv, "\r"sv, "\r\n"sv, "GET"sv, "GET / HTTP/1.1\r\n"sv,
                           "GET / HTTP/1.1\r\nHost: a\r\n\r"sv, "X / HTTP/1.1\r\nno colon yet"sv})
    EXPECT_TRUE(parse_all_ways(bytes).status.need_more()) << bytes;
}

TEST(HttpRequest, RefusesGarbageBeforeItsEnd) {
  for (const auto bytes : {"\x16\x03\x01\x02"sv, "GET /\r\n"sv, "GET / HTTP/1.1\n"sv,
                           "PRI * HTTP/2.0\r\n"sv, "GET / HTTP/1.1\r\nHost: a\r\n b"sv})
    EXPECT_TRUE(parse_all_ways(bytes).status.failed()) << bytes;
}

TEST(HttpRequest, ReadsFraming) {
  struct {
    std::string_view fields;
    body_framing framing;
    bool has_length;
    std::uint64_t length;
  } const cases[] = {
    {"", body_framing::none, false, 0},
    {"Content-Length: 0\r\n", body_framing::none, true, 0},
    {"content-length: 0017\r\n", body_framing::length, true, 17},
    {"Content-Length:\t9223372036854775807 \r\n", body_framing::length, true, 9223372036854775807u},
    {"Transfer-Encoding: chunked\r\n", body_framing::chunked, false, 0},
    {"transfer-encoding:  ChUnKeD\t\r\n", body_framing::chunked, false, 0},
  };
  for (const auto& c : cases) {
    const auto bytes = "POST / HTTP/1.1\r\nHost: a\r\n" + std::string{c.fields} + "\r\n";
    const auto head = accepted(bytes);
    EXPECT_EQ(head.framing, c.framing) << c.fields;
    EXPECT_EQ(head.has_content_length, c.has_length) << c.fields;
    EXPECT_EQ(head.content_length, c.length) << c.fields;
  }
}

TEST(HttpRequest, KnowsWhetherTheConnectionStays) {
  struct {
    std::string_view version, fields;
    bool keep_alive;
  } const cases[] = {
    {"HTTP/1.1", "", true},
    {"HTTP/1.1", "Connection: close\r\n", false},
    {"HTTP/1.1", "Connection: keep-alive\r\nConnection: x, CLOSE\r\n", false},
    {"HTTP/1.1", "Connection: closed\r\n", true},
    {"HTTP/1.1", "Proxy-Connection: close\r\n", true},
    {"HTTP/1.0", "", false},
    {"HTTP/1.0", "Connection: Keep-Alive\r\n", true},
    {"HTTP/1.0", "Connection: keep-alive, close\r\n", false},
  };
  for (const auto& c : cases) {
    const auto bytes =
      "GET / " + std::string{c.version} + "\r\nHost: a\r\n" + std::string{c.fields} + "\r\n";
    EXPECT_EQ(accepted(bytes).keep_alive, c.keep_alive) << bytes;
  }
}

TEST(HttpRequest, KnowsUpgrades) {
  const auto head = accepted("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                             "Upgrade: WebSocket\r\n\r\n"sv);
  EXPECT_TRUE(head.upgrade);
  EXPECT_EQ(head.upgrade_protocol, "WebSocket");
  for (const auto bytes :
       {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"sv,
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n"sv,
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"sv}) {
    EXPECT_FALSE(accepted(bytes).upgrade) << bytes;
    EXPECT_EQ(accepted(bytes).upgrade_protocol, "") << bytes;
  }
}

TEST(HttpRequest, KnowsWhoWaitsForAHundred) {
  EXPECT_TRUE(accepted("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"sv)
                .expect_continue);
  EXPECT_FALSE(
    accepted("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"sv).expect_continue)
    << "there is no body to wait with";
  EXPECT_FALSE(accepted("PUT / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n"sv).expect_continue);
  EXPECT_FALSE(
    accepted("PUT / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"sv)
      .expect_continue);
}

TEST(HttpRequest, TakesRawUtf8InATarget) {
  EXPECT_EQ(accepted("GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"sv).target, "/\xc3\xa4");
}

TEST(HttpRequest, TakesTargetsApart) {
  struct {
    std::string_view line, host;
    target_form form;
    std::string_view path;
  } const cases[] = {
    {"GET / HTTP/1.1", "a", target_form::origin, "/"},
    {"GET //x/..%2f?%00\"<>^`{|}\\ HTTP/1.1", "a", target_form::origin, "//x/..%2f?%00\"<>^`{|}\\"},
    {"GET http://a/p?q HTTP/1.1", "a", target_form::absolute, "/p?q"},
    {"GET HTTP://A:80?q HTTP/1.1", "a", target_form::absolute, "?q"},
    {"GET http://a HTTP/1.1", "a:80", target_form::absolute, ""},
    {"GET https://a:443/ HTTP/1.1", "A", target_form::absolute, "/"},
    {"GET https://a/ HTTP/1.1", "a:", target_form::absolute, "/"},
    {"GET http://[::1]:8080/ HTTP/1.1", "[::1]:8080", target_form::absolute, "/"},
    {"OPTIONS * HTTP/1.1", "a", target_form::asterisk, "*"},
  };
  for (const auto& c : cases) {
    const auto bytes = std::string{c.line} + "\r\nHost: " + std::string{c.host} + "\r\n\r\n";
    const auto head = accepted(bytes);
    EXPECT_EQ(head.form, c.form) << c.line;
    EXPECT_EQ(head.path_and_query, c.path) << c.line;
    EXPECT_EQ(head.host, c.host) << c.line;
  }
}

TEST(HttpRequest, NeedsAHostOnlySinceHttp11) {
  EXPECT_EQ(accepted("GET / HTTP/1.0\r\n\r\n"sv).host, "");
  EXPECT_EQ(accepted("GET / HTTP/1.0\r\nHost: b\r\n\r\n"sv).host, "b");
  EXPECT_EQ(accepted("GET http://b:81/ HTTP/1.0\r\n\r\n"sv).host, "b:81");
  EXPECT_EQ(accepted("GET / HTTP/1.1\r\nHost:\r\n\r\n"sv).host, "");
}

TEST(HttpRequest, TakesAnyTokenAsMethod) {
  for (const auto method : {"GET", "get", "M-SEARCH", "!#$%&'*+-.^_`|~", "PRI", "OPTIONS"})
    EXPECT_EQ(accepted(method + " / HTTP/1.1\r\nHost: a\r\n\r\n"s).method, method);
}

TEST(HttpRequest, ForgetsTheHeadBefore) {
  request_head head;
  head_scratch scratch;
  const auto full = "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: "
                    "100-continue\r\nConnection: close, upgrade\r\nUpgrade: x\r\n\r\n"sv;
  const auto plain = "GET / HTTP/1.1\r\nHost: b\r\n\r\n"sv;
  ASSERT_TRUE(parse_request(full, head, {}, scratch).complete());
  const auto* fields = head.fields.data();
  ASSERT_TRUE(parse_request(plain, head, {}, scratch).complete());
  request_head fresh;
  ASSERT_TRUE(parse_request(plain, fresh, {}, scratch).complete());
  EXPECT_EQ(render(head), render(fresh));
  EXPECT_EQ(head.form, target_form::origin);
  EXPECT_EQ(head.fields.data(), fields) << "The vector is used again.";
}

TEST(HttpRequest, AnAbandonedHeadLeavesNoTrace) {
  request_head head;
  head_scratch scratch;
  ASSERT_TRUE(parse_request("GET / HTTP/1.1\r\nHost: a", head, {}, scratch).need_more());
  scratch.reset();
  EXPECT_TRUE(parse_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n", head, {}, scratch).complete());
}

// -- Limits.

std::string head_of_bytes(std::size_t size) {
  const auto start = "GET / HTTP/1.1\r\nHost: a\r\nX: "s;
  return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
}

TEST(HttpRequest, TakesAHeadOfExactlyTheLimit) {
  EXPECT_TRUE(parse_all_ways(head_of_bytes(100), {100, 0}).status.complete());
  EXPECT_EQ(parse_all_ways(head_of_bytes(101), {100, 0}).status.error, parse_error::head_too_large);
  const auto with_body = head_of_bytes(100) + "and a body";
  EXPECT_TRUE(parse_all_ways(with_body, {100, 0}).status.complete());
}

TEST(HttpRequest, RefusesALongHeadBeforeItsEnd) {
  const auto unfinished = head_of_bytes(200).substr(0, 100);
  EXPECT_EQ(parse_all_ways(unfinished, {100, 0}).status.error, parse_error::head_too_large);
  EXPECT_TRUE(parse_all_ways(unfinished, {101, 0}).status.need_more());
}

TEST(HttpRequest, CountsFields) {
  const auto bytes = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nA: 2\r\n\r\n"sv;
  EXPECT_TRUE(parse_all_ways(bytes, {1000, 3}).status.complete());
  EXPECT_EQ(parse_all_ways(bytes, {1000, 2}).status.error, parse_error::too_many_fields);
}

TEST(HttpRequest, CapsFieldsAndBytesWhateverTheLimits) {
  request_head head;
  head_scratch scratch;
  auto bytes = "GET / HTTP/1.1\r\nHost: a\r\n"s;
  for (std::size_t i = 1; i < fields_cap; ++i)
    bytes += "a:\r\n";
  const head_limits none{~std::size_t{0}, 0};
  EXPECT_TRUE(parse_request(bytes + "\r\n", head, none, scratch).complete());
  EXPECT_EQ(parse_request(bytes + "a:\r\n\r\n", head, none, scratch).error,
            parse_error::too_many_fields);
  EXPECT_EQ(parse_request(head_of_bytes(head_bytes_cap + 1), head, none, scratch).error,
            parse_error::head_too_large);
}

TEST(HttpRequest, ReadsALongHeadOnceHoweverItArrives) {
  const auto bytes = head_of_bytes(1024 * 1024);
  request_head head;
  head_scratch scratch;
  const auto start = std::clock();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    ASSERT_TRUE(
      parse_request(std::string_view{bytes}.substr(0, size), head, {}, scratch).need_more());
  EXPECT_TRUE(parse_request(bytes, head, {}, scratch).complete());
  // Some tens of milliseconds when linear; more than half a minute when not.
  EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC);
}

// -- Answers.

TEST(HttpRequest, AnswersRefusalsAsGorouterDoes) {
  const auto text = [](std::string_view line, std::string_view body) {
    return "HTTP/1.1 " + std::string{line}
           + "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
             "X-Vcap-Request-Id: some-id\r\n\r\n"
           + std::string{body};
  };
  struct {
    parse_error error;
    int status;
    std::string body, wire;
  } const cases[] = {
    {parse_error::missing_host, 400, "400 Bad Request: missing required Host header", ""},
    {parse_error::malformed_host, 400, "400 Bad Request: malformed Host header", ""},
    {parse_error::malformed_field_name, 400, "400 Bad Request: invalid header name", ""},
    {parse_error::malformed_field_value, 400, "400 Bad Request: invalid header value", ""},
    {parse_error::repeated_host, 400, "400 Bad Request", ""},
    {parse_error::malformed_start_line, 400, "400 Bad Request", ""},
    {parse_error::conflicting_framing, 400, "400 Bad Request", ""},
    {parse_error::unsupported_version, 505,
     "505 HTTP Version Not Supported: unsupported protocol version", ""},
    {parse_error::head_too_large, 431, "431 Request Header Fields Too Large", ""},
    {parse_error::unsupported_transfer_encoding, 501, "Unsupported transfer encoding",
     text("501 Not Implemented", "Unsupported transfer encoding")},
    {parse_error::unsupported_protocol, 501, "Unsupported protocol",
     text("501 Not Implemented", "Unsupported protocol")},
    {parse_error::unsupported_expectation, 417, "",
     "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n"
     "X-Vcap-Request-Id: some-id\r\n\r\n"},
    {parse_error::unsupported_minor_version, 400, "",
     "HTTP/1.0 400 Bad Request\r\nX-Vcap-Request-Id: some-id\r\n\r\n"},
  };
  for (const auto& c : cases) {
    const auto answer = rejection_of(c.error);
    EXPECT_EQ(answer.status, c.status);
    EXPECT_EQ(answer.body, c.body);
    std::string wire;
    append_rejection(wire, c.error, "some-id");
    EXPECT_EQ(wire, c.wire.empty() ? text(c.body, c.body) : c.wire);
  }
}

TEST(HttpRequest, AnswersWithoutAnIdWhereThereIsNone) {
  std::string wire;
  append_rejection(wire, parse_error::unsupported_minor_version, {});
  EXPECT_EQ(wire, "HTTP/1.0 400 Bad Request\r\n\r\n");
}

TEST(HttpRequest, SurvivesTheBufferThatItWasReadFrom) {
  std::string bytes = "GET /a?b HTTP/1.1\r\nHost: h.test\r\nConnection: upgrade\r\n"
                      "Upgrade: websocket\r\nEmpty:\r\n\r\n";
  request_head head;
  head_scratch scratch;
  ASSERT_TRUE(parse_request(bytes, head, {}, scratch).complete());
  std::string kept = "something older";
  move_views(head, kept);
  bytes.assign(bytes.size(), '!');
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/a?b");
  EXPECT_EQ(head.path_and_query, "/a?b");
  EXPECT_EQ(head.host, "h.test");
  EXPECT_EQ(head.upgrade_protocol, "websocket");
  ASSERT_EQ(head.fields.size(), 4u);
  EXPECT_EQ(find_field(head.fields, field_id::host)->value, "h.test");
  EXPECT_EQ(head.fields[2].name, "Upgrade");
  EXPECT_EQ(head.fields[3].value, "");
}

TEST(HttpRequest, TellsTheKindsOfRefusalApart) {
  EXPECT_EQ(kind_of(parse_error::head_too_large), parse_error_kind::too_large);
  EXPECT_EQ(kind_of(parse_error::too_many_fields), parse_error_kind::too_many);
  EXPECT_EQ(kind_of(parse_error::bare_cr), parse_error_kind::malformed);
}

} // namespace
} // namespace shunt::net
