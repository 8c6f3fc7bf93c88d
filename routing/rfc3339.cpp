#include "routing/rfc3339.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

namespace shunt::routing {

namespace {

using namespace std::chrono;

constexpr std::int64_t second_ns = 1'000'000'000;

/// Reads a text from its beginning to its end.
class cursor {
public:
  explicit cursor(std::string_view text) : rest_{text} {}
  bool at_end() const { return rest_.empty(); }

  /// One of `wanted`, or NUL.
  char take(std::string_view wanted) {
    if (rest_.empty() || wanted.find(rest_.front()) == wanted.npos)
      return '\0';
    const char taken = rest_.front();
    rest_.remove_prefix(1);
    return taken;
  }
  /// A number of that many digits within bounds, or -1.
  int number(std::size_t digits, int least, int most) {
    if (rest_.size() < digits)
      return -1;
    int value = 0;
    for (const char c : rest_.substr(0, digits)) {
      if (c < '0' || c > '9')
        return -1;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return value < least || value > most ? -1 : value;
  }
  /// Digits, at least one, as nanoseconds; or -1.
  std::int64_t fraction() {
    std::int64_t value = 0, unit = second_ns;
    std::size_t digits = 0;
    for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
      unit /= 10;
      value += (rest_[digits] - '0') * unit;
    }
    rest_.remove_prefix(digits);
    return digits == 0 ? -1 : value;
  }

private:
  std::string_view rest_;
};

/// Saturates: the year 9999 is in the future, not in the past.
unix_ns joined(std::int64_t seconds, std::int64_t ns) noexcept {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  if (seconds >= most / second_ns)
    return most;
  if (seconds <= least / second_ns)
    return least;
  return seconds * second_ns + ns;
}

void append_digits(std::string& out, std::int64_t value, std::size_t width) {
  const auto at = out.size();
  out.resize(at + width);
  for (auto i = width; i > 0; --i, value /= 10)
    out[at + i - 1] = static_cast<char>('0' + value % 10);
}

} // namespace

void append_rfc3339(std::string& out, unix_ns time) {
  // Not floor() over nanoseconds: its way back from days overflows near the earliest of times.
  auto ns = time % second_ns;
  auto whole = time / second_ns;
  if (ns < 0) {
    ns += second_ns;
    --whole;
  }
  const sys_seconds point{seconds{whole}};
  const auto day = floor<days>(point);
  const year_month_day date{day};
  const auto since = point - day;
  append_digits(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_digits(out, since / 1h, 2);
  out += ':';
  append_digits(out, since / 1min % 60, 2);
  out += ':';
  append_digits(out, since / 1s % 60, 2);
  if (ns != 0) {
    out += '.';
    append_digits(out, ns, 9);
    out.resize(out.find_last_not_of('0') + 1);
  }
  out += 'Z';
}

std::optional<unix_ns> parse_rfc3339(std::string_view text) noexcept {
  cursor at{text};
  const int y = at.number(4, 0, 9999);
  if (y < 0 || at.take("-") == '\0')
    return {};
  const int mo = at.number(2, 1, 12);
  if (mo < 0 || at.take("-") == '\0')
    return {};
  const int d = at.number(2, 1, 31);
  const year_month_day date{year{y}, month{static_cast<unsigned>(std::max(mo, 0))},
                            day{static_cast<unsigned>(std::max(d, 0))}};
  if (d < 0 || !date.ok() || at.take("Tt") == '\0')
    return {};
  const int h = at.number(2, 0, 23);
  if (h < 0 || at.take(":") == '\0')
    return {};
  const int mi = at.number(2, 0, 59);
  if (mi < 0 || at.take(":") == '\0')
    return {};
  const int s = at.number(2, 0, 60);
  const auto ns = at.take(".") != '\0' ? at.fraction() : 0;
  const char zone = at.take("Zz+-");
  if (s < 0 || ns < 0 || zone == '\0')
    return {};
  std::int64_t offset = 0;
  if (zone == '+' || zone == '-') {
    const int oh = at.number(2, 0, 23);
    if (oh < 0 || at.take(":") == '\0')
      return {};
    const int om = at.number(2, 0, 59);
    if (om < 0)
      return {};
    offset = (oh * 60 + om) * (zone == '+' ? 60 : -60);
  }
  if (!at.at_end())
    return {};
  const auto days_since = sys_days{date}.time_since_epoch().count();
  return joined(days_since * 86'400LL + h * 3600 + mi * 60 + s - offset, ns);
}

} // namespace shunt::routing
