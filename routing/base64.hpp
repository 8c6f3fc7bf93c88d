// Base64 (RFC 4648) with padding, in the standard and the URL alphabet, read as Go reads it, error
// texts included: CR and LF are ignored wherever they stand. One difference: bits that the last
// character has too many must be zero, which Go leaves unchecked; otherwise several texts would
// mean the same bytes, and a changed signature could still be valid.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::routing {

enum class base64_alphabet { standard, url };

/// Appends.
void append_base64(std::string& out, std::string_view bytes, base64_alphabet alphabet);

/// Replaces `out`. On failure answers where, as Go counts: "illegal base64 data at input byte N".
std::optional<std::size_t> decode_base64(std::string& out, std::string_view text,
                                         base64_alphabet alphabet);

} // namespace shunt::routing
