// The stream of changes comes from another program. Whatever the bytes and however they are cut:
// the same events, within their bounds.
#include "net/event_stream.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace shunt;

constexpr std::size_t event_bytes_max = 200;

void require(bool holds) {
  if (!holds)
    std::abort();
}

void read(net::event_stream& stream, std::string_view bytes, std::vector<std::string>& into) {
  while (const auto event = stream.next(bytes)) {
    if (event->too_large) {
      into.emplace_back("too large");
      continue;
    }
    require(!event->type.empty() && event->type.find_first_of("\r\n") == event->type.npos);
    require(event->data.find('\r') == event->data.npos);
    require(event->id.find('\0') == event->id.npos);
    require(event->type.size() + event->data.size() <= event_bytes_max + 7); // "message"
    into.push_back(
      std::string{event->type}.append("|").append(event->data).append("|").append(event->id));
  }
  require(bytes.empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  std::vector<std::string> whole;
  net::event_stream at_once{event_bytes_max};
  read(at_once, bytes, whole);
  // The first byte says in what pieces.
  const std::size_t piece = size == 0 ? 1 : 1 + data[0] % 16;
  std::vector<std::string> pieces;
  net::event_stream bit_by_bit{event_bytes_max};
  for (std::size_t at = 0; at < size; at += piece)
    read(bit_by_bit, bytes.substr(at, piece), pieces);
  require(whole == pieces);
  require(at_once.retry() == bit_by_bit.retry());
  return 0;
}
