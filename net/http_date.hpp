// The Date of responses (RFC 9110, section 5.6.7), formatted once a second. One a thread.
#pragma once

#include <limits>
#include <array>
#include <ctime>
#include <string_view>

namespace shunt::net {

class http_date {
public:
  /// `now` as an IMF-fixdate, for example `Sun, 06 Nov 1994 08:49:37 GMT`. Valid until the next call.
  std::string_view at(std::time_t now) noexcept;

private:
  std::time_t second_ = std::numeric_limits<std::time_t>::min();
  std::array<char, 30> text_{};
};

} // namespace shunt::net
