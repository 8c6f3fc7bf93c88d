// msgpack (github.com/msgpack/msgpack, spec.md) as far as nodes speak it. The writer, on msgpack-cxx, appends to a text. The
// reader is ours, because the library's builds objects of what a stranger claims before anybody can look at it: it is
// asked for what its caller expects next. It allocates nothing: texts are views, a count is
// believed only if as many values could stand in what is left, and what nobody asks for is skipped
// without recursion. What it is given may come from anyone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <limits>
#include <string_view>

namespace shunt::cluster {

class msgpack_writer {
public:
  /// Null: only counts the bytes.
  explicit msgpack_writer(std::string* to) : to_{to} {}

  void nil();
  void put(bool value);
  void put(std::uint64_t value);
  void put(std::int64_t value);
  void put(double value);
  void put(std::string_view utf8);
  /// Bytes that are no text.
  void blob(std::string_view bytes);
  /// So many values follow.
  void array(std::size_t count);
  /// So many keys and values follow.
  void map(std::size_t count);
  /// Keys and values follow whose number is not known yet. What `end_map` has to be told.
  std::size_t begin_map();
  /// Nothing that was begun before may have been ended between.
  void end_map(std::size_t begin, std::size_t count);

  std::size_t bytes() const { return bytes_; }

private:
  template <class Write>
  void pack(Write&& write);

  std::string* to_;
  std::size_t bytes_ = 0;
};

/// The first failure stays; from then on everything asked for is empty, so that loops come to their end.
class msgpack_reader {
public:
  /// `memory_bytes_max`: what may be made of it; see `charge`.
  msgpack_reader(std::string_view from, std::size_t memory_bytes_max)
    : left_{from}, memory_left_{memory_bytes_max} {}

  bool boolean();
  /// From 0 to `most`.
  std::uint64_t number(std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
  std::int64_t signed_number();
  /// Finite.
  double real();
  /// UTF-8, at most that long.
  std::string_view text(std::size_t bytes_max);
  std::string_view blob(std::size_t bytes_max);
  /// How many values, or pairs of them, follow.
  std::size_t array();
  std::size_t map();
  /// Whether nothing stands here; then it was read.
  bool nil();
  /// Whatever it is.
  void skip();

  /// To be told of whatever is allocated for what was read. Fails when that comes to too much.
  void charge(std::size_t bytes);
  /// The same for one `T` and its text.
  template <class T>
  void charge(std::string_view text = {}) {
    charge(sizeof(T) + text.size());
  }

  void fail(const char* why);
  bool failed() const { return reason_ != nullptr; }
  /// Null: it did not fail.
  const char* reason() const { return reason_; }
  std::string_view left() const { return left_; }

private:
  enum class kind : std::uint8_t { nothing, boolean, positive, negative, real, text, blob, array, map, other };
  struct value_head {
    kind what = kind::nothing;
    std::uint64_t value = 0; ///< The number itself, or how many bytes or values follow.
  };
  value_head next();
  value_head number_head(kind what, int width);
  value_head sized_head(kind what, int width, std::size_t more = 0);
  std::uint64_t big_endian(int width);
  std::string_view take(std::size_t bytes);
  bool expect(bool holds, const char* what);

  std::string_view left_;
  std::size_t memory_left_;
  const char* reason_ = nullptr;
};

/// An array whose places mean something: one that ends early leaves the rest as it is, and places that
/// this version does not know are skipped.
class msgpack_record {
public:
  explicit msgpack_record(msgpack_reader& from) : from_{from}, left_{from.array()} {}

  /// Whether there is one more; it must be read then.
  bool next() {
    if (left_ == 0 || from_.failed())
      return false;
    --left_;
    return true;
  }
  void end() {
    while (next())
      from_.skip();
  }

private:
  msgpack_reader& from_;
  std::size_t left_;
};

} // namespace shunt::cluster
