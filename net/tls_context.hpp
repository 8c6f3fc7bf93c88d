// What the TLS contexts of both sides have in common: versions, suites, level of security, own
// certificates, and how OpenSSL treats memory and the end of a connection.
#pragma once

#include "net/tls_certificates.hpp"
#include "net/tls_handles.hpp"

#include "config/choices.hpp"

#include <span>
#include <string>
#include <string_view>

namespace shunt::net {

struct tls_protocol {
  config::tls_version min = config::tls_version::tls_1_2;
  config::tls_version max = config::tls_version::tls_1_3;
  std::span<const std::string> cipher_suites; ///< Empty: whatever OpenSSL thinks good.
};

/// A context without certificates and without trust; `library` as in tls_library.hpp, null is OpenSSL's
/// default one. Throws std::runtime_error that names the key at fault when no handshake could ever succeed.
ssl_ctx_ptr make_tls_context(const SSL_METHOD* method, const tls_protocol& protocol,
                             OSSL_LIB_CTX* library = nullptr);

/// Throws std::runtime_error that begins with `path`.
void use_certified_key(SSL_CTX* context, const certified_key& own, std::string_view path);

} // namespace shunt::net
