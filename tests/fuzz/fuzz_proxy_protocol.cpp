// PROXY headers from fuzzed bytes: the verdict must be the same however the bytes were split, a
// header must lie within its bytes and bounds, and only a header with addresses may name a client.
#include "net/address_prefixes.hpp"
#include "net/proxy_protocol.hpp"

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

bool same(const proxy_parse& a, const proxy_parse& b) {
  return a.outcome == b.outcome && a.error == b.error && a.header.bytes == b.header.bytes
         && a.header.version == b.header.version && a.header.subject == b.header.subject
         && a.header.source == b.header.source && a.header.destination == b.header.destination;
}

/// Each part lies in memory of its own, so that reading past it is noticed.
proxy_parse parse_in_parts(std::string_view bytes, std::size_t step) {
  proxy_parse result;
  for (std::size_t end = 0; result.outcome == proxy_outcome::need_more && end < bytes.size();) {
    end = std::min(end + step, bytes.size());
    const std::vector<char> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(end));
    result = parse_proxy_header({copy.data(), copy.size()});
  }
  return result;
}

void check(const proxy_parse& made, std::string_view bytes) {
  const auto& header = made.header;
  require(header.bytes > 0 && header.bytes <= bytes.size() && has_proxy_signature(bytes));
  require(header.bytes <= (header.version == 1 ? proxy_line_bytes_max : proxy_header_bytes_max));
  require(header.version == 2 || bytes.substr(0, header.bytes).ends_with("\r\n"));
  const bool named = header.subject == proxy_subject::client;
  require(named || header.source == asio::ip::tcp::endpoint{});
  require(!named || header.source.address().is_v4() == header.destination.address().is_v4());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto at_once = parse_proxy_header(bytes);
  require(same(at_once, parse_in_parts(bytes, 1 + data[0] % 16)));
  require((at_once.outcome == proxy_outcome::malformed) == (at_once.error != proxy_error::none));
  if (at_once.outcome == proxy_outcome::complete)
    check(at_once, bytes);
  if (at_once.outcome == proxy_outcome::absent)
    require(!has_proxy_signature(bytes));

  std::string error;
  const std::vector<std::string> list{std::string{bytes}};
  if (const auto prefixes = address_prefixes::parse(list, error); !prefixes)
    require(!error.empty() && error.size() < 200);
  return 0;
}
