// Lines first, then fields, then events: the order in which the standard describes them.
#include "net/event_stream.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shunt::net {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

} // namespace

std::optional<server_event> event_stream::next(std::string_view& bytes) {
  if (std::exchange(handed_out_, false)) {
    type_.clear();
    data_.clear();
  }
  while (!bytes.empty()) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    if (end == bytes.npos) {
      keep(std::exchange(bytes, {}));
      return std::nullopt;
    }
    auto line = bytes.substr(0, end);
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!line_.empty() || line_too_large_) {
      keep(line);
      line = line_;
    }
    const auto event = end_line(line);
    line_.clear();
    if (event)
      return event;
  }
  return std::nullopt;
}

bool event_stream::fits(std::size_t more) const noexcept {
  return more + line_.size() + type_.size() + data_.size() <= event_bytes_max_;
}

void event_stream::keep(std::string_view part_of_line) {
  line_too_large_ = line_too_large_ || !fits(part_of_line.size());
  if (line_too_large_)
    line_.clear();
  else
    line_ += part_of_line;
}

std::optional<server_event> event_stream::end_line(std::string_view line) {
  const auto bytes = line.size() + type_.size() + data_.size();
  if (std::exchange(first_line_, false) && line.starts_with(byte_order_mark))
    line.remove_prefix(byte_order_mark.size()); // Counted all the same, as in a line that is kept.
  if (std::exchange(line_too_large_, false) || bytes > event_bytes_max_) {
    event_too_large_ = true;
    type_.clear();
    data_.clear();
    return std::nullopt;
  }
  if (line.empty())
    return end_event();
  if (!event_too_large_)
    read_field(line);
  return std::nullopt;
}

std::optional<server_event> event_stream::end_event() {
  if (std::exchange(event_too_large_, false))
    return server_event{.type = {}, .data = {}, .id = {}, .too_large = true};
  if (data_.empty()) {
    type_.clear();
    return std::nullopt;
  }
  handed_out_ = true;
  const std::string_view data = data_;
  return server_event{.type = type_.empty() ? std::string_view{"message"} : type_,
                      .data = data.substr(0, data.size() - 1),
                      .id = id_};
}

void event_stream::read_field(std::string_view line) {
  const auto colon = std::min(line.find(':'), line.size());
  const auto name = line.substr(0, colon); // Empty: a comment, and so no field that is known.
  auto value = line.substr(std::min(colon + 1, line.size()));
  if (value.starts_with(' '))
    value.remove_prefix(1);
  if (name == "event")
    type_ = value;
  else if (name == "data")
    data_.append(value) += '\n';
  else if (name == "id" && value.find('\0') == value.npos)
    id_ = value;
  else if (name == "retry")
    read_retry(value);
}

void event_stream::read_retry(std::string_view value) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::uint32_t number = 0;
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit))
    return;
  // What exceeds 32 bits is no time that anybody would wait.
  if (std::from_chars(value.data(), value.data() + value.size(), number).ec == std::errc{})
    retry_ = std::chrono::milliseconds{number};
}

} // namespace shunt::net
