// Asks OpenSSL whether PEM text holds what it should, so that a broken certificate stops the start
// and not the first handshake.
#pragma once

#include <string>

namespace shunt::config {

/// Why the two do not make a usable pair, or empty. Encrypted keys count as unusable: nobody is
/// there to type a passphrase. Never quotes the key.
std::string key_pair_problem(const std::string& cert_chain, const std::string& private_key);

/// Whether `pem` holds at least one certificate that can be read.
bool has_certificate(const std::string& pem);

/// Whether the first certificate of `cert_chain` names `host` among its alternative names.
bool certificate_names(const std::string& cert_chain, const std::string& host);

} // namespace shunt::config
