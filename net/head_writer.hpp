// Writes the lines of a message head as text, and notes in an outline, where that is wanted, what
// stands where. The bytes are the caller's to check.
#pragma once

#include "net/head_outline.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace shunt::net {

/// A number as text.
class decimal {
public:
  std::string_view of(std::uint64_t number) {
    const auto end = std::to_chars(digits_.data(), digits_.data() + digits_.size(), number).ptr;
    return {digits_.data(), static_cast<std::size_t>(end - digits_.data())};
  }

private:
  std::array<char, 20> digits_;
};

/// Appends with one check of the capacity per line instead of one per part. What is noted are offsets
/// into the whole of `out`, so only a head at its beginning can have an outline.
class head_writer {
public:
  /// `outline` = where to note what is written; null = nowhere. Both outlive this.
  explicit head_writer(std::string& out, head_outline* outline = nullptr)
    : out_{out}, outline_{outline} {}

  void start(std::string_view first, std::string_view second, std::string_view third) {
    if (outline_ != nullptr) {
      outline_->clear();
      outline_->note_start(first.size(), second.size());
    }
    const auto at = out_.size();
    out_.resize(at + first.size() + second.size() + third.size() + 4);
    char* p = put(out_.data() + at, first);
    *p++ = ' ';
    p = put(p, second);
    *p++ = ' ';
    end_line(put(p, third));
  }
  void line(field_id id, std::string_view name, std::string_view value) {
    const auto at = out_.size();
    if (outline_ != nullptr)
      outline_->note_line(at, name.size(), value.size(), id);
    out_.resize(at + name.size() + value.size() + 4);
    char* p = put(out_.data() + at, name);
    *p++ = ':';
    *p++ = ' ';
    end_line(put(p, value));
  }
  void line(field_id id, std::string_view name, std::uint64_t value) {
    line(id, name, decimal{}.of(value));
  }
  void line(const field& of) { line(of.id, of.name, of.value); }
  /// A line whose value `append_value` appends to the text.
  template <class AppendValue>
  void line_by(field_id id, std::string_view name, AppendValue&& append_value) {
    const auto at = out_.size();
    out_.append(name).append(separator);
    append_value(out_);
    if (outline_ != nullptr)
      outline_->note_line(at, name.size(), out_.size() - at - name.size() - separator.size(), id);
    out_.append(line_end);
  }
  /// Whole lines, each `name: value` and its end, that were written elsewhere.
  void lines(std::string_view whole) {
    if (outline_ != nullptr)
      note_lines(whole);
    out_.append(whole);
  }
  /// The empty line.
  void end() {
    out_.append(line_end);
    if (outline_ != nullptr)
      outline_->note_end(out_.size());
  }
  /// What was written is changed by others: nothing is noted of it any more.
  void lose_outline() noexcept {
    if (outline_ != nullptr)
      outline_->clear();
    outline_ = nullptr;
  }

private:
  static constexpr std::string_view separator = ": ";
  static constexpr std::string_view line_end = "\r\n";

  static char* put(char* to, std::string_view text) {
    return to + text.copy(to, text.size()); // Which, unlike memcpy, may be given nothing at all.
  }
  static void end_line(char* at) {
    *at++ = '\r';
    *at = '\n';
  }
  void note_lines(std::string_view whole) {
    for (auto at = out_.size(); !whole.empty();) {
      const auto line = whole.substr(0, whole.find(line_end));
      const auto name = line.substr(0, line.find(separator));
      outline_->note_line(at, name.size(), line.size() - name.size() - separator.size(),
                          identify(name));
      at += line.size() + line_end.size();
      whole.remove_prefix(line.size() + line_end.size());
    }
  }

  std::string& out_;
  head_outline* outline_;
};

} // namespace shunt::net
