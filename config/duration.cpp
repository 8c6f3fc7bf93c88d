// Reading and writing Go's durations. Follows time.ParseDuration and Duration.String of Go's
// library.
#include "config/duration.hpp"

#include <array>
#include <cstdint>
#include <limits>

namespace shunt::config {

namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t nanoseconds_max =
  static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

struct unit {
  std::string_view name;
  std::uint64_t length; ///< Nanoseconds.
};

constexpr std::array units{
  unit{"ns", 1},
  unit{"us", 1'000},
  unit{"\u00b5s", 1'000}, // micro sign
  unit{"\u03bcs", 1'000}, // Greek letter mu
  unit{"ms", 1'000'000},
  unit{"s", 1'000'000'000},
  unit{"m", 60'000'000'000},
  unit{"h", 3'600'000'000'000},
};

/// Takes the digits at the front of `text` into `value`; false when they do not fit.
bool take_digits(std::string_view& text, std::uint64_t& value) {
  while (!text.empty() && is_digit(text.front())) {
    if (__builtin_mul_overflow(value, std::uint64_t{10}, &value)
        || __builtin_add_overflow(value, static_cast<std::uint64_t>(text.front() - '0'), &value))
      return false;
    text.remove_prefix(1);
  }
  return true;
}

/// Takes the digits after the point, as a number below 1. Digits beyond the 18th cannot matter.
double take_fraction(std::string_view& text) {
  double value = 0;
  double scale = 1;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1)) {
    if (scale < 1e18) {
      value = value * 10 + (text.front() - '0');
      scale *= 10;
    }
  }
  return value / scale;
}

/// Takes the unit at the front of `text`, which reaches up to the next digit or point.
std::uint64_t take_unit(std::string_view& text) {
  const auto end = text.find_first_of(".0123456789");
  const auto name = text.substr(0, end);
  text.remove_prefix(name.size());
  for (const auto& u : units)
    if (u.name == name)
      return u.length;
  return 0;
}

/// Takes one number with its unit and adds it to `total`; false when it is none or does not fit.
bool take_term(std::string_view& text, std::uint64_t& total) {
  const auto length_before = text.size();
  std::uint64_t whole = 0;
  if (!take_digits(text, whole))
    return false;
  bool has_digits = text.size() != length_before;
  double fraction = 0;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    const auto length_after_point = text.size();
    fraction = take_fraction(text);
    has_digits = has_digits || text.size() != length_after_point;
  }
  const auto length = take_unit(text);
  if (!has_digits || length == 0 || __builtin_mul_overflow(whole, length, &whole))
    return false;
  const auto rest = static_cast<std::uint64_t>(fraction * static_cast<double>(length));
  return !__builtin_add_overflow(total, whole, &total)
         && !__builtin_add_overflow(total, rest, &total) && total <= nanoseconds_max;
}

/// `value` in units of `unit_length`, as a decimal number without trailing zeros.
std::string with_decimals(std::uint64_t value, std::uint64_t unit_length) {
  auto result = std::to_string(value / unit_length);
  if (const auto rest = value % unit_length; rest != 0) {
    auto decimals = std::to_string(unit_length + rest).substr(1);
    decimals.erase(decimals.find_last_not_of('0') + 1);
    result.append(".").append(decimals);
  }
  return result;
}

std::string positive_to_text(std::uint64_t value) {
  if (value == 0)
    return "0s";
  if (value < 1'000)
    return std::to_string(value) + "ns";
  if (value < 1'000'000)
    return with_decimals(value, 1'000) + "\u00b5s";
  if (value < 1'000'000'000)
    return with_decimals(value, 1'000'000) + "ms";
  constexpr std::uint64_t minute = 60'000'000'000;
  const auto seconds = with_decimals(value % minute, 1'000'000'000) + "s";
  const auto minutes = value / minute;
  if (minutes == 0)
    return seconds;
  if (minutes < 60)
    return std::to_string(minutes) + "m" + seconds;
  return std::to_string(minutes / 60) + "h" + std::to_string(minutes % 60) + "m" + seconds;
}

} // namespace

std::optional<nanoseconds> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  if (text == "0")
    return nanoseconds{0};
  if (text.empty())
    return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty())
    if (!take_term(text, total))
      return std::nullopt;
  const auto value = static_cast<std::int64_t>(total);
  return nanoseconds{negative ? -value : value};
}

std::string to_text(nanoseconds value) {
  const auto count = value.count();
  if (count >= 0)
    return positive_to_text(static_cast<std::uint64_t>(count));
  return std::string{"-"}.append(positive_to_text(-static_cast<std::uint64_t>(count)));
}

} // namespace shunt::config
