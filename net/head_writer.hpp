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

/// Appends with one check of the capacity per line instead of one per part, and clears the room for many lines at
/// once instead of for each. Until it is gone, `out` is longer than what is written. What is noted are
/// offsets into the whole of `out`, so only a head at its beginning can have an outline.
class head_writer {
public:
  /// `outline` = where to note what is written; null = nowhere. Both outlive this. `room` = how many more bytes than
  /// are needed are made ready whenever there are too few.
  explicit head_writer(std::string& out, head_outline* outline = nullptr, std::size_t room = 0)
    : out_{out}, used_{out.size()}, room_{room}, outline_{outline} {}
  head_writer(const head_writer&) = delete;
  head_writer& operator=(const head_writer&) = delete;
  ~head_writer() { out_.resize(used_); }

  void start(std::string_view first, std::string_view second, std::string_view third) {
    if (outline_ != nullptr) {
      outline_->clear();
      outline_->note_start(first.size(), second.size());
    }
    char* p = put(make_room(first.size() + second.size() + third.size() + 4), first);
    *p++ = ' ';
    p = put(p, second);
    *p++ = ' ';
    end_line(put(p, third));
  }
  void line(field_id id, std::string_view name, std::string_view value) {
    if (outline_ != nullptr)
      outline_->note_line(used_, name.size(), value.size(), id);
    char* p = put(make_room(name.size() + value.size() + 4), name);
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
    const auto at = used_;
    change([&](std::string& out) {
      out.append(name).append(separator);
      append_value(out);
      if (outline_ != nullptr)
        outline_->note_line(at, name.size(), out.size() - at - name.size() - separator.size(), id);
      out.append(line_end);
    });
  }
  /// Whole lines, each `name: value` and its end, that were written elsewhere.
  void lines(std::string_view whole) {
    if (outline_ != nullptr)
      note_lines(whole);
    put(make_room(whole.size()), whole);
  }
  /// The empty line.
  void end() {
    end_line(make_room(line_end.size()));
    if (outline_ != nullptr)
      outline_->note_end(used_);
  }
  /// Lets `rewrite` change the text that was written: nothing is noted of it any more.
  template <class Rewrite>
  void rewrite(Rewrite&& rewrite) {
    if (outline_ != nullptr)
      outline_->clear();
    outline_ = nullptr;
    change(rewrite);
  }

private:
  static constexpr std::string_view separator = ": ";
  static constexpr std::string_view line_end = "\r\n";

  /// Where the next `bytes` of text go, which are to be written at once.
  char* make_room(std::size_t bytes) {
    const auto at = used_;
    if (out_.size() - at < bytes) [[unlikely]]
      out_.resize(at + bytes + room_);
    used_ = at + bytes; // Not before there is room: at its end the text is cut there, which must not fail.
    return out_.data() + at;
  }
  template <class Change>
  void change(Change&& change) {
    out_.resize(used_);
    change(out_);
    used_ = out_.size();
  }
  static char* put(char* to, std::string_view text) {
    return to + text.copy(to, text.size()); // Which, unlike memcpy, may be given nothing at all.
  }
  static void end_line(char* at) {
    *at++ = '\r';
    *at = '\n';
  }
  void note_lines(std::string_view whole) {
    for (auto at = used_; !whole.empty();) {
      const auto line = whole.substr(0, whole.find(line_end));
      const auto name = line.substr(0, line.find(separator));
      outline_->note_line(at, name.size(), line.size() - name.size() - separator.size(),
                          identify(name));
      at += line.size() + line_end.size();
      whole.remove_prefix(line.size() + line_end.size());
    }
  }

  std::string& out_;
  std::size_t used_; ///< Behind it is room that is not text yet.
  const std::size_t room_;
  head_outline* outline_;
};

} // namespace shunt::net
