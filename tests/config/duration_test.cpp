// Durations: Go's syntax, and the bounds that the file adds to it.
#include "config/duration.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace shunt::config::test {
namespace {

using ::testing::HasSubstr;

struct reading {
  std::string_view text;
  std::optional<nanoseconds> value;
};

TEST(Duration, IsReadAsGoReadsIt) {
  const std::vector<reading> table{
    {"0", 0ns},
    {"-0", 0ns},
    {"+0", 0ns},
    {"0s", 0ns},
    {"5s", 5s},
    {"30s", 30s},
    {"1478s", 1478s},
    {"-5s", -5s},
    {"+5s", 5s},
    {"1m30s", 90s},
    {"1h15m30.918s", 1h + 15min + 30s + 918ms},
    {"1.5s", 1500ms},
    {"5.s", 5s},
    {".5s", 500ms},
    {"1.004s", 1004ms},
    {"100ns", 100ns},
    {"11us", 11us},
    {"12\u00b5s", 12us},
    {"12\u03bcs", 12us},
    {"13ms", 13ms},
    {"14m", 14min},
    {"15h", 15h},
    {"-1.5h", -90min},
    {"39h9m14.425s", 39h + 9min + 14s + 425ms},
    {"9007199254740993ns", 9007199254740993ns},
    {"9223372036854775807ns", 9223372036854775807ns},
    {"0.100000000000000000000h", 6min},
  };
  for (const auto& [text, value] : table)
    EXPECT_EQ(parse_duration(text), value) << text;
}

TEST(Duration, IsRefusedWhereGoRefusesIt) {
  for (const std::string_view text : {"",
                                      "3",
                                      "-",
                                      "+",
                                      "s",
                                      ".",
                                      "-.",
                                      ".s",
                                      "+.s",
                                      "1d",
                                      "30 s",
                                      " 30s",
                                      "30s ",
                                      "1e3s",
                                      "--5s",
                                      "5S",
                                      "1m30",
                                      "\xff\xff",
                                      "1.2.3s",
                                      "3000000h",
                                      "9223372036854775808ns",
                                      "99999999999999999999s",
                                      "0x5s"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Duration, IsWrittenAsGoWritesIt) {
  EXPECT_EQ(to_text(0ns), "0s");
  EXPECT_EQ(to_text(1ns), "1ns");
  EXPECT_EQ(to_text(1100ns), "1.1\u00b5s");
  EXPECT_EQ(to_text(2200us), "2.2ms");
  EXPECT_EQ(to_text(3300ms), "3.3s");
  EXPECT_EQ(to_text(4min + 5s), "4m5s");
  EXPECT_EQ(to_text(4min + 5001ms), "4m5.001s");
  EXPECT_EQ(to_text(5h + 6min + 7001ms), "5h6m7.001s");
  EXPECT_EQ(to_text(-5s), "-5s");
  EXPECT_EQ(to_text(nanoseconds::min()), "-2562047h47m16.854775808s");
}

TEST(Duration, WithoutAUnitIsAnErrorThatSaysWhatToWrite) {
  EXPECT_THAT(errors_of("\nendpoint_timeout: 30\n"),
              HasSubstr("f.yml:2: endpoint_timeout: found 30, expected a duration with a unit, "
                        "write 30s"));
  EXPECT_THAT(errors_of("drain_wait: 0"), HasSubstr("found 0, expected a duration with a unit"));
  EXPECT_THAT(errors_of("drain_wait: 1.5"), HasSubstr("write 1.5s"));
  EXPECT_THAT(errors_of("drain_wait: 1e3"), HasSubstr("write for example 30s"));
  EXPECT_THAT(errors_of("drain_wait: \"30\""), HasSubstr("expected a duration such as 30s"));
  EXPECT_THAT(errors_of("drain_wait: soon"), HasSubstr("found soon, expected a duration"));
  EXPECT_THAT(errors_of("drain_wait: [30s]"), HasSubstr("found a list, expected a duration"));
}

TEST(Duration, IsReadFromAnyScalarWithUnits) {
  EXPECT_EQ(loaded("drain_wait: 1m30s").drain_wait, 90s);
  EXPECT_EQ(loaded("drain_wait: \"0\"").drain_wait, 0s);
  EXPECT_EQ(loaded("drain_wait: '1.5s'").drain_wait, 1500ms);
}

TEST(Duration, IsRefusedOutsideOfItsRange) {
  const std::vector<refusal> table{
    {"endpoint_timeout: -5s", "f.yml:1: endpoint_timeout: found -5s, allowed is 0s to 87600h0m0s"},
    {"endpoint_timeout: 90000h", "found 90000h, allowed is 0s to 87600h0m0s"},
    {"nats_client_ping_interval: 0s", "allowed is above 0s, at most 87600h0m0s"},
    {"droplet_stale_threshold: \"0\"", "found \"0\", allowed is above 0s"},
    {"endpoint_keep_alive_probe_interval: 0s", "allowed is above 0s"},
    {"route_services_timeout: 0s", "allowed is above 0s"},
    {"drain_timeout: -1ns", "allowed is 0s"},
  };
  for (const auto& [yaml, message] : table)
    EXPECT_THAT(errors_of(yaml), HasSubstr(message)) << yaml;
}

} // namespace
} // namespace shunt::config::test
