// Certificates by which the process recognises itself on a connection over loopback, whoever else may
// connect to its port: a CA, and of that CA one certificate for the end that listens and one for the end
// that connects. They exist in memory alone, and with each start there are others.
#pragma once

#include "net/tls_certificates.hpp"

namespace shunt::net {

/// All three: ECDSA P-256, for the IP address 127.0.0.1, valid for ten years.
struct loopback_certificates {
  certificate_list cas; ///< One. Its key is gone: it signs nothing more.
  certified_key server;
  certified_key client;
};

/// Takes less than a millisecond. Throws std::runtime_error without randomness or memory.
loopback_certificates make_loopback_certificates();

} // namespace shunt::net
