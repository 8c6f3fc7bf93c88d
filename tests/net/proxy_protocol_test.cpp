// PROXY headers of both versions: what they say, what is refused, and that the verdict does not
// depend on how the bytes arrive. Every header is looked at whole and cut at every point, in memory
// that ends where the bytes do.
#include "net/proxy_protocol.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace shunt::net {

inline void PrintTo(proxy_error error, std::ostream* out) {
  *out << '"' << describe(error) << '"';
}

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using enum proxy_outcome;

const auto signature = "\r\n\r\n\0\r\nQUIT\n"s;

proxy_parse parse_copy(std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  return parse_proxy_header({copy.data(), copy.size()});
}

/// Byte after byte, until there is a verdict.
proxy_parse parse_in_steps(std::string_view bytes) {
  proxy_parse result;
  for (std::size_t size = 0; size <= bytes.size() && result.outcome == need_more; ++size)
    result = parse_copy(bytes.substr(0, size));
  return result;
}

proxy_parse parse(std::string_view bytes) {
  const auto whole = parse_copy(bytes);
  const auto steps = parse_in_steps(bytes);
  EXPECT_EQ(whole.outcome, steps.outcome);
  EXPECT_EQ(whole.error, steps.error);
  EXPECT_EQ(whole.header.bytes, steps.header.bytes);
  EXPECT_EQ(whole.header.source, steps.header.source);
  return whole;
}

std::string text_of(const asio::ip::tcp::endpoint& endpoint) {
  return endpoint.address().to_string() + " " + std::to_string(endpoint.port());
}

/// A number in network order.
std::string big_endian(std::uint32_t number, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift & 0xff);
  return out;
}

std::string binary(int command, int family, const std::string& block) {
  return signature + big_endian(static_cast<std::uint32_t>(command), 1)
         + big_endian(static_cast<std::uint32_t>(family), 1)
         + big_endian(static_cast<std::uint32_t>(block.size()), 2) + block;
}

std::string extension(int type, const std::string& value) {
  return big_endian(static_cast<std::uint32_t>(type), 1)
         + big_endian(static_cast<std::uint32_t>(value.size()), 2) + value;
}

const auto v4_block = "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdd\xd5\x01\xbb"s;

TEST(ProxyLine, NamesClientAndDestination) {
  const struct {
    std::string line, source, destination;
  } rows[] = {
    {"PROXY TCP4 192.0.2.1 198.51.100.2 56789 443", "192.0.2.1 56789", "198.51.100.2 443"},
    {"PROXY TCP4 0.0.0.0 255.255.255.255 0 65535", "0.0.0.0 0", "255.255.255.255 65535"},
    {"PROXY TCP6 2001:db8::1 ::1 1 80", "2001:db8::1 1", "::1 80"},
    {"PROXY TCP6 2001:DB8:0:0:0:0:0:1 :: 1 80", "2001:db8::1 1", ":: 80"},
    {"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 80", "::ffff:192.0.2.1 1", "::1 80"},
  };
  for (const auto& row : rows) {
    const auto made = parse(row.line + "\r\nGET / HTTP/1.1\r\n");
    ASSERT_EQ(made.outcome, complete) << row.line;
    EXPECT_EQ(made.header.bytes, row.line.size() + 2);
    EXPECT_EQ(made.header.version, 1);
    EXPECT_EQ(made.header.subject, proxy_subject::client);
    EXPECT_EQ(text_of(made.header.source), row.source);
    EXPECT_EQ(text_of(made.header.destination), row.destination);
  }
}

TEST(ProxyLine, LeavesTheSocketsAddressesWhereTheSenderKnowsNone) {
  const std::string full(39, 'f');
  const std::string longest = "PROXY UNKNOWN " + full + " " + full + " 65535 65535";
  ASSERT_EQ(longest.size() + 2, proxy_line_bytes_max);
  for (const auto& line :
       {"PROXY UNKNOWN"s, "PROXY UNKNOWN "s, "PROXY UNKNOWN what ever"s, longest}) {
    const auto made = parse(line + "\r\n");
    ASSERT_EQ(made.outcome, complete) << line;
    EXPECT_EQ(made.header.subject, proxy_subject::unknown);
    EXPECT_EQ(made.header.bytes, line.size() + 2);
  }
}

