#include "tests/process/harness/message_reader.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shunt::test {
namespace {

constexpr std::size_t head_bytes_max = 16u << 20; // Tests with huge heads send a few MiB.

std::uint64_t chunk_size(const std::string& line) {
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  if (error != std::errc{} || (end != line.data() + line.size() && *end != ';'))
    throw protocol_error{"malformed chunk size: " + line};
  return size;
}

[[noreturn]] void ended_early(const char* where) {
  throw socket_error{socket_error::kind::other, std::string{"the stream ended in "} + where};
}

} // namespace

bool message_reader::more() {
  const auto bytes = socket_.receive(65536, patience);
  if (on_bytes)
    on_bytes(bytes);
  buffer_ += bytes;
  return !bytes.empty();
}

std::string message_reader::take(std::size_t bytes) {
  auto taken = buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return taken;
}

std::optional<std::string> message_reader::head() {
  std::size_t searched = 0;
  for (;;) {
    if (const auto end = buffer_.find("\r\n\r\n", searched); end != buffer_.npos)
      return take(end + 4);
    searched = buffer_.size() < 3 ? 0 : buffer_.size() - 3;
    if (buffer_.size() > head_bytes_max)
      throw protocol_error{"endless head"};
    if (more())
      continue;
    if (buffer_.empty())
      return std::nullopt;
    throw protocol_error{"the stream ended in a head: " + buffer_.substr(0, 200)};
  }
}

std::optional<http_request> message_reader::request_head() {
  auto bytes = head();
  if (!bytes)
    return std::nullopt;
  return parse_request_head(*std::move(bytes));
}

http_response message_reader::response_head(std::string_view request_method) {
  auto bytes = head();
  if (!bytes)
    throw socket_error{socket_error::kind::other, "closed without a response"};
  return parse_response_head(*std::move(bytes), request_method);
}

http_response message_reader::response(std::string_view request_method) {
  auto made = response_head(request_method);
  body(made);
  return made;
}

void message_reader::body(http_message& message) {
  body(message, [&](std::string_view bytes) { message.body += bytes; });
}

void message_reader::body(http_message& message, const sink& into) {
  switch (message.framing) {
    case http_framing::none: break;
    case http_framing::length: counted(message.length, into); break;
    case http_framing::chunked: chunks(message, into); break;
    case http_framing::until_close:
      do
        into(std::exchange(buffer_, {}));
      while (more());
  }
}

void message_reader::counted(std::uint64_t bytes, const sink& into) {
  while (bytes > 0) {
    if (buffer_.empty() && !more())
      ended_early("a body");
    const auto piece = take(std::min<std::uint64_t>(bytes, buffer_.size()));
    bytes -= piece.size();
    into(piece);
  }
}

std::string message_reader::line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == buffer_.npos)
    if (buffer_.size() > 65536)
      throw protocol_error{"endless line"};
    else if (!more())
      ended_early("a chunked body");
  auto taken = take(end + 2);
  taken.resize(end);
  return taken;
}

void message_reader::chunks(http_message& message, const sink& into) {
  while (const auto size = chunk_size(line())) {
    counted(size, into);
    if (!line().empty())
      throw protocol_error{"no CRLF after a chunk"};
  }
  std::string trailers;
  for (auto each = line(); !each.empty(); each = line())
    trailers += each + "\r\n";
  message.trailers = parse_fields(trailers);
}

std::string message_reader::exactly(std::size_t bytes) {
  while (buffer_.size() < bytes)
    if (!more())
      ended_early("what was expected");
  return take(bytes);
}

std::string message_reader::rest() {
  while (more()) {
  }
  return std::exchange(buffer_, {});
}

std::string message_reader::some() {
  if (buffer_.empty())
    more();
  return std::exchange(buffer_, {});
}

} // namespace shunt::test
