// Whom a request is for: `uri-host [":" port]` as it stands in Host and in absolute-form targets
// (RFC 9110, section 7.2; RFC 3986, section 3.2). Strict, because two hops that disagree on the
// host of a request route it differently. Pure functions over the bytes; nothing is resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace shunt::net {

/// A valid authority, taken apart.
struct host_authority {
  std::string_view host;             ///< Never empty; an IPv6 literal keeps its brackets.
  std::optional<std::uint16_t> port; ///< None when absent or empty (`host:`).
};

/// Takes `text` apart, or nothing when it is no authority. Refused: an empty host, userinfo,
/// spaces, commas, slashes, bytes outside ASCII, broken percent-encoding, IPv6 literals that are
/// none or have a zone, ports over 65535. An underscore is fine: app names have them.
std::optional<host_authority> parse_authority(std::string_view text) noexcept;

/// Whether both name the same host, whatever the case, and the same port, where none means
/// `default_port`.
bool same_authority(const host_authority& a, const host_authority& b,
                    std::uint16_t default_port) noexcept;

enum class target_form : std::uint8_t {
  origin,   ///< `/path?query`
  absolute, ///< `http://host/path?query`
  asterisk, ///< `*`, of OPTIONS only.
};

/// A request target taken apart.
struct request_target {
  target_form form = target_form::origin;
  std::string_view path_and_query;         ///< Without scheme and authority; may be empty then.
  std::optional<host_authority> authority; ///< Of the absolute form only.
  std::string_view authority_text;         ///< The same, as it stands there.
  std::uint16_t default_port = 80;         ///< By the scheme.
};

/// Takes the target of a request apart, or nothing when no request may have it. Refused: bytes that
/// are not visible ASCII, '#' (a fragment is never sent, and hops differ on where it would end),
/// schemes but http and https, and the authority form.
std::optional<request_target> parse_target(std::string_view method,
                                           std::string_view target) noexcept;

} // namespace shunt::net
