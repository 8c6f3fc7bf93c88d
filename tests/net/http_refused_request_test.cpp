// Request heads that must be refused, smuggling above all: what two implementations could frame or
// route differently. Every case is parsed at once, byte by byte, and cut at every point, in buffers
// that move and end where the bytes do; the verdict must always be the same.
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

parse_status parse_prefix(std::string_view prefix, head_scratch& scratch) {
  const std::vector<char> bytes(prefix.begin(), prefix.end());
  request_head head;
  return parse_request({bytes.data(), bytes.size()}, head, {}, scratch);
}

parse_error parse_bytewise(std::string_view bytes) {
  head_scratch scratch;
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    if (const auto status = parse_prefix(bytes.substr(0, size), scratch); !status.need_more())
      return status.error;
  return parse_error::none;
}

parse_error parse_cut(std::string_view bytes, std::size_t cut) {
  head_scratch scratch;
  const auto status = parse_prefix(bytes.substr(0, cut), scratch);
  return status.need_more() ? parse_prefix(bytes, scratch).error : status.error;
}

void expect_refused(const std::string& bytes, parse_error error) {
  SCOPED_TRACE(bytes);
  head_scratch scratch;
  const auto status = parse_prefix(bytes, scratch);
  EXPECT_TRUE(status.failed());
  EXPECT_EQ(status.error, error);
  EXPECT_EQ(parse_bytewise(bytes), error);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
    ASSERT_EQ(parse_cut(bytes, cut), error) << "cut at " << cut;
}

struct refused_case {
  std::string bytes;
  parse_error error;
};