TEST(ProxyLine, IsRefusedWhenItIsNotToTheLetter) {
  using enum proxy_error;
  const std::pair<std::string, proxy_error> rows[] = {
    {"PROXY \r\n", unknown_protocol},
    {"PROXY /index.html HTTP/1.1\r\n", unknown_protocol},
    {"PROXY TCP\r\n", unknown_protocol},
    {"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", unknown_protocol},
    {"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", unknown_protocol},
    {"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", unknown_protocol},
    {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", unknown_protocol},
    {"PROXY UNKNOWNS\r\n", unknown_protocol},
    {"PROXY TCP4\r\n", unknown_protocol},
    {"PROXY TCP4 \r\n", malformed_line},
    {"PROXY TCP4 1.2.3.4\r\n", malformed_line},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", malformed_line},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", malformed_line},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", malformed_line},
    {"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", malformed_line},
    {"PROXY TCP4  1.2.3.4 1.2.3.4 1\r\n", malformed_address},
    {"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", malformed_address},
    {"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", malformed_address},
    {"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", malformed_address},
    {"PROXY TCP4 1.2.3.4 0x1020304 1 2\r\n", malformed_address},
    {"PROXY TCP4 1.2.3.4\0 1.2.3.4 1 2\r\n"s, malformed_address},
    {"PROXY TCP4 ::1 ::1 1 2\r\n", malformed_address},
    {"PROXY TCP4 app.example 1.2.3.4 1 2\r\n", malformed_address},
    {"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", malformed_address},
    {"PROXY TCP6 [::1] ::1 1 2\r\n", malformed_address},
    {"PROXY TCP6 fe80::1%lo ::1 1 2\r\n", malformed_address},
    {"PROXY TCP6 1::2::3 ::1 1 2\r\n", malformed_address},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", malformed_port},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 1 99999999999\r\n", malformed_port},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", malformed_port},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", malformed_port},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", malformed_port},
    {"PROXY TCP4 1.2.3.4 1.2.3.4  2\r\n", malformed_port},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\t\r\n", malformed_port},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", malformed_line_end},
    {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", malformed_line_end},
    {"PROXY UNKNOWN a\rb\r\n", malformed_line_end},
    {"PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", line_too_long},
    {"PROXY UNKNOWN " + std::string(93, 'x'), line_too_long},
  };
  for (const auto& [bytes, error] : rows) {
    const auto made = parse(bytes);
    EXPECT_EQ(made.outcome, malformed) << bytes;
    EXPECT_EQ(made.error, error) << bytes;
  }
}

TEST(ProxyHeader, IsAbsentWhereNoneCanBegin) {
  for (const auto& bytes :
       {"GET / HTTP/1.1\r\n"s, "POST / HTTP/1.1\r\n"s, "PROXYS / HTTP/1.1\r\n"s, "proxy TCP4"s,
        "\x16\x03\x01\x02"s, "\r\nGET / HTTP/1.1\r\n"s, "\r\n\r\n\r\n"s, "\0"s,
        "\r\n\r\n\0\r\nQUIT\r"s, "PRI * HTTP/2.0\r\n"s, " PROXY"s}) {
    EXPECT_EQ(parse(bytes).outcome, absent) << bytes;
    EXPECT_FALSE(has_proxy_signature(bytes));
  }
}

TEST(ProxyHeader, NeedsMoreWhileItMayBecomeOne) {
  const auto line = "PROXY TCP4 192.0.2.1 198.51.100.2 56789 443\r\n"s;
  const auto block = binary(0x21, 0x11, v4_block + extension(1, "h2"));
  for (const auto& whole : {line, block}) {
    const std::size_t signed_from = whole == line ? 6 : signature.size();
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(parse_copy(whole.substr(0, size)).outcome, need_more) << size;
      EXPECT_EQ(has_proxy_signature(whole.substr(0, size)), size >= signed_from) << size;
    }
    EXPECT_EQ(parse_copy(whole).outcome, complete);
  }
}

