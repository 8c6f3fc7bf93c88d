#include "cluster/msgpack.hpp"

#include <simdjson.h>

#include <bit>
#include <cmath>
#include <limits>

namespace shunt::cluster {

// -- Writing.

void msgpack_writer::append(std::string_view raw) {
  bytes_ += raw.size();
  if (to_ != nullptr)
    to_->append(raw);
}

void msgpack_writer::byte(unsigned char value) {
  const char raw = static_cast<char>(value);
  append({&raw, 1});
}

void msgpack_writer::number(unsigned char tag, std::uint64_t value, int width) {
  char raw[9] = {static_cast<char>(tag)};
  for (int i = 0; i < width; ++i)
    raw[1 + i] = static_cast<char>(value >> (8 * (width - 1 - i)));
  append({raw, static_cast<std::size_t>(1 + width)});
}

void msgpack_writer::put(std::uint64_t value) {
  if (value < 0x80)
    byte(static_cast<unsigned char>(value));
  else if (value <= 0xff)
    number(0xcc, value, 1);
  else if (value <= 0xffff)
    number(0xcd, value, 2);
  else if (value <= 0xffff'ffff)
    number(0xce, value, 4);
  else
    number(0xcf, value, 8);
}

void msgpack_writer::put(std::int64_t value) {
  if (value >= 0)
    put(static_cast<std::uint64_t>(value));
  else if (value >= -32)
    byte(static_cast<unsigned char>(value));
  else
    number(0xd3, static_cast<std::uint64_t>(value), 8);
}

void msgpack_writer::put(double value) {
  number(0xcb, std::bit_cast<std::uint64_t>(value), 8);
}

void msgpack_writer::put(std::string_view utf8) {
  if (utf8.size() < 32)
    byte(static_cast<unsigned char>(0xa0 | utf8.size()));
  else if (utf8.size() <= 0xff)
    number(0xd9, utf8.size(), 1);
  else if (utf8.size() <= 0xffff)
    number(0xda, utf8.size(), 2);
  else
    number(0xdb, utf8.size(), 4);
  append(utf8);
}

void msgpack_writer::blob(std::string_view raw) {
  if (raw.size() <= 0xff)
    number(0xc4, raw.size(), 1);
  else if (raw.size() <= 0xffff)
    number(0xc5, raw.size(), 2);
  else
    number(0xc6, raw.size(), 4);
  append(raw);
}

void msgpack_writer::array(std::size_t count) {
  if (count < 16)
    byte(static_cast<unsigned char>(0x90 | count));
  else if (count <= 0xffff)
    number(0xdc, count, 2);
  else
    number(0xdd, count, 4);
}

void msgpack_writer::map(std::size_t count) {
  if (count < 16)
    byte(static_cast<unsigned char>(0x80 | count));
  else
    number(0xde, count, 2);
}

// -- Reading.

void msgpack_reader::fail(const char* why) {
  if (reason_ == nullptr)
    reason_ = why;
  left_ = {};
}

bool msgpack_reader::expect(bool holds, const char* what) {
  if (!holds)
    fail(what);
  return holds && !failed();
}

void msgpack_reader::charge(std::size_t bytes) {
  if (bytes > memory_left_)
    fail("it would take too much memory");
  else
    memory_left_ -= bytes;
}

std::string_view msgpack_reader::take(std::size_t bytes) {
  if (bytes > left_.size()) {
    fail("cut off");
    return {};
  }
  const auto taken = left_.substr(0, bytes);
  left_.remove_prefix(bytes);
  return taken;
}

std::uint64_t msgpack_reader::big_endian(int width) {
  std::uint64_t value = 0;
  for (const char c : take(static_cast<std::size_t>(width)))
    value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

msgpack_reader::head msgpack_reader::sized_head(kind what, int width, std::size_t more) {
  return {what, big_endian(width) + more};
}

/// A negative number as two's complement.
msgpack_reader::head msgpack_reader::number_head(kind what, int width) {
  auto value = big_endian(width);
  if (what == kind::positive)
    return {what, value};
  const int unused = 64 - 8 * width;
  const auto extended = static_cast<std::int64_t>(value << unused) >> unused;
  return {extended < 0 ? kind::negative : kind::positive, static_cast<std::uint64_t>(extended)};
}

msgpack_reader::head msgpack_reader::next() {
  const auto tag = static_cast<unsigned>(big_endian(1));
  if (failed())
    return {};
  if (tag < 0x80)
    return {kind::positive, tag};
  if (tag < 0x90)
    return {kind::map, tag & 0x0f};
  if (tag < 0xa0)
    return {kind::array, tag & 0x0f};
  if (tag < 0xc0)
    return {kind::text, tag & 0x1f};
  if (tag >= 0xe0)
    return {kind::negative, static_cast<std::uint64_t>(static_cast<std::int64_t>(tag) - 0x100)};
  switch (tag) {
    case 0xc0: return {kind::nothing, 0};
    case 0xc2: return {kind::boolean, 0};
    case 0xc3: return {kind::boolean, 1};
    case 0xc4: return sized_head(kind::blob, 1);
    case 0xc5: return sized_head(kind::blob, 2);
    case 0xc6: return sized_head(kind::blob, 4);
    case 0xc7: return sized_head(kind::other, 1, 1); // With the byte that says what it is.
    case 0xc8: return sized_head(kind::other, 2, 1);
    case 0xc9: return sized_head(kind::other, 4, 1);
    case 0xca: return {kind::real, std::bit_cast<std::uint64_t>(
                                     double{std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(4)))})};
    case 0xcb: return {kind::real, big_endian(8)};
    case 0xcc: return number_head(kind::positive, 1);
    case 0xcd: return number_head(kind::positive, 2);
    case 0xce: return number_head(kind::positive, 4);
    case 0xcf: return number_head(kind::positive, 8);
    case 0xd0: return number_head(kind::negative, 1);
    case 0xd1: return number_head(kind::negative, 2);
    case 0xd2: return number_head(kind::negative, 4);
    case 0xd3: return number_head(kind::negative, 8);
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8:
      return {kind::other, (std::uint64_t{1} << (tag - 0xd4)) + 1};
    case 0xd9: return sized_head(kind::text, 1);
    case 0xda: return sized_head(kind::text, 2);
    case 0xdb: return sized_head(kind::text, 4);
    case 0xdc: return sized_head(kind::array, 2);
    case 0xdd: return sized_head(kind::array, 4);
    case 0xde: return sized_head(kind::map, 2);
    case 0xdf: return sized_head(kind::map, 4);
    default: fail("no msgpack"); return {};
  }
}

bool msgpack_reader::boolean() {
  const auto head = next();
  return expect(head.what == kind::boolean, "expected a boolean") && head.value != 0;
}

std::uint64_t msgpack_reader::number(std::uint64_t most) {
  const auto head = next();
  const bool fits = head.what == kind::positive && head.value <= most;
  return expect(fits, "expected a number within its bounds") ? head.value : 0;
}

std::int64_t msgpack_reader::signed_number() {
  const auto head = next();
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const bool fits = head.what == kind::negative || (head.what == kind::positive && head.value <= most);
  return expect(fits, "expected a number of 64 bits") ? static_cast<std::int64_t>(head.value) : 0;
}

double msgpack_reader::real() {
  const auto head = next();
  const auto value = std::bit_cast<double>(head.value);
  return expect(head.what == kind::real && std::isfinite(value), "expected a fraction") ? value : 0;
}

std::string_view msgpack_reader::text(std::size_t bytes_max) {
  const auto head = next();
  if (!expect(head.what == kind::text && head.value <= bytes_max, "expected a text within its bounds"))
    return {};
  const auto utf8 = take(head.value);
  return expect(simdjson::validate_utf8(utf8.data(), utf8.size()), "expected UTF-8") ? utf8
                                                                                    : std::string_view{};
}

std::string_view msgpack_reader::blob(std::size_t bytes_max) {
  const auto head = next();
  const bool fits = head.what == kind::blob && head.value <= bytes_max;
  return expect(fits, "expected bytes within their bounds") ? take(head.value) : std::string_view{};
}

std::size_t msgpack_reader::array() {
  const auto head = next();
  const bool fits = head.what == kind::array && head.value <= left_.size(); // A value has a byte at least.
  return expect(fits, "expected an array that fits") ? static_cast<std::size_t>(head.value) : 0;
}

std::size_t msgpack_reader::map() {
  const auto head = next();
  const bool fits = head.what == kind::map && head.value <= left_.size() / 2;
  return expect(fits, "expected a map that fits") ? static_cast<std::size_t>(head.value) : 0;
}

bool msgpack_reader::nil() {
  if (left_.empty() || static_cast<unsigned char>(left_.front()) != 0xc0)
    return false;
  left_.remove_prefix(1);
  return true;
}

void msgpack_reader::skip() {
  for (std::uint64_t values = 1; values > 0 && !failed(); --values) {
    const auto head = next();
    if (head.what == kind::text || head.what == kind::blob || head.what == kind::other)
      take(head.value);
    else if (head.what == kind::array)
      values += head.value;
    else if (head.what == kind::map)
      values += 2 * head.value;
    if (values - 1 > left_.size())
      fail("cut off");
  }
}

} // namespace shunt::cluster
