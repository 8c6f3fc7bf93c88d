// The URL of a route service, taken apart once: where to connect, whom to expect there, and what to ask
// for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::routing {

struct route_service_url {
  std::string host; ///< A DNS name or an address, without brackets.
  std::uint16_t port = 443;
  std::string authority; ///< For the Host field, as configured.
  std::string target;    ///< Path and query; never empty.

  /// Nothing unless `text` is an https URL with a host, and of nothing but what may stand in a request:
  /// no control bytes, spaces, user or fragment.
  static std::optional<route_service_url> parse(std::string_view text);
};

} // namespace shunt::routing
