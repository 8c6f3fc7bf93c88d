// JSON from values, for the component log: appends to one string, allocates nothing else, and makes
// valid UTF-8 of whatever it is given.
#include "net/log_field.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace shunt::net {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

constexpr bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

bool in_range(unsigned char byte, unsigned char low, unsigned char high) {
  return byte >= low && byte <= high;
}

/// Length of the valid multi-byte sequence at the start of `text`; 0 if there is none. The bounds
/// of the second byte exclude overlong forms, surrogates and what is beyond Unicode (RFC 3629).
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const unsigned char lead = at(0);
  const auto tail = [&](std::size_t i) { return in_range(at(i), 0x80, 0xbf); };
  if (in_range(lead, 0xc2, 0xdf))
    return tail(1) ? 2 : 0;
  if (in_range(lead, 0xe0, 0xef)) {
    const bool second = in_range(at(1), lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
    return second && tail(2) ? 3 : 0;
  }
  if (in_range(lead, 0xf0, 0xf4)) {
    const bool second = in_range(at(1), lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return second && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

void append_escaped(std::string& out, unsigned char byte) {
  switch (byte) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  if (byte >= 0x80) {
    out += "\\ufffd";
    return;
  }
  out += "\\u00";
  out += hex_digits[byte >> 4];
  out += hex_digits[byte & 0xf];
}

/// Appends what needs no escaping at the start of `text`; returns how much that was.
std::size_t append_run(std::string& out, std::string_view text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const auto byte = static_cast<unsigned char>(text[size]);
    const auto step =
      byte < 0x80 ? std::size_t{is_plain(byte)} : sequence_length(text.substr(size));
    if (step == 0)
      break;
    size += step;
  }
  out += text.substr(0, size);
  return size;
}

template <class Number>
void append_number(std::string& out, Number number) {
  std::array<char, 64> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

/// A line break would split the log line, and a stray byte would spoil it.
void append_raw(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const auto step = byte < 0x80 ? 1 : sequence_length(text);
    if (step == 0)
      out += "\xef\xbf\xbd";
    else if (byte < 0x20)
      out += ' ';
    else
      out += text.substr(0, step);
    text.remove_prefix(step == 0 ? 1 : step);
  }
}

struct value_writer {
  std::string& out;

  void operator()(std::string_view text) const { append_json_string(out, text); }
  void operator()(std::int64_t number) const { append_number(out, number); }
  void operator()(std::uint64_t number) const { append_number(out, number); }
  void operator()(bool yes) const { out += yes ? "true" : "false"; }
  void operator()(raw_json json) const { append_raw(out, json.text.empty() ? "null" : json.text); }
  void operator()(double number) const {
    if (std::isfinite(number))
      append_number(out, number);
    else
      out += "null";
  }
  void operator()(std::span<const std::string> list) const {
    out += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0)
        out += ',';
      append_json_string(out, list[i]);
    }
    out += ']';
  }
};

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (;;) {
    text.remove_prefix(append_run(out, text));
    if (text.empty())
      break;
    append_escaped(out, static_cast<unsigned char>(text.front()));
    text.remove_prefix(1);
  }
  out += '"';
}

void append_json_value(std::string& out, const log_field::value_type& value) {
  std::visit(value_writer{out}, value);
}

} // namespace shunt::net
