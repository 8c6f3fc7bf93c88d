// Server-sent events, read as the HTML standard says (WHATWG, section 9.2.6), from bytes that come
// in any pieces. Does not check that the text is UTF-8: whoever reads the data does. An event
// larger than its bound is skipped and reported as such, and the stream goes on behind it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::net {

/// One event. Views into the stream's memory: good until it reads on.
struct server_event {
  std::string_view type;  ///< `message` if the event does not say.
  std::string_view data;  ///< Its lines, joined by '\n'.
  std::string_view id;    ///< The latest of the stream, perhaps of an earlier event.
  bool too_large = false; ///< Then the other members mean nothing.
};

class event_stream {
public:
  explicit event_stream(std::size_t event_bytes_max = 1024 * 1024)
    : event_bytes_max_{event_bytes_max} {}

  /// Reads from the front of `bytes` until an event is complete, and leaves there what follows it.
  /// Nothing: all was read, and no event is complete. Throws std::bad_alloc.
  std::optional<server_event> next(std::string_view& bytes);

  /// How long the server asks to wait before connecting anew, if it does.
  std::optional<std::chrono::milliseconds> retry() const noexcept { return retry_; }

private:
  std::optional<server_event> end_line(std::string_view line);
  std::optional<server_event> end_event();
  void read_field(std::string_view line);
  void read_retry(std::string_view value);
  void keep(std::string_view part_of_line);
  bool fits(std::size_t more) const noexcept;

  const std::size_t event_bytes_max_;
  std::string line_; ///< The beginning of a line whose end has not come.
  std::string type_;
  std::string data_; ///< Each line of it ended by '\n'.
  std::string id_;
  std::optional<std::chrono::milliseconds> retry_;
  bool first_line_ = true;
  bool after_cr_ = false;        ///< A '\n' that comes next belongs to the line end before.
  bool line_too_large_ = false;  ///< What comes up to the next line end is skipped.
  bool event_too_large_ = false; ///< And so is the rest of the event.
  bool handed_out_ = false;      ///< `type_` and `data_` are those of an event that was returned.
};

} // namespace shunt::net
