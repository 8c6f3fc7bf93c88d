// Authorities, taken apart byte by byte: reg-names and IPv4 addresses by their alphabet, IPv6
// literals by the C library's parser.
#include "net/host_authority.hpp"

#include "net/http_fields.hpp"
#include "routing/ascii.hpp"

#include <arpa/inet.h>

#include <array>

namespace shunt::net {

namespace {

using namespace std::string_view_literals;

/// unreserved and sub-delims, but for the comma: some hops take it as the end of a list's element.
constexpr std::array<bool, 256> make_reg_name_bytes() {
  std::array<bool, 256> result{};
  for (const unsigned char c : "-._~!$&'()*+;=0123456789"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"sv)
    result[c] = true;
  return result;
}

constexpr auto reg_name_bytes = make_reg_name_bytes();

bool is_reg_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (reg_name_bytes[static_cast<unsigned char>(text[i])])
      continue;
    if (text[i] != '%' || i + 2 >= text.size() || !is_hex_digit(text[i + 1])
        || !is_hex_digit(text[i + 2]))
      return false;
    i += 2;
  }
  return !text.empty();
}

/// `text` is what stands between the brackets. Zones (`%25eth0`) mean nothing to another machine.
bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.empty() || text.size() >= terminated.size())
    return false;
  for (const char c : text)
    if (!is_hex_digit(c) && c != ':' && c != '.')
      return false;
  text.copy(terminated.data(), text.size());
  in6_addr parsed;
  return inet_pton(AF_INET6, terminated.data(), &parsed) == 1;
}

/// `text` is what follows the host: nothing, or a colon and digits, perhaps none.
bool parse_port(std::string_view text, std::optional<std::uint16_t>& port) {
  if (text.empty())
    return true;
  if (text.front() != ':')
    return false;
  text.remove_prefix(1);
  std::uint32_t number = 0;
  for (const char c : text) {
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
    if (!is_digit(c) || number > 65535)
      return false;
  }
  if (!text.empty())
    port = static_cast<std::uint16_t>(number);
  return true;
}

/// Without an early end, so that the compiler looks at many bytes at once.
bool has_target_bytes(std::string_view target) {
  bool refused = false;
  for (const unsigned char c : target)
    refused |= (c <= 0x20) | (c == 0x7f) | (c == '#'); // Above are the bytes of raw UTF-8.
  return !refused;
}

/// Whether each % of the path begins an encoded byte (RFC 3986, section 2.1). Of a query nobody asks.
bool is_well_encoded(std::string_view path_and_query) {
  const auto path = path_and_query.substr(0, path_and_query.find('?'));
  for (auto at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 3))
    if (path.size() - at < 3 || !is_hex_digit(path[at + 1]) || !is_hex_digit(path[at + 2]))
      return false;
  return true;
}

bool has_scheme(std::string_view target, std::string_view prefix) {
  return iequals(target.substr(0, prefix.size()), prefix);
}

} // namespace

std::optional<host_authority> parse_authority(std::string_view text) noexcept {
  host_authority result;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !is_ipv6(text.substr(1, close - 1)))
      return {};
    result.host = text.substr(0, close + 1);
  } else {
    result.host = text.substr(0, text.find(':'));
    if (!is_reg_name(result.host))
      return {};
  }
  if (!parse_port(text.substr(result.host.size()), result.port))
    return {};
  return result;
}

bool same_authority(const host_authority& a, const host_authority& b,
                    std::uint16_t default_port) noexcept {
  return iequals(a.host, b.host) && a.port.value_or(default_port) == b.port.value_or(default_port);
}

std::optional<request_target> parse_target(std::string_view method,
                                           std::string_view target) noexcept {
  request_target parts{.path_and_query = target, .authority = {}, .authority_text = {}};
  if (!has_target_bytes(target))
    return {};
  if (target.starts_with('/'))
    return is_well_encoded(target) ? std::optional{parts} : std::nullopt;
  if (target == "*") {
    parts.form = target_form::asterisk;
    return method == "OPTIONS" ? std::optional{parts} : std::nullopt;
  }
  const bool secure = has_scheme(target, "https://");
  if (!secure && !has_scheme(target, "http://"))
    return {};
  parts.form = target_form::absolute;
  parts.default_port = secure ? 443 : 80;
  const auto rest = target.substr(secure ? 8 : 7);
  parts.authority_text = rest.substr(0, rest.find_first_of("/?"));
  parts.path_and_query = rest.substr(parts.authority_text.size());
  parts.authority = parse_authority(parts.authority_text);
  return parts.authority && is_well_encoded(parts.path_and_query) ? std::optional{parts} : std::nullopt;
}

} // namespace shunt::net
