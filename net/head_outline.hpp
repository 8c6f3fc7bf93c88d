// Where the parts of a message head stand in its text, noted by whoever writes the text, so that
// whoever is handed it within the process need not look for them again. Offsets, not views: the text
// may move. Reused from head to head. Says nothing about what the parts mean; `read_request` and
// `read_response` judge that as they do of a head that was parsed.
#pragma once

#include "net/http_fields.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace shunt::net {

enum class parse_error : std::uint8_t;

/// A note of every line of a head that begins where its text begins, or of none.
class head_outline {
public:
  /// One field line: `name: value`.
  struct line {
    std::uint32_t begin;
    std::uint32_t name_bytes;
    std::uint32_t value_bytes;
    field_id id;
  };

  /// Forgets all; the next head may be noted.
  void clear() noexcept {
    lines_.clear();
    first_bytes_ = second_bytes_ = 0;
    head_bytes_ = 0;
    refusal_ = {};
  }
  /// A start line whose first word (the method, the version) and second word (the target, the
  /// status) are that long, with one space between them.
  void note_start(std::size_t first_bytes, std::size_t second_bytes) noexcept {
    first_bytes_ = static_cast<std::uint32_t>(first_bytes);
    second_bytes_ = static_cast<std::uint32_t>(second_bytes);
  }
  void note_line(std::size_t begin, std::size_t name_bytes, std::size_t value_bytes, field_id id) {
    lines_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(name_bytes),
                      static_cast<std::uint32_t>(value_bytes), id});
  }
  /// The head is complete, its empty line included. Until then it is not `known`.
  void note_end(std::size_t head_bytes) noexcept { head_bytes_ = head_bytes; }

  /// There is no head, for that reason. Of the text counts the first word alone, if one was noted.
  void note_refusal(parse_error why) noexcept {
    const auto first_bytes = first_bytes_;
    clear();
    first_bytes_ = first_bytes;
    refusal_ = why;
  }

  bool known() const noexcept { return head_bytes_ > 0 || refused(); }
  bool refused() const noexcept { return refusal_ != parse_error{}; }
  parse_error refusal() const noexcept { return refusal_; }
  std::size_t head_bytes() const noexcept { return head_bytes_; }
  std::string_view first_word(std::string_view text) const noexcept {
    return text.substr(0, first_bytes_);
  }
  std::string_view second_word(std::string_view text) const noexcept {
    return text.substr(first_bytes_ + 1, second_bytes_);
  }
  const std::vector<line>& lines() const noexcept { return lines_; }
  /// The field of one of the lines.
  static field field_of(const line& of, std::string_view text) noexcept {
    constexpr std::size_t separator_bytes = 2;
    return {text.substr(of.begin, of.name_bytes),
            trim(text.substr(of.begin + of.name_bytes + separator_bytes, of.value_bytes)), of.id};
  }
  std::size_t kept_bytes() const noexcept { return lines_.capacity() * sizeof(line); }

private:
  std::vector<line> lines_;
  std::uint32_t first_bytes_ = 0;
  std::uint32_t second_bytes_ = 0;
  std::size_t head_bytes_ = 0;
  parse_error refusal_{}; ///< `none`, as usual.
};

} // namespace shunt::net
