// Which route services may be reached within the router.
#include "routing/hairpin_allowlist.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using ::testing::HasSubstr;

hairpin_allowlist list(std::vector<std::string> entries) {
  std::string error;
  auto parsed = hairpin_allowlist::parse(entries, error);
  EXPECT_TRUE(parsed) << error;
  return parsed.value_or(hairpin_allowlist{});
}

TEST(HairpinAllowlist, AllowsEveryHostWhenItIsEmpty) {
  for (const std::string_view host : {"a.example.com", "localhost", "*.example.com", "[::1]", ""})
    EXPECT_TRUE(list({}).allows(host)) << host;
}

TEST(HairpinAllowlist, TakesNamesOfTwoLabelsAndWildcardsInFrontOfThem) {
  for (const std::string entry :
       {"example.com", "a.b.c.d.e", "*.example.com", "*.a.b.c", "A-1.EXAMPLE.com", "-.-", "127.0.0.1", "1.2"}) {
    std::string error;
    EXPECT_TRUE(hairpin_allowlist::parse(std::vector{entry}, error)) << entry << error;
    EXPECT_EQ(error, "");
  }
}

TEST(HairpinAllowlist, RefusesAnythingElseByName) {
  for (const std::string entry :
       {"", "com", "*", "*.", "*.com", "*com.example", "*.*.example.com", "a.*.com", "a.example.*", ".example.com",
        "example.com.", "a..b", "*..example.com", "a_b.example.com", "example.com/path", "example.com:443",
        "https://example.com", " example.com", "example.com ", "example.com\n", "a.example.com,b.example.com",
        "\xc3\xa4.example.com", "[::1]", "a.b\\"}) {
    std::string error;
    EXPECT_FALSE(hairpin_allowlist::parse(std::vector<std::string>{"good.example.com", entry}, error)) << entry;
    EXPECT_THAT(error, HasSubstr(std::string{"'"}.append(entry).append("': expected a host"))) << entry;
  }
  EXPECT_FALSE([] {
    std::string error;
    const std::vector entries{std::string("a.example.com\0", 14)};
    return hairpin_allowlist::parse(entries, error).has_value();
  }()) << "a zero byte";
}

TEST(HairpinAllowlist, ShowsOnlyTheBeginningOfALongEntry) {
  std::string error;
  EXPECT_FALSE(hairpin_allowlist::parse(std::vector{std::string(100'000, '_')}, error));
  EXPECT_LT(error.size(), 200u);
}

TEST(HairpinAllowlist, OfNamesMeansThoseAlone) {
  const auto names = list({"b.example.com", "A.Example.Com", "example.com"});
  for (const std::string_view host : {"a.example.com", "b.example.com", "example.com"})
    EXPECT_TRUE(names.allows(host)) << host;
  for (const std::string_view host : {"c.example.com", "x.a.example.com", "*.example.com", "com", "a.example.co",
                                      "a.example.comm", "", "localhost", "a"})
    EXPECT_FALSE(names.allows(host)) << host;
}

TEST(HairpinAllowlist, OfAWildcardMeansOneLabelInItsPlace) {
  const auto wild = list({"*.Example.com", "*.b.example.org"});
  for (const std::string_view host : {"a.example.com", "zz.example.com", "a.b.example.org", "_.example.com"})
    EXPECT_TRUE(wild.allows(host)) << host;
  for (const std::string_view host : {"example.com", "a.b.example.com", ".example.com", "b.example.org",
                                      "a.example.org", "aexample.com", "com", "", ".", "a."})
    EXPECT_FALSE(wild.allows(host)) << host;
}

TEST(HairpinAllowlist, TakesTheRouteOfAWildcardByTheSameEntry) {
  const auto wild = list({"*.example.com", "exact.example.org"});
  EXPECT_TRUE(wild.allows("*.example.com"));
  EXPECT_FALSE(wild.allows("*.a.example.com"));
  EXPECT_FALSE(wild.allows("*.example.org"));
  EXPECT_FALSE(wild.allows("*.com"));
}

TEST(HairpinAllowlist, MayMixBothAndRepeatItself) {
  const auto both = list({"one.example.com", "*.example.org", "one.example.com", "*.example.org"});
  EXPECT_TRUE(both.allows("one.example.com"));
  EXPECT_TRUE(both.allows("any.example.org"));
  EXPECT_FALSE(both.allows("any.example.com"));
  EXPECT_FALSE(both.allows("one.example.com.example.org"));
}

} // namespace
} // namespace shunt::routing
