#include "routing/route_service_url.hpp"

#include "routing/ascii.hpp"

#include <algorithm>
#include <charconv>

namespace shunt::routing {

namespace {

constexpr std::string_view scheme = "https://";
constexpr std::size_t url_bytes_max = 8 * 1024;

bool begins_with_scheme(std::string_view text) {
  return text.size() > scheme.size()
         && std::equal(scheme.begin(), scheme.end(), text.begin(),
                       [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b | 0x20 : b); });
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

bool is_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
           || c == '.' || c == '_';
  });
}

bool is_address(std::string_view inside) {
  return !inside.empty() && std::all_of(inside.begin(), inside.end(), [](char c) {
    return is_hex_digit(c) || c == ':' || c == '.';
  });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, port);
  if (read.ec != std::errc{} || read.ptr != end || port == 0)
    return std::nullopt;
  return port;
}

/// Fills in host and port.
bool parse_authority(std::string_view authority, route_service_url& out) {
  const bool bracketed = authority.starts_with('[');
  const auto host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos)
    return false;
  const auto host = bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end);
  auto rest = authority.substr(std::min(authority.size(), bracketed ? host_end + 1 : host.size()));
  if (bracketed ? !is_address(host) : !is_host(host))
    return false;
  out.host = host;
  if (rest.empty())
    return true;
  const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
  out.port = port.value_or(0);
  return port.has_value();
}

} // namespace

std::optional<route_service_url> route_service_url::parse(std::string_view text) {
  if (text.size() > url_bytes_max || !begins_with_scheme(text) || !is_printable(text)
      || text.find('#') != std::string_view::npos)
    return std::nullopt;
  text.remove_prefix(scheme.size());
  const auto authority = text.substr(0, text.find_first_of("/?"));
  route_service_url parsed;
  if (!parse_authority(authority, parsed))
    return std::nullopt;
  parsed.authority = authority;
  parsed.target = text.substr(authority.size());
  if (!parsed.target.starts_with('/')) // `https://host?query`
    parsed.target.insert(parsed.target.begin(), '/');
  return parsed;
}

} // namespace shunt::routing
