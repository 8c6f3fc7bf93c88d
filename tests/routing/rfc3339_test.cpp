// Points in time as text.
#include "routing/rfc3339.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace shunt::routing {
namespace {

std::string written(unix_ns time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

TEST(Rfc3339, IsWrittenAsShortAsItIsExact) {
  const std::pair<unix_ns, const char*> rows[] = {
    {0, "1970-01-01T00:00:00Z"},
    {1'735'787'045'123'456'789, "2025-01-02T03:04:05.123456789Z"},
    {1'735'787'045'120'000'000, "2025-01-02T03:04:05.12Z"},
    {951'782'400'000'000'001, "2000-02-29T00:00:00.000000001Z"},
    {-1, "1969-12-31T23:59:59.999999999Z"}};
  for (const auto& [time, text] : rows) {
    EXPECT_EQ(written(time), text);
    EXPECT_EQ(parse_rfc3339(text), time);
  }
}

TEST(Rfc3339, IsReadWithAnyOffsetAndFraction) {
  constexpr unix_ns time = 1'735'787'045'500'000'000;
  for (const auto* text :
       {"2025-01-02T03:04:05.5Z", "2025-01-02T03:04:05.500000000000Z",
        "2025-01-02T04:04:05.5+01:00", "2025-01-01T21:34:05.5-05:30", "2025-01-02t03:04:05.5z",
        "2025-01-02T03:04:05.5-00:00", "2025-01-03T03:03:05.5+23:59"})
    EXPECT_EQ(parse_rfc3339(text), time) << text;
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), parse_rfc3339("2017-01-01T00:00:00Z"));
  EXPECT_EQ(parse_rfc3339("2025-01-02T03:04:05.1234567899Z"), 1'735'787'045'123'456'789);
}

TEST(Rfc3339, EndsWhereItCannotBeCountedAnyMore) {
  EXPECT_EQ(parse_rfc3339("9999-12-31T23:59:59Z"), std::numeric_limits<unix_ns>::max());
  EXPECT_EQ(parse_rfc3339("0001-01-01T00:00:00Z"), std::numeric_limits<unix_ns>::min());
  EXPECT_EQ(parse_rfc3339("0000-01-01T00:00:00+23:59"), std::numeric_limits<unix_ns>::min());
  for (const auto time : {std::numeric_limits<unix_ns>::min(), std::numeric_limits<unix_ns>::max()})
    EXPECT_EQ(parse_rfc3339(written(time)), time) << written(time);
  EXPECT_EQ(written(std::numeric_limits<unix_ns>::min()), "1677-09-21T00:12:43.145224192Z");
}

TEST(Rfc3339, IsNothingElse) {
  for (const auto* text : {"",
                           "2025",
                           "2025-01-02",
                           "2025-01-02T03:04:05",
                           "2025-01-02 03:04:05Z",
                           "2025-13-02T03:04:05Z",
                           "2025-00-02T03:04:05Z",
                           "2025-02-29T03:04:05Z",
                           "2025-01-32T03:04:05Z",
                           "2025-01-02T24:04:05Z",
                           "2025-01-02T03:60:05Z",
                           "2025-01-02T03:04:61Z",
                           "2025-1-02T03:04:05Z",
                           "2025-01-02T3:04:05Z",
                           "2025-01-02T03:04:05.Z",
                           "2025-01-02T03:04:05,5Z",
                           "2025-01-02T03:04:05+1:00",
                           "2025-01-02T03:04:05+24:00",
                           "2025-01-02T03:04:05+01:60",
                           "2025-01-02T03:04:05+0100",
                           "2025-01-02T03:04:05ZZ",
                           "+025-01-02T03:04:05Z",
                           "-025-01-02T03:04:05Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

} // namespace
} // namespace shunt::routing
