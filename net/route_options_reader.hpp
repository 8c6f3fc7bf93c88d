// Reads those `options` of a message that say what a route as a whole asks for
// (routing/route_options.hpp): `empty_status`, `empty_body`, `empty_content_type`, `retry_after`, `hold`, `fallback`,
// `route_service_failure`. The same for reservations and registrations. How a route balances is
// read by whoever reads the message.
#pragma once

#include "routing/route_options.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace simdjson::dom {
class element;
}

namespace shunt::net {

enum class option_outcome : std::uint8_t {
  other,   ///< The name is none of those above: nothing was done.
  read,    ///< It is in `into`; null acts as absent.
  refused, ///< `reason` says why, beginning with the option's name: `hold: longer than 10m0s`.
};

/// Reads one member of `options`; names match in any case. Never throws but std::bad_alloc;
/// allocates for `empty_body` and reasons only.
option_outcome read_route_option(std::string_view name, const simdjson::dom::element& value,
                                 routing::route_options& into, std::string& reason);

/// Appends the members that say the same again, each with a comma behind it.
void append_route_options(std::string& json, const routing::route_options& options);

} // namespace shunt::net
