// The `cipher_suites` of the configuration in OpenSSL's words.
#pragma once

#include <span>
#include <string>

#include <openssl/ssl.h>

namespace shunt::net {

struct tls_ciphers {
  /// For TLS 1.2 and older, in the order OpenSSL prefers: as in gorouter the order of the
  /// configuration means nothing. Empty when none of the names is a suite of those versions that
  /// OpenSSL still has (Debian builds it without RC4 and triple DES); then only TLS 1.3 is left,
  /// whose suites are not configurable.
  std::string list;
  /// Whether a suite is too weak for OpenSSL's lowest level of security above none.
  bool weak = false;
};

/// `names` may be OpenSSL's or IANA's. Unknown ones are left out.
tls_ciphers tls_ciphers_of(std::span<const std::string> names);

/// Whether HTTP/2 may be spoken over it: RFC 9113, section 9.2.2, forbids suites without an
/// ephemeral key exchange or without authenticated encryption.
bool fit_for_http2(const SSL_CIPHER* cipher);

} // namespace shunt::net
