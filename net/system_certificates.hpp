// The certificate authorities that the machine trusts, read once into memory: OpenSSL's own look-up
// would read files of a directory in the middle of a handshake, on the thread of an event loop.
#pragma once

#include "net/tls_handles.hpp"

namespace shunt::net {

/// From where gorouter takes them: the file SSL_CERT_FILE names, else the first bundle that exists
/// of those Linux distributions use, and the files of the directories SSL_CERT_DIR names, else of
/// /etc/ssl/certs. What cannot be read is passed over; no certificate comes twice. Takes
/// about a tenth of a second and reads the disk: for the start and for reloads only.
certificate_list read_system_certificates();

} // namespace shunt::net
