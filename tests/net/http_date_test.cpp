// The dates of responses.
#include "net/http_date.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::net {
namespace {

TEST(HttpDate, IsAnImfFixdate) {
  const struct {
    std::time_t at;
    const char* text;
  } rows[] = {
    {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, // RFC 9110's own example.
    {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
    {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
    {1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"},
    {1709251200, "Fri, 01 Mar 2024 00:00:00 GMT"},
    {1704067199, "Sun, 31 Dec 2023 23:59:59 GMT"},
    {2147483648, "Tue, 19 Jan 2038 03:14:08 GMT"},
    {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
    {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"}, // No leap year.
  };
  for (const auto& row : rows) {
    http_date date;
    EXPECT_EQ(date.at(row.at), row.text);
  }
}

TEST(HttpDate, NamesEveryMonthAndDay) {
  const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t begins[] = {1672531200, 1675209600, 1677628800, 1680307200,
                                1682899200, 1685577600, 1688169600, 1690848000,
                                1693526400, 1696118400, 1698796800, 1701388800};
  http_date date;
  for (int month = 0; month < 12; ++month)
    EXPECT_EQ(date.at(begins[month]).substr(5, 11), std::string{"01 "} + months[month] + " 2023");
  const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}; // 1 January was one.
  for (int day = 0; day < 7; ++day)
    EXPECT_EQ(date.at(1672531200 + day * 86'400).substr(0, 5), std::string{days[day]} + ", ");
}

TEST(HttpDate, ChangesWithTheSecondAndGoesBackWithTheClock) {
  http_date date;
  EXPECT_EQ(date.at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date.at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date.at(784111778), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(date.at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(HttpDate, BeginsWithAnySecond) {
  for (const std::time_t second : {-1, 0, 1}) {
    http_date date;
    EXPECT_EQ(date.at(second), second < 0 ? "Wed, 31 Dec 1969 23:59:59 GMT"
                               : second == 0 ? "Thu, 01 Jan 1970 00:00:00 GMT"
                                             : "Thu, 01 Jan 1970 00:00:01 GMT");
  }
}

TEST(HttpDate, HasNoTextThatIsTooLongForIt) {
  http_date date;
  EXPECT_EQ(date.at(253402300800).size(), 29u); // The year 10000.
  EXPECT_EQ(date.at(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
}

} // namespace
} // namespace shunt::net
