// Sent lines are cut off lazily, so that a long queue is not moved for every few bytes that leave
// it.
#include "net/log_sink.waiting.hpp"

#include <algorithm>

namespace shunt::net {

std::size_t waiting_lines::add(std::string_view lines) {
  if (has_room(lines.size())) {
    text_ += lines;
    return 0;
  }
  std::size_t dropped = 0;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size() - 1) + 1;
    if (has_room(end) || text_.empty())
      text_ += lines.substr(0, end);
    else
      ++dropped;
    lines.remove_prefix(end);
  }
  return dropped;
}

bool waiting_lines::has_room(std::size_t bytes) const noexcept {
  return text_.size() - line_begin_ + bytes <= bytes_max_;
}

void waiting_lines::sent(std::size_t bytes) {
  sent_ += bytes;
  const auto line_end = std::string_view{text_}.substr(0, sent_).rfind('\n');
  if (line_end != std::string_view::npos)
    line_begin_ = std::max(line_begin_, line_end + 1);
  if (line_begin_ < text_.size() && line_begin_ < bytes_max_ / 2)
    return;
  text_.erase(0, line_begin_);
  sent_ -= line_begin_;
  line_begin_ = 0;
}

} // namespace shunt::net
