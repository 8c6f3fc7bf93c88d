#include "cluster/beacon.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>

namespace shunt::cluster {

namespace {

using nlohmann::json;

constexpr std::size_t cluster_bytes_max = 64;
constexpr std::size_t name_bytes_max = 253; ///< Of a DNS name.

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_printable(std::string_view text, std::size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max
         && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view host_of(std::string_view address) {
  return address.substr(0, address.rfind(':'));
}

bool is_host(std::string_view host) {
  if (host.size() > name_bytes_max)
    return false;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    return std::ranges::all_of(host.substr(1, host.size() - 2),
                               [](char c) { return is_hex(c) || c == ':' || c == '.'; });
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_';
  });
}

bool is_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos || !is_host(text.substr(0, colon)))
    return false;
  std::uint16_t port = 0;
  const auto* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + colon + 1, end, port);
  return read.ec == std::errc{} && read.ptr == end && port != 0;
}

/// The text of a member; empty if there is none.
std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

} // namespace

std::string to_json(const beacon& said) {
  return json{{"cluster", said.cluster},
              {"node", said.node},
              {"address", said.address},
              {"incarnation", said.incarnation}}
    .dump();
}

std::optional<beacon> read_beacon(std::string_view text) {
  if (text.size() > beacon_bytes_max)
    return std::nullopt;
  const auto object = json::parse(text.begin(), text.end(), nullptr, false);
  if (!object.is_object())
    return std::nullopt;
  const auto incarnation = object.find("incarnation");
  if (incarnation == object.end() || !incarnation->is_number_unsigned())
    return std::nullopt;
  beacon read{text_of(object, "cluster"), text_of(object, "node"), text_of(object, "address"),
              incarnation->get<std::uint64_t>()};
  if (!is_printable(read.cluster, cluster_bytes_max) || !is_printable(read.node, name_bytes_max)
      || !is_address(read.address))
    return std::nullopt;
  return read;
}

bool is_loopback_address(std::string_view address) {
  const auto host = host_of(address);
  const bool is_ipv4 = std::ranges::count(host, '.') == 3
                       && std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
  return host == "localhost" || host == "[::1]" || (is_ipv4 && host.starts_with("127."));
}

} // namespace shunt::cluster
