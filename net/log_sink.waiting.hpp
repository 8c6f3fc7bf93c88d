// Log lines that are not out yet, within a bound. A line is in here whole or not at all, even if
// part of it was sent already: should the file or the connection change in the middle of a line,
// the line starts over in the new one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace shunt::net {

class waiting_lines {
public:
  explicit waiting_lines(std::size_t bytes_max) : bytes_max_{bytes_max} {}

  /// Takes lines, each ended by '\n', as far as there is room; a line alone always finds room.
  /// Returns how many did not.
  std::size_t add(std::string_view lines);

  bool empty() const noexcept { return sent_ == text_.size(); }
  /// What to send next.
  std::string_view unsent() const noexcept { return std::string_view{text_}.substr(sent_); }
  /// So many bytes of unsent() went out.
  void sent(std::size_t bytes);
  /// The unsent rest of a line becomes the whole line again.
  void start_line_over() noexcept { sent_ = line_begin_; }

private:
  bool has_room(std::size_t bytes) const noexcept;

  const std::size_t bytes_max_;
  std::string text_;
  std::size_t line_begin_ = 0; // Of the line that is being sent.
  std::size_t sent_ = 0;
};

} // namespace shunt::net
