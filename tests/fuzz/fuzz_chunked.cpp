// Chunked bodies from fuzzed bytes: data, trailers and verdict must be the same however the bytes
// were split, and every call must get on. The first byte says how the rest is split.
#include "net/chunked.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

using namespace shunt::net;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

struct decoded {
  chunked_state state = chunked_state::more;
  std::string data;
  std::size_t consumed = 0;
};

/// Each part lies in memory of its own, so that reading past it is noticed.
decoded decode(chunked_decoder& decoder, std::string_view bytes, std::size_t step) {
  decoded said;
  for (std::size_t at = 0; at < bytes.size() && said.state == chunked_state::more; at += step) {
    const auto part = bytes.substr(at, step);
    const std::vector<char> copy(part.begin(), part.end());
    std::string_view rest{copy.data(), copy.size()};
    while (!rest.empty() && said.state == chunked_state::more) {
      const auto result = decoder.decode(rest);
      for (const auto piece : result.data())
        said.data += piece;
      require(result.consumed <= rest.size());
      require(result.consumed > 0 || result.state != chunked_state::more);
      said.consumed += result.consumed;
      said.state = result.state;
      rest.remove_prefix(result.consumed);
    }
  }
  return said;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  chunked_decoder one, other;
  const auto at_once = decode(one, bytes, std::max<std::size_t>(bytes.size(), 1));
  const auto in_parts = decode(other, bytes, 1 + data[0] % 16);
  require(at_once.state == in_parts.state && at_once.data == in_parts.data);
  require(one.error() == other.error());
  if (at_once.state != chunked_state::error)
    require(at_once.consumed == in_parts.consumed);
  if (at_once.state != chunked_state::done)
    return 0;
  require(std::equal(
    one.trailers().begin(), one.trailers().end(), other.trailers().begin(), other.trailers().end(),
    [](const field& a, const field& b) { return a.name == b.name && a.value == b.value; }));
  for (const auto& f : one.trailers())
    require(is_token(f.name) && !forbidden_in_trailers(f.id));
  return 0;
}
