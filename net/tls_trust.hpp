// Whom a TLS context trusts. Chains are built as gorouter builds them, where OpenSSL by itself
// would differ: every trusted certificate ends a chain, be it self-signed or not, and of several
// CAs with the same subject the one is found whose key made the signature.
#pragma once

#include "net/tls_handles.hpp"

#include <initializer_list>

namespace shunt::net {

/// Throws std::runtime_error when OpenSSL has no memory. Certificates that come twice do no harm.
trust_store_ptr make_trust_store(std::initializer_list<const certificate_list*> trusted);

} // namespace shunt::net
