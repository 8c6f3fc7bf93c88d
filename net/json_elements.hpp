// Cuts a JSON array of objects into those objects while its bytes come in, so that an answer of any
// size is never held as a whole. Finds out where each object ends and whether the array around them
// is well-formed; what is inside an object is checked by whoever reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::net {

class json_elements {
public:
  explicit json_elements(std::size_t element_bytes_max) : element_bytes_max_{element_bytes_max} {}

  /// Reads from the front of `bytes` until an object is complete, and leaves there what follows it.
  /// Nothing: all was read, or the text turned out to be no such array. The view is good until the
  /// next call, and as long as `bytes` are. Throws std::bad_alloc.
  std::optional<std::string_view> next(std::string_view& bytes);

  /// The array, or `null` in its place, has come to its end.
  bool complete() const noexcept { return state_ == state::behind; }
  /// Why the text is no array of objects; empty as long as it may be one.
  std::string_view error() const noexcept { return error_; }

private:
  enum class state : std::uint8_t {
    before,  ///< The array.
    null,    ///< Within `null`.
    first,   ///< `[` has come.
    between, ///< An object has ended.
    after_comma,
    inside, ///< An object.
    behind, ///< The array.
    failed,
  };

  std::size_t outside(std::string_view bytes);
  std::optional<std::string_view> inside(std::string_view& bytes);
  state step(char c);
  void fail(std::string_view why);

  const std::size_t element_bytes_max_;
  std::string kept_; ///< The beginning of an object that goes on in the next bytes.
  std::string_view error_;
  std::size_t depth_ = 0;
  std::size_t null_bytes_ = 0;
  state state_ = state::before;
  bool in_string_ = false;
  bool escaped_ = false;
  bool handed_out_ = false; ///< What is kept belongs to an object that was returned.
};

} // namespace shunt::net