/// Fields that no request may have, after a fine start line and Host.
TEST(HttpRefusedRequest, RefusesFields) {
  using enum parse_error;
  const refused_case cases[] = {
    // Content-Length.
    {"Content-Length:", malformed_content_length},
    {"Content-Length: ,", malformed_content_length},
    {"Content-Length: 5,", malformed_content_length},
    {"Content-Length: ,5", malformed_content_length},
    {"Content-Length: 5, 5", malformed_content_length},
    {"Content-Length: 5,5", malformed_content_length},
    {"Content-Length: 5, 6", malformed_content_length},
    {"Content-Length: 5 5", malformed_content_length},
    {"Content-Length: 5\t5", malformed_content_length},
    {"Content-Length: +5", malformed_content_length},
    {"Content-Length: -5", malformed_content_length},
    {"Content-Length: -0", malformed_content_length},
    {"Content-Length: 0x5", malformed_content_length},
    {"Content-Length: 5a", malformed_content_length},
    {"Content-Length: 5.0", malformed_content_length},
    {"Content-Length: 5e1", malformed_content_length},
    {"Content-Length: 5;a=b", malformed_content_length},
    {"Content-Length: \"5\"", malformed_content_length},
    {"Content-Length: chunked", malformed_content_length},
    {"Content-Length: \xd9\xa5", malformed_content_length},
    {"Content-Length: 9223372036854775808", malformed_content_length},
    {"Content-Length: 18446744073709551616", malformed_content_length},
    {"Content-Length: 18446744073709551621", malformed_content_length},
    {"Content-Length: 99999999999999999999999999", malformed_content_length},
    {"Content-Length: 5\r\nContent-Length: 6", malformed_content_length},
    {"Content-Length: 5\r\nContent-Length: 5", malformed_content_length},
    {"Content-Length: 5\r\ncontent-length: 0", malformed_content_length},
    {"Content-Length: 5\r\nX: y\r\nContent-Length:", malformed_content_length},
    // Both framings.
    {"Content-Length: 5\r\nTransfer-Encoding: chunked", conflicting_framing},
    {"Transfer-Encoding: chunked\r\nContent-Length: 5", conflicting_framing},
    {"Transfer-Encoding: chunked\r\nContent-Length: 0", conflicting_framing},
    {"Transfer-Encoding: gzip\r\nContent-Length: 5", conflicting_framing},
    {"Content-Length: 5\r\nTransfer-Encoding: xchunked", conflicting_framing},
    {"Content-Length: 5\r\nTransfer-Encoding:", conflicting_framing},
    {"tRANSFER-eNCODING: chunked\r\ncONTENT-lENGTH: 5", conflicting_framing},
    // Transfer-Encoding that two parsers may read differently.
    {"Transfer-Encoding:", malformed_transfer_encoding},
    {"Transfer-Encoding: ,", malformed_transfer_encoding},
    {"Transfer-Encoding: ,chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked,", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked, chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked, identity", malformed_transfer_encoding},
    {"Transfer-Encoding: identity, chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked, gzip", malformed_transfer_encoding},
    {"Transfer-Encoding: gzip, chunked, chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: gzip,, chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: gzip,", malformed_transfer_encoding},
    {"Transfer-Encoding: xchunked", malformed_transfer_encoding},
    {"Transfer-Encoding: x-chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: chunkedx", malformed_transfer_encoding},
    {"Transfer-Encoding: xCHUNKEDx, chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked;q=1", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked ;", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: \"chunked\"", malformed_transfer_encoding},
    {"Transfer-Encoding: 'chunked'", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked\"", malformed_transfer_encoding},
    {"Transfer-Encoding: (x) chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: gzip;a=\"b\", chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: gzip;", malformed_transfer_encoding},
    {"Transfer-Encoding: g zip", malformed_transfer_encoding},
    {"Transfer-Encoding: \xa0"
     "chunked",
     malformed_transfer_encoding},
    {"Transfer-Encoding: chunked\xc2\x85", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", malformed_transfer_encoding},
    {"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", malformed_transfer_encoding},
    {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", malformed_transfer_encoding},
    {"Transfer-Encoding:\r\nTransfer-Encoding: chunked", malformed_transfer_encoding},
    // Well-formed, but not spoken here.
    {"Transfer-Encoding: gzip", unsupported_transfer_encoding},
    {"Transfer-Encoding: gzip, chunked", unsupported_transfer_encoding},
    {"Transfer-Encoding: GZip , Chunked", unsupported_transfer_encoding},
    {"Transfer-Encoding: deflate;q=1, chunked", unsupported_transfer_encoding},
    {"Transfer-Encoding: identity", unsupported_transfer_encoding},
    {"Transfer-Encoding: gzip, deflate", unsupported_transfer_encoding},
    // Field lines.
    {"Transfer-Encoding : chunked", malformed_field_name},
    {"Transfer-Encoding\t: chunked", malformed_field_name},
    {"Content-Length : 5", malformed_field_name},
    {"Transfer Encoding: chunked", malformed_field_name},
    {": x", malformed_field_name},
    {":", malformed_field_name},
    {"no colon", malformed_field_name},
    {"nocolon", malformed_field_name},
    {"Na\xefve: x", malformed_field_name},
    {"N@me: x", malformed_field_name},
    {"Na(me): x", malformed_field_name},
    {"\"Name\": x", malformed_field_name},
    {"Na\\me: x", malformed_field_name},
    {"[Name]: x", malformed_field_name},
    {"GET / HTTP/1.1", malformed_field_name},
    {"Na\0me: x"s, malformed_field_name},
    {"\0Name: x"s, malformed_field_name},
    {"Na\x7fme: x", malformed_field_name},
    {"Na\x01me: x", malformed_field_name},
    {"Transfer-Encoding\x0b: chunked", malformed_field_name},
    {"X: a\0b"s, malformed_field_value},
    {"X: \x01", malformed_field_value},
    {"X: a\x7f", malformed_field_value},
    {"X: a\x1b[0m", malformed_field_value},
    {"Transfer-Encoding: \x0b"
     "chunked",
     malformed_field_value},
    {"Transfer-Encoding: chunked\x0c", malformed_field_value},
    {"Transfer-Encoding: chunked\0"s, malformed_field_value},
    {"Connection: a b", malformed_field_value},
    {"Connection: @", malformed_field_value},
    // Line ends and folding.
    {"X: a\rb", bare_cr},
    {"X: a\r\rTransfer-Encoding: chunked", bare_cr},
    {"X: a\r Y: b", bare_cr},
    {"\rX: a", bare_cr},
    {"X: a\r\r\nY: b", bare_cr},
    {"X: a\nTransfer-Encoding: chunked", bare_lf},
    {"X: a\n\nGET /evil HTTP/1.1", bare_lf},
    {"X: a\n b", bare_lf},
    {"\nX: a", bare_lf},
    {"X: a\n\rY: b", bare_lf},
    {"X: a\r\n b", obsolete_folding},
    {"X: a\r\n\tb", obsolete_folding},
    {"Transfer-Encoding:\r\n chunked", obsolete_folding},
    {"Transfer-Encoding: chunked\r\n , identity", obsolete_folding},
    {"Content-Length: 5\r\n 5", obsolete_folding},
    {" X: a", obsolete_folding},
    {"\tX: a", obsolete_folding},
    {" \r\nX: a", obsolete_folding},
    // Host.
    {"Host: a", repeated_host},
    {"host: b", repeated_host},
    {"HOST:", repeated_host},
    // Expect.
    {"Expect: 200-ok", unsupported_expectation},
    {"Expect: 100-continue, x", unsupported_expectation},
    {"Expect: 100-continue\r\nExpect: x", unsupported_expectation},
  };
  for (const auto& c : cases)
    expect_refused("POST / HTTP/1.1\r\nHost: a\r\n" + c.bytes + "\r\n\r\n", c.error);
}

TEST(HttpRefusedRequest, RefusesStartLines) {
  using enum parse_error;
  const refused_case cases[] = {
    {"GET /", malformed_start_line},
    {"GET", malformed_start_line},
    {" GET / HTTP/1.1", malformed_start_line},
    {"GET  / HTTP/1.1", malformed_target},
    {"GET /  HTTP/1.1", malformed_target},
    {"GET / HTTP/1.1 ", malformed_start_line},
    {"GET / HTTP/1.1 HTTP/1.1", malformed_target},
    {"GET\t/\tHTTP/1.1", malformed_start_line},
    {"GET /\tHTTP/1.1", malformed_start_line},
    {"GET / http/1.1", malformed_start_line},
    {"GET / HTTP/1,1", malformed_start_line},
    {"GET / HTTP/11", malformed_start_line},
    {"GET / HTTP/1.", malformed_start_line},
    {"GET / HTTP/1.10", malformed_start_line},
    {"GET / HTTP/01.1", malformed_start_line},
    {"GET / HTTP/+1.1", malformed_start_line},
    {"GET / HTTPS/1.1", malformed_start_line},
    {"GET / ICY/1.1", malformed_start_line},
    {"GET HTTP/1.1", malformed_start_line},
    {"G(T / HTTP/1.1", malformed_start_line},
    {"G\xc3\x84T / HTTP/1.1", malformed_start_line},
    {"GET:/ / HTTP/1.1", malformed_start_line},
    {"G\0ET / HTTP/1.1"s, malformed_start_line},
    {"GET /\0 HTTP/1.1"s, malformed_start_line},
    {"GET /\x7f HTTP/1.1", malformed_start_line},
    {"GET / HTTP/1.1\0"s, malformed_start_line},
    {"HTTP/1.1 200 OK", malformed_start_line},
    {"Host: b", malformed_start_line},
    {"\r\n\r\nGET / HTTP/1.1", malformed_start_line},
    {"\nGET / HTTP/1.1", bare_lf},
    {"\rGET / HTTP/1.1", bare_cr},
    {"GET / HTTP/1.1\nX: y", bare_lf},
    {"GET / HTTP/1.1\rX: y", bare_cr},
    {"GET /\r HTTP/1.1", bare_cr},
    {"PRI * HTTP/2.0", unsupported_version},
    {"GET / HTTP/2.0", unsupported_version},
    {"GET / HTTP/0.9", unsupported_version},
    {"GET / HTTP/3.1", unsupported_version},
    {"GET / HTTP/1.2", unsupported_minor_version},
    {"GET / HTTP/1.5", unsupported_minor_version},
    {"GET / HTTP/1.9", unsupported_minor_version},
    {"CONNECT a:443 HTTP/1.1", connect_method},
    {"CONNECT / HTTP/1.1", connect_method},
    {"GET /a b HTTP/1.1", malformed_target},
    {"GET /a#b HTTP/1.1", malformed_target},
    {"GET /%zz HTTP/1.1", malformed_target},
    {"GET /a% HTTP/1.1", malformed_target},
    {"GET /a%4 HTTP/1.1", malformed_target},
    {"GET /a%4?b%41 HTTP/1.1", malformed_target},
    {"GET http://a/%f HTTP/1.1", malformed_target},
    {"GET # HTTP/1.1", malformed_target},
    {"GET * HTTP/1.1", malformed_target},
    {"OPTIONS ** HTTP/1.1", malformed_target},
    {"GET a HTTP/1.1", malformed_target},
    {"GET a:80 HTTP/1.1", malformed_target},
    {"GET ?a HTTP/1.1", malformed_target},
    {"GET \\a HTTP/1.1", malformed_target},
    {"GET ftp://a/ HTTP/1.1", malformed_target},
    {"GET ws://a/ HTTP/1.1", malformed_target},
    {"GET http:/a HTTP/1.1", malformed_target},
    {"GET http:///a HTTP/1.1", malformed_target},
    {"GET http://?a HTTP/1.1", malformed_target},
    {"GET http://u@a/ HTTP/1.1", malformed_target},
    {"GET http://u:p@a/ HTTP/1.1", malformed_target},
    {"GET http://a\\@b/ HTTP/1.1", malformed_target},
    {"GET http://a:b/ HTTP/1.1", malformed_target},
    {"GET http://a:65536/ HTTP/1.1", malformed_target},
    {"GET http://[::1/ HTTP/1.1", malformed_target},
    {"GET http://b/ HTTP/1.1", conflicting_host},
    {"GET https://b/ HTTP/1.1", conflicting_host},
    {"GET http://a.b/ HTTP/1.1", conflicting_host},
    {"GET http://a:8080/ HTTP/1.1", conflicting_host},
    {"GET http://a:443/ HTTP/1.1", conflicting_host},
    {"GET https://a:80/ HTTP/1.1", conflicting_host},
  };
  for (const auto& c : cases)
    expect_refused(c.bytes + "\r\nHost: a\r\n\r\n", c.error);
}

TEST(HttpRefusedRequest, RefusesHosts) {
  for (const auto host :
       {"a b"sv,       "a,b"sv,           "a, a"sv,     "a/b"sv,    "a@b"sv,          "a\\b"sv,
        "a?b"sv,       "a#b"sv,           "http://a"sv, "a:b"sv,    "a:80:80"sv,      "a:-1"sv,
        "a:65536"sv,   "a:99999999999"sv, ":80"sv,      ":"sv,      "a%"sv,           "a%2"sv,
        "a%zz"sv,      "\xc3\xa4"sv,      "a\x80"sv,    "\"a\""sv,  "<a>"sv,          "a|b"sv,
        "a^b"sv,       "{a}"sv,           "::1"sv,      "[::1"sv,   "::1]"sv,         "[]"sv,
        "[1.2.3.4]"sv, "[::1]x"sv,        "[::1]:x"sv,  "[g::1]"sv, "[::1%25eth0]"sv, "[v1.a]"sv,
        "[::1]]"sv,    "[[::1]]"sv,       "a[::1]"sv,   "a\tb"sv})
    expect_refused("GET / HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n",
                   parse_error::malformed_host);
}

TEST(HttpRefusedRequest, RefusesWhatOnlyTheWholeHeadShows) {
  using enum parse_error;
  const refused_case cases[] = {
    {"GET / HTTP/1.1\r\n\r\n", missing_host},
    {"GET http://a/ HTTP/1.1\r\n\r\n", missing_host},
    {"GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", missing_host},
    {"GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", conflicting_host},
    {"GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n", conflicting_host},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", repeated_host},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", malformed_transfer_encoding},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n", malformed_transfer_encoding},
    {"\r\n\r\n", malformed_start_line},
  };
  for (const auto& c : cases)
    expect_refused(c.bytes, c.error);
}

} // namespace
} // namespace shunt::net
