// Whom a TLS context trusts. Chains are built as gorouter builds them, where OpenSSL by itself
// would differ: every trusted certificate ends a chain, be it self-signed or not, and of several
// CAs with the same subject the one is found whose key made the signature. Who has rules about CAs is
// told of all chains.
#pragma once

#include "net/tls_handles.hpp"

#include <initializer_list>

namespace shunt::net {

/// Throws std::runtime_error when OpenSSL has no memory. Certificates that come twice do no harm.
trust_store_ptr make_trust_store(std::initializer_list<const certificate_list*> trusted);

/// Of a peer that has been verified: its own certificate, then every CA that stands in any chain from it to a
/// trusted one, made of what the peer sent and of what is trusted. The chain that OpenSSL found is but one of
/// them, and ends as early as it can. Empty if there is too much to look at, or no memory.
certificate_stack_ptr certificates_of_all_chains(X509_STORE_CTX* verification);

} // namespace shunt::net
