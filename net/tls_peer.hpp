// What is worth knowing about the other side of a TLS session once the handshake is over.
#pragma once

#include "net/tls_handles.hpp"

#include <string>
#include <string_view>

namespace shunt::net {

/// The peer's own certificate as DER, or empty when it showed none. Known to resumed sessions, too.
std::string peer_certificate_der(const SSL* session);

/// Whether the client proved who it is: it showed a certificate, and that was verified.
bool is_mutual_tls(const SSL* session);

/// Whether both sides agreed on HTTP/2.
bool speaks_http2(const SSL* session);

/// The name the client asked for, as it wrote it, or empty. Valid as long as the session.
std::string_view requested_name(const SSL* session);

} // namespace shunt::net
