// Points in time as text (RFC 3339), as Go writes and reads them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::routing {

/// Nanoseconds since 1970, UTC. What lies outside of the years 1678 to 2261 becomes the first or
/// the last one.
using unix_ns = std::int64_t;

/// Appends it in UTC, with as many digits behind the second as are not zero: at most nine.
void append_rfc3339(std::string& out, unix_ns time);

/// Any offset, any number of digits behind the second (those beyond nine do not count), `t` and `z`
/// in either case, a leap second as the second after it. Nothing for anything else.
std::optional<unix_ns> parse_rfc3339(std::string_view text) noexcept;

} // namespace shunt::routing
