// Header fields as the router sees them: a name and a value that point into the connection's read
// buffer, and an id for the names the router treats specially, found once while parsing. Also the
// few rules about field values that framing rests on. Pure functions; nothing here allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace shunt::net {

/// Names the router treats specially, here or on their way through. Everything else is `other`.
enum class field_id : std::uint8_t {
  other = 0,
  // Routing and framing.
  host,
  connection,
  proxy_connection,
  keep_alive,
  te,
  trailer,
  transfer_encoding,
  content_length,
  upgrade,
  http2_settings,
  expect,
  proxy_authenticate,
  proxy_authorization,
  // What proxies tell each other.
  forwarded,
  x_forwarded_for,
  x_forwarded_proto,
  x_forwarded_host,
  x_forwarded_client_cert,
  x_request_start,
  x_vcap_request_id,
  x_vcap_trace,
  x_vcap_router,
  x_vcap_backend,
  x_cf_applicationid,
  x_cf_instanceid,
  x_cf_instanceindex,
  x_cf_app_instance,
  x_cf_process_instance,
  x_cf_proxy_signature,
  x_cf_proxy_metadata,
  x_cf_forwarded_url,
  x_cf_routererror,
  x_cf_routeendpoint,
  // Tracing.
  traceparent,
  tracestate,
  b3,
  x_b3_traceid,
  x_b3_spanid,
  x_b3_parentspanid,
  x_b3_sampled,
  x_b3_flags,
  // What the access log, affinity, retries and error pages look at.
  user_agent,
  referer,
  cookie,
  set_cookie,
  authorization,
  www_authenticate,
  date,
  location,
  retry_after,
  content_type,
  content_encoding,
  content_range,
  idempotency_key,
  x_idempotency_key,
  // Of interest only because they may not appear in trailers (RFC 9110, section 6.5.1).
  age,
  cache_control,
  expires,
  if_match,
  if_none_match,
  if_modified_since,
  if_unmodified_since,
  if_range,
  max_forwards,
  pragma,
  range,
  vary,
  warning,
};
inline constexpr std::size_t field_count = static_cast<std::size_t>(field_id::warning) + 1;

/// One field line, spelled as it was received; the value without the whitespace around it.
struct field {
  std::string_view name;
  std::string_view value;
  field_id id = field_id::other;
};

/// The id of a field name, whatever its case.
field_id identify(std::string_view name) noexcept;

/// The lower-case name of an id; empty for `other`.
std::string_view name_of(field_id id) noexcept;

/// Equal but for the case of ASCII letters.
bool iequals(std::string_view a, std::string_view b) noexcept;

/// Makes upper-case ASCII letters lower-case.
void make_lower(std::span<char> text) noexcept;

/// Whether the comma list `value` has the element `token`, whatever its case.
bool has_token(std::string_view value, std::string_view token) noexcept;

/// Whether any field `id` has the element `token`: a list may be spread over several lines.
bool has_token(std::span<const field> fields, field_id id, std::string_view token) noexcept;

/// The first field of that id, or null. Not for `other`.
const field* find_field(std::span<const field> fields, field_id id) noexcept;

/// The first field of that name, whatever its case, or null.
const field* find_field(std::span<const field> fields, std::string_view name) noexcept;

/// The value of the field that `find_field` finds; empty without one.
template <class Name>
std::string_view value_of(std::span<const field> fields, Name name) noexcept {
  const auto* found = find_field(fields, name);
  return found == nullptr ? std::string_view{} : found->value;
}

namespace detail {
std::string_view trim_spaces(std::string_view text) noexcept;
}

/// Without spaces and tabs at both ends.
inline std::string_view trim(std::string_view text) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  if (text.starts_with(' ')) // As after nearly every colon.
    text.remove_prefix(1);
  if (text.empty() || (!is_space(text.front()) && !is_space(text.back())))
    return text;
  return detail::trim_spaces(text);
}

/// Whether `text` is a token (RFC 9110, section 5.6.2): what methods and field names are made of.
bool is_token(std::string_view text) noexcept;
/// How many bytes at the beginning of `text` could be part of a token.
std::size_t token_bytes_of(std::string_view text) noexcept;
/// A comma list of tokens, some of which may be empty (RFC 9110, section 5.6.1.2).
bool is_token_list(std::string_view text) noexcept;

/// A Content-Length: digits and nothing else, at most 2^63-1. Lists are refused, because hops
/// before us may have read them differently.
std::optional<std::uint64_t> parse_content_length(std::string_view value) noexcept;

/// What a Transfer-Encoding says.
enum class transfer_coding : std::uint8_t {
  chunked,     ///< Exactly one `chunked`.
  unsupported, ///< Well-formed, but a coding the router does not speak: 501.
  ambiguous,   ///< Malformed, or such that two implementations may disagree on it: 400.
};
transfer_coding classify_transfer_encoding(std::string_view value) noexcept;

/// Whether a trailer of that name is dropped: it would change framing, routing, authentication or
/// what the router vouches for, after these have been decided (RFC 9110, section 6.5.1).
bool forbidden_in_trailers(field_id id) noexcept;

} // namespace shunt::net