TEST(ProxyBinary, NamesClientAndDestination) {
  const auto made = parse(binary(0x21, 0x11, v4_block) + "GET /");
  ASSERT_EQ(made.outcome, complete);
  EXPECT_EQ(made.header.bytes, 28u);
  EXPECT_EQ(made.header.version, 2);
  EXPECT_EQ(made.header.subject, proxy_subject::client);
  EXPECT_EQ(text_of(made.header.source), "192.0.2.1 56789");
  EXPECT_EQ(text_of(made.header.destination), "198.51.100.2 443");
}

TEST(ProxyBinary, NamesThemForIpv6Too) {
  const auto source = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s;
  const auto destination = std::string(15, '\0') + "\x01"s;
  const auto made = parse(binary(0x21, 0x21, source + destination + "\x00\x01\xff\xff"s));
  ASSERT_EQ(made.outcome, complete);
  EXPECT_EQ(text_of(made.header.source), "2001:db8::1 1");
  EXPECT_EQ(text_of(made.header.destination), "::1 65535");
}

TEST(ProxyBinary, LeavesTheSocketsAddressesWhereItNamesNone) {
  const struct {
    std::string bytes;
    proxy_subject subject;
  } rows[] = {
    {binary(0x20, 0x00, ""), proxy_subject::local},
    {binary(0x20, 0x11, v4_block), proxy_subject::local},
    {binary(0x20, 0x77, "anything"), proxy_subject::local}, // A LOCAL's family does not matter.
    {binary(0x21, 0x00, ""), proxy_subject::unknown},
    {binary(0x21, 0x00, "anything"), proxy_subject::unknown},
    {binary(0x21, 0x12, v4_block), proxy_subject::unknown}, // Datagrams.
    {binary(0x21, 0x22, std::string(36, 'x')), proxy_subject::unknown},
    {binary(0x21, 0x31, std::string(216, 'x')), proxy_subject::unknown}, // Unix sockets.
    {binary(0x21, 0x32, std::string(216, 'x')), proxy_subject::unknown},
  };
  for (const auto& row : rows) {
    const auto made = parse(row.bytes + "next");
    ASSERT_EQ(made.outcome, complete);
    EXPECT_EQ(made.header.subject, row.subject);
    EXPECT_EQ(made.header.bytes, row.bytes.size());
    EXPECT_EQ(made.header.source, asio::ip::tcp::endpoint{});
  }
}

TEST(ProxyBinary, IsRefusedWhenItsHeadIsNotAssigned) {
  using enum proxy_error;
  const std::pair<std::string, proxy_error> rows[] = {
    {binary(0x11, 0x11, v4_block), unknown_version},
    {binary(0x31, 0x11, v4_block), unknown_version},
    {binary(0x01, 0x11, v4_block), unknown_version},
    {binary(0x22, 0x11, v4_block), unknown_command},
    {binary(0x2f, 0x11, v4_block), unknown_command},
    {binary(0x21, 0x10, v4_block), unknown_family},
    {binary(0x21, 0x01, v4_block), unknown_family},
    {binary(0x21, 0x13, v4_block), unknown_family},
    {binary(0x21, 0x41, v4_block), unknown_family},
    {binary(0x21, 0xff, v4_block), unknown_family},
    {binary(0x21, 0x11, v4_block.substr(1)), address_too_short},
    {binary(0x21, 0x11, ""), address_too_short},
    {binary(0x21, 0x12, v4_block.substr(1)), address_too_short},
    {binary(0x21, 0x21, std::string(35, 'x')), address_too_short},
    {binary(0x21, 0x31, std::string(215, 'x')), address_too_short},
  };
  for (const auto& [bytes, error] : rows) {
    const auto made = parse(bytes);
    EXPECT_EQ(made.outcome, malformed) << describe(error);
    EXPECT_EQ(made.error, error);
  }
}

