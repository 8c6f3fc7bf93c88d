// Field names and values: every name is found whatever its case, nothing else is, and the small
// grammars that framing rests on.
#include "net/http_fields.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::string_view_literals;

std::vector<field_id> all_ids() {
  std::vector<field_id> ids;
  for (std::size_t i = 1; i <= static_cast<std::size_t>(field_id::warning); ++i)
    ids.push_back(static_cast<field_id>(i));
  return ids;
}

TEST(HttpFields, FindsEveryNameInEveryCase) {
  for (const auto id : all_ids()) {
    const std::string name{name_of(id)};
    auto upper = name;
    std::transform(name.begin(), name.end(), upper.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    auto first_upper = name;
    first_upper[0] = upper[0];
    for (const auto& spelling : {name, upper, first_upper})
      EXPECT_EQ(identify(spelling), id) << spelling;
  }
}

TEST(HttpFields, SpellsTheNamesAsTheIdsSay) {
  for (const auto& [id, name] : {std::pair{field_id::host, "host"sv},
                                 {field_id::x_forwarded_client_cert, "x-forwarded-client-cert"sv},
                                 {field_id::x_cf_routererror, "x-cf-routererror"sv},
                                 {field_id::x_vcap_request_id, "x-vcap-request-id"sv},
                                 {field_id::b3, "b3"sv},
                                 {field_id::x_b3_flags, "x-b3-flags"sv},
                                 {field_id::set_cookie, "set-cookie"sv},
                                 {field_id::x_idempotency_key, "x-idempotency-key"sv},
                                 {field_id::warning, "warning"sv}})
    EXPECT_EQ(name_of(id), name);
}

TEST(HttpFields, TakesNothingElseForAName) {
  EXPECT_EQ(identify(""), field_id::other);
  EXPECT_EQ(identify("x"), field_id::other);
  EXPECT_EQ(identify(std::string(300, 'a')), field_id::other);
  for (const auto id : all_ids()) {
    const std::string name{name_of(id)};
    EXPECT_EQ(identify(name + "x"), field_id::other) << name;
    EXPECT_EQ(identify(" " + name), field_id::other) << name;
    for (std::size_t at = 0; at < name.size(); ++at)
      for (const char flip : {'\x20', '\x40', '\x80'}) {
        auto changed = name; // Of a letter, bit 5 is its case; of anything else it is not.
        changed[at] = static_cast<char>(changed[at] ^ flip);
        const bool same = flip == '\x20' && name[at] >= 'a' && name[at] <= 'z';
        EXPECT_EQ(identify(changed), same ? id : field_id::other) << changed;
      }
  }
}

TEST(HttpFields, ComparesWithoutCaseOfAsciiLettersOnly) {
  EXPECT_TRUE(iequals("", ""));
  EXPECT_TRUE(iequals("aZ", "Az"));
  EXPECT_TRUE(iequals("Content-Length-AZaz", "cONTENT-lENGTH-azAZ"));
  EXPECT_FALSE(iequals("a", "ab"));
  for (const std::size_t size : {1u, 7u, 8u, 9u, 16u, 17u})
    for (int a = 0; a < 256; ++a)
      for (std::size_t at = 0; at < size; ++at) {
        std::string left(size, 'q'), right(size, 'Q');
        left[at] = static_cast<char>(a);
        right[at] = static_cast<char>(a ^ 0x20);
        const bool letter = (a >= 'A' && a <= 'Z') || (a >= 'a' && a <= 'z');
        ASSERT_EQ(iequals(left, right), letter) << a << " at " << at << " of " << size;
      }
}

TEST(HttpFields, FindsTokensInLists) {
  EXPECT_TRUE(has_token("close", "close"));
  EXPECT_TRUE(has_token(" a ,\tClose\t, b", "close"));
  EXPECT_TRUE(has_token(",,close", "close"));
  EXPECT_FALSE(has_token("", "close"));
  EXPECT_FALSE(has_token("closed, xclose, clo se", "close"));
  EXPECT_FALSE(has_token("close;q=1", "close"));
}

TEST(HttpFields, FindsFields) {
  const field fields[] = {{"Connection", "a, b", field_id::connection},
                          {"X-Some", "1", field_id::other},
                          {"connection", "Close", field_id::connection},
                          {"x-some", "2", field_id::other}};
  EXPECT_TRUE(has_token(fields, field_id::connection, "close"));
  EXPECT_FALSE(has_token(fields, field_id::upgrade, "close"));
  EXPECT_EQ(find_field(fields, field_id::connection), &fields[0]);
  EXPECT_EQ(find_field(fields, field_id::host), nullptr);
  EXPECT_EQ(find_field(fields, "X-SOME"), &fields[1]);
  EXPECT_EQ(find_field(fields, "x-non"), nullptr);
}

TEST(HttpFields, KnowsTokens) {
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09AZaz"));
  EXPECT_FALSE(is_token(""));
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool expected = std::string_view{"!#$%&'*+-.^_`|~"}.find(byte) != std::string_view::npos
                          || (c < 128 && std::isalnum(c) != 0);
    EXPECT_EQ(is_token({&byte, 1}), expected) << c;
  }
}

TEST(HttpFields, ReadsLengthsStrictly) {
  EXPECT_EQ(parse_content_length("0"), 0u);
  EXPECT_EQ(parse_content_length("00042"), 42u);
  EXPECT_EQ(parse_content_length("9223372036854775807"), 9223372036854775807u);
  for (const auto value : {""sv, "9223372036854775808"sv, "92233720368547758070"sv, "1,1"sv, "+1"sv,
                           "-1"sv, " 1"sv, "1 "sv, "0x1"sv, "1\0"sv, "\xb2"sv})
    EXPECT_EQ(parse_content_length(value), std::nullopt) << value;
}

TEST(HttpFields, DropsTrailersThatWouldActAfterTheFact) {
  for (const auto id :
       {field_id::host, field_id::content_length, field_id::transfer_encoding, field_id::connection,
        field_id::trailer, field_id::te, field_id::upgrade, field_id::authorization,
        field_id::cookie, field_id::set_cookie, field_id::content_type, field_id::x_forwarded_for,
        field_id::forwarded, field_id::x_forwarded_client_cert, field_id::x_cf_applicationid,
        field_id::x_cf_proxy_signature, field_id::cache_control, field_id::expect})
    EXPECT_TRUE(forbidden_in_trailers(id)) << name_of(id);
  EXPECT_FALSE(forbidden_in_trailers(identify("grpc-status")));
  EXPECT_FALSE(forbidden_in_trailers(identify("x-checksum")));
}

} // namespace
} // namespace shunt::net
