#include "net/http_date.hpp"

#include <cstdio>

namespace shunt::net {

std::string_view http_date::at(std::time_t now) noexcept {
  constexpr auto length = std::string_view{"Sun, 06 Nov 1994 08:49:37 GMT"}.size();
  if (now != second_) {
    constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    gmtime_r(&now, &parts);
    std::snprintf(text_.data(), text_.size(), "%s, %02u %s %04u %02u:%02u:%02u GMT",
                  days[parts.tm_wday], static_cast<unsigned>(parts.tm_mday) % 100,
                  months[parts.tm_mon], static_cast<unsigned>(parts.tm_year + 1900) % 10000,
                  static_cast<unsigned>(parts.tm_hour) % 100,
                  static_cast<unsigned>(parts.tm_min) % 100,
                  static_cast<unsigned>(parts.tm_sec) % 100);
    second_ = now;
  }
  return {text_.data(), length};
}

} // namespace shunt::net
