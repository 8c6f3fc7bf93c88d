// Base64 as Go reads it: where it finds fault, and what it lets pass.
#include "routing/base64.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::routing {
namespace {

using enum base64_alphabet;

std::string decoded(std::string_view text, base64_alphabet alphabet = url) {
  std::string out;
  if (const auto at = decode_base64(out, text, alphabet))
    return std::string{"fault at "}.append(std::to_string(*at));
  return out;
}

TEST(Base64, IsWrittenAndReadWithPadding) { // RFC 4648, section 10.
  const std::pair<const char*, const char*> rows[] = {{"", ""},
                                                      {"f", "Zg=="},
                                                      {"fo", "Zm8="},
                                                      {"foo", "Zm9v"},
                                                      {"foob", "Zm9vYg=="},
                                                      {"fooba", "Zm9vYmE="},
                                                      {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : rows) {
    std::string out = "before";
    append_base64(out, bytes, url);
    EXPECT_EQ(out.substr(6), text);
    EXPECT_EQ(decoded(text), bytes);
  }
}

TEST(Base64, HasTwoAlphabets) {
  const std::string bytes = "\xfb\xff";
  std::string out;
  append_base64(out, bytes, standard);
  EXPECT_EQ(out, "+/8=");
  out.clear();
  append_base64(out, bytes, url);
  EXPECT_EQ(out, "-_8=");
  EXPECT_EQ(decoded("-_8=", url), bytes);
  EXPECT_EQ(decoded("-_8=", standard), "fault at 0");
  EXPECT_EQ(decoded("+/8=", url), "fault at 0");
}

TEST(Base64, IgnoresLineEnds) {
  EXPECT_EQ(decoded("\r\nZm\n9v\rYg=\r\n=\n"), "foob");
}

TEST(Base64, SaysWhereItIsBroken) {
  const std::pair<const char*, const char*> rows[] = {
    {"Zm9vYg", "fault at 4"},  // Without padding, as the unpadded alphabets of Go would have it.
    {"Zm9vYg=", "fault at 7"}, // Too little.
    {"Zm9vY", "fault at 4"},    {"Zm9v=", "fault at 4"},
    {"Z===", "fault at 1"},     {"Zg=a", "fault at 2"},
    {"Zg==Zg==", "fault at 4"}, {"Zm8=x", "fault at 4"},
    {"Zm 9v", "fault at 2"},    {"Zm9\x80", "fault at 3"},
    {"Zh==", "fault at 3"}, // Bits too many: Go would let these pass.
    {"Zm9=", "fault at 3"}};
  for (const auto& [text, fault] : rows)
    EXPECT_EQ(decoded(text), fault) << text;
}

TEST(Base64, HasOneTextForBytes) {
  std::string out;
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) {
      const std::string text{static_cast<char>(a), static_cast<char>(b), '=', '='};
      if (decode_base64(out, text, url))
        continue;
      std::string again;
      append_base64(again, out, url);
      if (a != '\r' && a != '\n' && b != '\r' && b != '\n') {
        EXPECT_EQ(again, text);
      }
    }
}

} // namespace
} // namespace shunt::routing