TEST(ProxyBinary, IsRefusedByItsLengthBeforeItHasArrived) {
  const auto largest = binary(0x20, 0, std::string(proxy_header_bytes_max - 16, 'x'));
  EXPECT_EQ(parse_copy(largest).outcome, complete);
  const auto larger = binary(0x20, 0, std::string(proxy_header_bytes_max - 15, 'x'));
  const auto made = parse_copy(larger.substr(0, 16));
  EXPECT_EQ(made.outcome, malformed);
  EXPECT_EQ(made.error, proxy_error::header_too_large);
}

TEST(ProxyBinary, SkipsExtensions) {
  const auto extensions = extension(0x01, "h2") + extension(0x02, "app.example")
                          + extension(0x04, "") + extension(0xea, std::string(300, '\xff'));
  const auto bytes = binary(0x21, 0x11, v4_block + extensions);
  const auto made = parse(bytes + "next");
  ASSERT_EQ(made.outcome, complete);
  EXPECT_EQ(made.header.bytes, bytes.size());
  EXPECT_EQ(text_of(made.header.source), "192.0.2.1 56789");
}

TEST(ProxyBinary, IsRefusedWhenAnExtensionDoesNotEndWithIt) {
  for (const auto& rest : {"\x01"s, "\x01\x00"s, "\x01\x00\x01"s, "\x04\xff\xff"s,
                           extension(1, "h2") + "\x01\x00\x02h"s, extension(3, "abc"),
                           extension(3, "abcde"), extension(3, "")}) {
    const auto made = parse(binary(0x21, 0x11, v4_block + rest));
    EXPECT_EQ(made.outcome, malformed);
    EXPECT_EQ(made.error, proxy_error::malformed_extension);
  }
}

/// CRC-32C bit by bit, as its definition has it.
std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t value = 0xffffffff;
  for (const unsigned char byte : bytes) {
    value ^= byte;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78 : value >> 1;
  }
  return ~value;
}

/// A header with a checksum between two other extensions.
std::string checked_header(std::string* sum = nullptr) {
  const auto head = v4_block + extension(1, "h2");
  const auto tail = extension(4, "pad");
  const auto bytes = binary(0x21, 0x11, head + extension(3, std::string(4, '\0')) + tail);
  const auto right = big_endian(crc32c(bytes), 4);
  if (sum != nullptr)
    *sum = right;
  return binary(0x21, 0x11, head + extension(3, right) + tail);
}

TEST(ProxyBinary, IsBelievedWithTheRightChecksum) {
  ASSERT_EQ(crc32c("123456789"), 0xe3069283u); // The check value in the literature.
  EXPECT_EQ(parse(checked_header()).outcome, complete);
}

TEST(ProxyBinary, IsRefusedWhenAnyBitOfItChangedUnderItsChecksum) {
  const auto right = checked_header();
  for (std::size_t at = 16; at < 28; ++at) { // The addresses.
    auto wrong = right;
    wrong[at] = static_cast<char>(wrong[at] ^ 0x10);
    EXPECT_EQ(parse_copy(wrong).error, proxy_error::wrong_checksum) << at;
  }
  std::string sum;
  auto wrong = checked_header(&sum);
  wrong[wrong.find(sum)] ^= 1;
  EXPECT_EQ(parse_copy(wrong).error, proxy_error::wrong_checksum);
}

TEST(ProxyBinary, IsRefusedWithTwoChecksums) {
  const auto twice = extension(3, "abcd") + extension(3, "abcd");
  EXPECT_EQ(parse(binary(0x21, 0x11, v4_block + twice)).error, proxy_error::malformed_extension);
}

TEST(ProxyError, HasAFewWordsForEach) {
  for (int i = 1; i <= static_cast<int>(proxy_error::wrong_checksum); ++i)
    EXPECT_NE(describe(static_cast<proxy_error>(i)), "no error") << i;
}

} // namespace
} // namespace shunt::net
