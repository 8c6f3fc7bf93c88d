#include "cluster/msgpack.hpp"

#include <msgpack.hpp>
#include <simdjson.h>

#include <bit>
#include <cmath>
#include <limits>

namespace shunt::cluster {

// -- Writing.

namespace {

/// What the library writes to.
struct append_to {
  std::string* text;
  std::size_t* bytes;
  void write(const char* raw, std::size_t size) {
    *bytes += size;
    if (text != nullptr)
      text->append(raw, size);
  }
};

} // namespace

template <class Write>
void msgpack_writer::pack(Write&& write) {
  append_to sink{to_, &bytes_};
  msgpack::packer<append_to> packer{sink};
  write(packer);
}

void msgpack_writer::nil() {
  pack([](auto& out) { out.pack_nil(); });
}

void msgpack_writer::put(bool value) {
  pack([=](auto& out) { value ? out.pack_true() : out.pack_false(); });
}

void msgpack_writer::put(std::uint64_t value) {
  pack([=](auto& out) { out.pack_uint64(value); });
}

void msgpack_writer::put(std::int64_t value) {
  pack([=](auto& out) { out.pack_int64(value); });
}

void msgpack_writer::put(double value) {
  pack([=](auto& out) { out.pack_double(value); });
}

void msgpack_writer::put(std::string_view utf8) {
  pack([=](auto& out) {
    out.pack_str(static_cast<std::uint32_t>(utf8.size()));
    out.pack_str_body(utf8.data(), static_cast<std::uint32_t>(utf8.size()));
  });
}

void msgpack_writer::blob(std::string_view raw) {
  pack([=](auto& out) {
    out.pack_bin(static_cast<std::uint32_t>(raw.size()));
    out.pack_bin_body(raw.data(), static_cast<std::uint32_t>(raw.size()));
  });
}

void msgpack_writer::array(std::size_t count) {
  pack([=](auto& out) { out.pack_array(static_cast<std::uint32_t>(count)); });
}

void msgpack_writer::map(std::size_t count) {
  pack([=](auto& out) { out.pack_map(static_cast<std::uint32_t>(count)); });
}

std::size_t msgpack_writer::begin_map() {
  const auto begin = to_ == nullptr ? 0 : to_->size();
  map(0);
  return begin;
}

/// Up to 15 pairs take no byte more than none does.
void msgpack_writer::end_map(std::size_t begin, std::size_t count) {
  std::string head;
  msgpack_writer{&head}.map(count);
  bytes_ += head.size() - 1;
  if (to_ != nullptr)
    to_->replace(begin, 1, head);
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

msgpack_reader::value_head msgpack_reader::sized_head(kind what, int width, std::size_t more) {
  return {what, big_endian(width) + more};
}

/// A negative number as two's complement.
msgpack_reader::value_head msgpack_reader::number_head(kind what, int width) {
  auto value = big_endian(width);
  if (what == kind::positive)
    return {what, value};
  const int unused = 64 - 8 * width;
  const auto extended = static_cast<std::int64_t>(value << unused) >> unused;
  return {extended < 0 ? kind::negative : kind::positive, static_cast<std::uint64_t>(extended)};
}

msgpack_reader::value_head msgpack_reader::next() {
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

/// Whole numbers are written as such.
double msgpack_reader::real() {
  const auto head = next();
  if (head.what == kind::positive)
    return static_cast<double>(head.value);
  if (head.what == kind::negative)
    return static_cast<double>(static_cast<std::int64_t>(head.value));
  const auto value = std::bit_cast<double>(head.value);
  return expect(head.what == kind::real && std::isfinite(value), "expected a number") ? value : 0;
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
