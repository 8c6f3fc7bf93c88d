// Strict UTF-8 without control characters (YAML 1.2, section 5.1).
#include "config/plain_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace shunt::config {

namespace {

/// Length of the character that begins with `lead`, or 0.
std::size_t length_by(unsigned char lead) {
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead < 0xe0)
    return 2;
  if (lead >= 0xe0 && lead < 0xf0)
    return 3;
  return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

bool printable(std::uint32_t c) {
  if (c < 0x20)
    return c == '\t' || c == '\n' || c == '\r';
  return c < 0x7f || c == 0x85 || (c >= 0xa0 && c < 0xd800) || (c >= 0xe000 && c < 0xfffe)
         || (c >= 0x10000 && c < 0x110000);
}

/// Length of the permitted character at the front of `text`, or 0.
std::size_t good_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const auto length = length_by(lead);
  if (length == 0 || length > text.size())
    return 0;
  constexpr std::uint32_t overlong_below[] = {0, 0, 0x80, 0x800, 0x10000};
  std::uint32_t c = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (next & 0x3fu);
  }
  return c >= overlong_below[length] && printable(c) ? length : 0;
}

} // namespace

int line_of_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto length = good_character(text.substr(i));
    if (length == 0)
      return 1
             + static_cast<int>(
               std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i), '\n'));
    i += length;
  }
  return 0;
}

} // namespace shunt::config
