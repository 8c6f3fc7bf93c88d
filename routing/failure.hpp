// What a failed attempt means: whether to try another endpoint, whether to avoid this one, and what
// the client is told. The classes are those of gorouter, told apart by the network layer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shunt::routing {

enum class failure_class : std::uint8_t {
  dial,                ///< TCP connect or name lookup failed or took too long.
  not_tls,             ///< The backend's first bytes are no TLS record.
  hostname_mismatch,   ///< Its certificate lacks the expected name.
  untrusted,           ///< Unknown CA, or verification failed otherwise.
  certificate_expired, ///< Expired, or not valid yet.
  certificate_refused, ///< Alert 42, 48 or 116: it does not like our certificate.
  handshake_failure,   ///< Alert 40.
  handshake_timeout,
  idempotent_eof,         ///< Closed without a response; the request may safely be repeated.
  eof,                    ///< Closed without a response after the request head was written.
  reset_on_read,          ///< ECONNRESET while the response was awaited.
  timeout,                ///< `endpoint_timeout` before the response head.
  client_cancelled,       ///< The client has gone: nobody is at fault, nobody is told.
  response_header_limits, ///< Too many or too large response headers.
  no_endpoint,            ///< Nothing could be selected.
  other,                  ///< Anything else after the request head was written.
};
inline constexpr std::size_t failure_class_count = 16;

struct failure_rule {
  bool retry;     ///< Another attempt is allowed.
  bool mark;      ///< The endpoint is avoided for a while.
  bool prune_tls; ///< A TLS endpoint leaves the pool; a plain one is marked.
  int status;     ///< What the client gets if this was the last attempt.
  bool operator==(const failure_rule&) const = default;
};

failure_rule rule_of(failure_class value);
/// For an attempt that got no connection, or could not write the whole request head: whatever went
/// wrong, the backend has not acted on it, so another attempt is allowed.
failure_rule rule_of_incomplete_request(failure_class inner);
/// For an attempt during which the client left: no retry and 499, but what `inner` says about the
/// endpoint still holds.
failure_rule rule_of_cancelled(failure_class inner);

} // namespace shunt::routing
