// OpenSSL's own state, apart for each loop. What sessions share (algorithms, keys, contexts) OpenSSL counts
// with locked instructions and looks up behind locks; handshakes of two threads that share it cost a
// tenth more than those of two that do not.
#pragma once

#include <openssl/types.h>

#include <cstddef>

namespace shunt::net {

/// The state for the loop of that index, made when it is asked for first and never freed, because
/// sessions outlive whoever began them. Reads the machine's OpenSSL configuration, as OpenSSL does for its
/// default one. Any thread. Throws std::bad_alloc.
OSSL_LIB_CTX* tls_library(std::size_t lane);

} // namespace shunt::net
