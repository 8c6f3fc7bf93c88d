// Writes text at the end of a string, quoted where that is asked for as Go's strconv.Quote does it. Text is looked at
// eight bytes at a time and copied in one piece where, as nearly always, nothing in it needs escaping.
#pragma once

#include "routing/access_line.printable.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::routing::detail {

inline constexpr char hex_digits[] = "0123456789abcdef";

constexpr bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

inline constexpr auto plain_bytes = [] {
  std::array<bool, 256> plain{};
  for (unsigned byte = 0; byte < plain.size(); ++byte)
    plain[byte] = is_plain(static_cast<unsigned char>(byte));
  return plain;
}();

/// Whether any of eight bytes is not plain: the usual arithmetic on all of them at once, in which a
/// byte's top bit ends up set if the byte is to be found (or the one below it was).
inline bool any_special(std::uint64_t eight) {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = ones << 7;
  const auto below = [](std::uint64_t bytes, std::uint64_t bound) {
    return (bytes - ones * bound) & ~bytes;
  };
  const auto equal = [below, eight](std::uint64_t byte) { return below(eight ^ ones * byte, 1); };
  return ((eight | below(eight, 0x20) | equal('"') | equal('\\') | equal(0x7f)) & tops) != 0;
}

/// How many of the first bytes of `text` go between quotes as they are.
inline std::size_t plain_prefix(std::string_view text) {
  std::size_t at = 0;
  const auto eight_at = [text](std::size_t begin) {
    std::uint64_t eight;
    std::memcpy(&eight, text.data() + begin, sizeof(eight));
    return eight;
  };
  while (at + 8 <= text.size() && !any_special(eight_at(at)))
    at += 8;
  // What is left of a text without special bytes is in its last eight: quicker than a byte at a time.
  if (text.size() >= 8 && at + 8 > text.size() && !any_special(eight_at(text.size() - 8)))
    return text.size();
  while (at < text.size() && plain_bytes[static_cast<unsigned char>(text[at])])
    ++at;
  return at;
}

/// A code point and how many bytes it took. Not UTF-8: no code point, one byte.
struct rune {
  std::optional<std::uint32_t> code_point;
  std::size_t bytes = 1;
};

/// The rune that `text` starts with, as strict as Go: no overlong forms, no surrogates.
inline rune first_rune(std::string_view text) {
  const auto byte_at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte_at(0);
  const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (bytes == 1)
    return {lead, 1};
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes)
    return {};
  std::uint32_t code_point = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte_at(i) & 0xc0) != 0x80)
      return {};
    code_point = code_point << 6 | (byte_at(i) & 0x3fu);
  }
  constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code_point >= 0xd800 && code_point < 0xe000;
  if (code_point < smallest[bytes] || code_point > 0x10ffff || is_surrogate)
    return {};
  return {code_point, bytes};
}

/// The letter that stands for a control byte after a backslash, or 0.
inline char short_escape(std::uint32_t code_point) {
  constexpr std::string_view letters = "abtnvfr"; // From U+0007 to U+000D.
  if (code_point == '"' || code_point == '\\')
    return static_cast<char>(code_point);
  return code_point >= 7 && code_point <= 13 ? letters[code_point - 7] : '\0';
}

/// Writes at the end of a string without asking for memory at every piece.
class line_writer {
public:
  /// `expected` bytes are made room for at once.
  line_writer(std::string& out, std::size_t expected) : out_{out}, used_{out.size()} {
    out_.resize(used_ + expected);
  }
  line_writer(const line_writer&) = delete;
  line_writer& operator=(const line_writer&) = delete;
  ~line_writer() { out_.resize(used_); }

  std::size_t size() const noexcept { return used_; }

  void put(char byte) {
    make_room(1);
    out_[used_++] = byte;
  }

  /// Inlined so that text which is known when this is compiled is written without a loop or a call.
  [[gnu::always_inline]] void put(std::string_view text) {
    make_room(text.size());
    if (!text.empty())
      std::memcpy(out_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }

  template <class Integer>
  void put_number(Integer value) {
    constexpr std::size_t digits_max = 20;
    make_room(digits_max);
    char* begin = out_.data() + used_;
    used_ += static_cast<std::size_t>(std::to_chars(begin, begin + digits_max, value).ptr - begin);
  }

  /// `value` in decimal with leading zeros.
  template <std::size_t Digits>
  void put_padded(std::uint64_t value) {
    make_room(Digits);
    for (std::size_t i = Digits; i-- > 0; value /= 10)
      out_[used_ + i] = static_cast<char>('0' + value % 10);
    used_ += Digits;
  }

  template <std::size_t Digits>
  void put_hex(std::uint32_t value) {
    make_room(Digits);
    for (std::size_t i = Digits; i-- > 0; value >>= 4)
      out_[used_ + i] = hex_digits[value & 0xf];
    used_ += Digits;
  }

  /// `text` as it stands between the quotes.
  void put_escaped(std::string_view text) {
    while (true) {
      const auto plain = plain_prefix(text);
      put(text.substr(0, plain));
      text.remove_prefix(plain);
      if (text.empty())
        return;
      text.remove_prefix(put_special(text));
    }
  }

  void put_quoted(std::string_view text) {
    if (text.empty())
      return put(R"("-")");
    if (plain_prefix(text) < text.size())
      return put_escaped_quoted(text);
    make_room(text.size() + 2);
    char* const to = out_.data() + used_;
    to[0] = '"';
    std::memcpy(to + 1, text.data(), text.size());
    to[text.size() + 1] = '"';
    used_ += text.size() + 2;
  }

private:
  void make_room(std::size_t bytes) {
    if (out_.size() - used_ < bytes) [[unlikely]]
      grow(bytes);
  }
  [[gnu::noinline]] void grow(std::size_t bytes) {
    out_.resize(used_ + bytes + 1024); // Not more: what is added is cleared first.
  }

  [[gnu::noinline]] void put_escaped_quoted(std::string_view text) {
    put('"');
    put_escaped(text);
    put('"');
  }

  /// Writes the rune that `text` starts with, escaped if it has to be; its length.
  std::size_t put_special(std::string_view text) {
    const auto [code_point, bytes] = first_rune(text);
    if (!code_point)
      put_hex_byte(static_cast<unsigned char>(text[0]));
    else if (*code_point < 0x80)
      put_control(*code_point);
    else if (unicode::is_printable(*code_point))
      put(text.substr(0, bytes));
    else
      put_code_point(*code_point);
    return bytes;
  }

  void put_control(std::uint32_t code_point) {
    const auto letter = short_escape(code_point);
    if (letter == '\0')
      return put_hex_byte(code_point);
    put('\\');
    put(letter);
  }

  void put_hex_byte(std::uint32_t byte) {
    put(R"(\x)");
    put_hex<2>(byte);
  }

  void put_code_point(std::uint32_t code_point) {
    if (code_point < 0x10000) {
      put(R"(\u)");
      put_hex<4>(code_point);
    } else {
      put(R"(\U)");
      put_hex<8>(code_point);
    }
  }

  std::string& out_;
  std::size_t used_; // Behind it is room that is not text yet.
};

} // namespace shunt::routing::detail
