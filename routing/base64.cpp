#include "routing/base64.hpp"

#include <array>
#include <cstdint>

namespace shunt::routing {

namespace {

constexpr std::string_view digits_of(base64_alphabet alphabet) {
  return alphabet == base64_alphabet::url
           ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
           : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

constexpr std::uint8_t no_digit = 0xff;

constexpr std::array<std::uint8_t, 256> values_of(base64_alphabet alphabet) {
  std::array<std::uint8_t, 256> made{};
  made.fill(no_digit);
  const auto digits = digits_of(alphabet);
  for (std::size_t i = 0; i < digits.size(); ++i)
    made[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
  return made;
}

constexpr auto standard_values = values_of(base64_alphabet::standard);
constexpr auto url_values = values_of(base64_alphabet::url);

constexpr bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

} // namespace

void append_base64(std::string& out, std::string_view bytes, base64_alphabet alphabet) {
  const auto digits = digits_of(alphabet);
  const auto byte = [&](std::size_t at) -> std::uint32_t {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u;
  };
  auto at = out.size();
  out.resize(at + (bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6)
      out[at++] = digits[bits >> shift & 63];
  }
  const auto padding = (3 - bytes.size() % 3) % 3;
  for (std::size_t i = 1; i <= padding; ++i)
    out[out.size() - i] = '=';
}

std::optional<std::size_t> decode_base64(std::string& out, std::string_view text,
                                         base64_alphabet alphabet) {
  const auto& values = alphabet == base64_alphabet::url ? url_values : standard_values;
  out.resize(text.size() / 4 * 3 + 3);
  std::size_t written = 0, at = 0;
  const auto skip_line_ends = [&] {
    while (at < text.size() && is_line_end(text[at]))
      ++at;
  };
  std::uint32_t bits = 0;
  std::size_t have = 0; // Digits in `bits`, at most three.
  while (at < text.size()) {
    const char c = text[at++];
    if (const auto value = values[static_cast<unsigned char>(c)]; value != no_digit) {
      bits = bits << 6 | value;
      if (++have == 4) {
        for (const int shift : {16, 8, 0})
          out[written++] = static_cast<char>(bits >> shift & 0xff);
        bits = 0;
        have = 0;
      }
      continue;
    }
    if (is_line_end(c))
      continue;
    if (c != '=' || have < 2)
      return at - 1;
    if (have == 2) { // A second one is due.
      skip_line_ends();
      if (at == text.size())
        return at;
      if (text[at] != '=')
        return at - 1;
      ++at;
    }
    skip_line_ends();
    if (at < text.size())
      return at;
    const auto unused = have == 2 ? 4u : 2u;
    if ((bits & ((1u << unused) - 1)) != 0)
      return at - 1;
    bits >>= unused;
    for (auto left = have - 1; left > 0; --left)
      out[written++] = static_cast<char>(bits >> (8 * (left - 1)) & 0xff);
    have = 0;
  }
  if (have != 0)
    return at - have;
  out.resize(written);
  return {};
}

} // namespace shunt::routing
