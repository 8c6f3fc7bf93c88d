// Response heads from fuzzed bytes: the verdict must be the same however the bytes were split,
// views must lie within the bytes, and the framing must be one that nobody could read differently.
// The first byte says how the rest is split, and whether it answers a HEAD.
#include "net/http_head.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

using namespace shunt::net;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

bool within(std::string_view part, std::string_view whole) {
  return part.empty()
         || (part.data() >= whole.data()
             && part.data() + part.size() <= whole.data() + whole.size());
}

bool same(const response_head& a, const response_head& b) {
  bool equal = a.status == b.status && a.reason == b.reason && a.framing == b.framing
               && a.content_length == b.content_length && a.keep_alive == b.keep_alive
               && a.upgrade_protocol == b.upgrade_protocol && a.head_bytes == b.head_bytes
               && a.version_minor == b.version_minor && a.fields.size() == b.fields.size();
  for (std::size_t i = 0; equal && i < a.fields.size(); ++i)
    equal = a.fields[i].name == b.fields[i].name && a.fields[i].value == b.fields[i].value;
  return equal;
}

void check(const response_head& head, std::string_view bytes, bool was_head) {
  require(head.head_bytes <= bytes.size());
  const auto own = bytes.substr(0, head.head_bytes);
  require(own.ends_with("\r\n\r\n") && within(head.reason, own));
  require(head.status >= 100 && head.status <= 999);
  std::size_t lengths = 0, encodings = 0;
  for (const auto& f : head.fields) {
    require(within(f.name, own) && within(f.value, own) && is_token(f.name));
    lengths += iequals(f.name, "content-length");
    encodings += iequals(f.name, "transfer-encoding");
  }
  require(lengths + encodings <= 1);
  const bool bodiless = was_head || head.status < 200 || head.status == 204 || head.status == 304;
  require(!bodiless || head.framing == body_framing::none);
  require(bodiless || (head.framing == body_framing::chunked) == (encodings == 1));
  require(head.framing != body_framing::until_close || (!head.keep_alive && lengths == 0));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::size_t step = 1 + data[0] % 16;
  const bool was_head = data[0] >= 128;
  const head_limits limits{4096, 100};
  response_head at_once, in_parts;
  head_scratch scratch;
  const auto expected = parse_response(bytes, was_head, at_once, limits, scratch);
  scratch.reset(); // Whatever it remembers of an unfinished head.
  parse_status actual;
  std::vector<char> part;
  for (std::size_t end = 0; actual.need_more() && end < bytes.size();) {
    end = std::min(end + step, bytes.size());
    part.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
    actual = parse_response({part.data(), part.size()}, was_head, in_parts, limits, scratch);
  }
  require(actual.outcome == expected.outcome && actual.error == expected.error);
  if (expected.complete()) {
    require(same(at_once, in_parts));
    check(at_once, bytes, was_head);
  }
  return 0;
}
