// Why TLS with a backend failed: the class that decides about retries and status, and the text that
// operators know from gorouter's X-Cf-RouterError.
#pragma once

#include "routing/failure.hpp"

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

namespace shunt::net {

struct tls_failure {
  routing::failure_class reason;
  std::string text; ///< Printable ASCII and of bounded length, whatever the backend sent.
};

/// How far the connection was.
enum class tls_phase : std::uint8_t { handshake, established };

/// What the failed call on `session` means. `ssl_error` is what SSL_get_error said of it, and it
/// must be the same thread that made the call, for OpenSSL keeps the reason per thread; the reasons
/// are gone afterwards. `now` is quoted when a certificate has expired.
///
/// In TLS 1.3 a backend refuses our certificate when we think the handshake is over: then a read
/// fails, which has the same class. When the transport failed (SSL_ERROR_SYSCALL) only the caller
/// knows how, by errno; here it counts as closed.
tls_failure tls_failure_of(SSL* session, int ssl_error, tls_phase phase, std::time_t now);

/// For a handshake that took longer than `tls_handshake_timeout`.
tls_failure tls_handshake_timed_out();

/// For a backend whose registered name no session could be made for.
tls_failure tls_name_impossible(std::string_view name);

} // namespace shunt::net
