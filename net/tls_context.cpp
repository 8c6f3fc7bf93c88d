// Setting OpenSSL up.
#include "net/tls_context.hpp"

#include "net/tls_ciphers.hpp"

#include "config/cat.hpp"

#include <stdexcept>

namespace shunt::net {

namespace {

using config::tls_version;

int openssl_version(tls_version version) {
  switch (version) {
    case tls_version::tls_1_0: return TLS1_VERSION;
    case tls_version::tls_1_1: return TLS1_1_VERSION;
    case tls_version::tls_1_2: return TLS1_2_VERSION;
    case tls_version::tls_1_3: break;
  }
  return TLS1_3_VERSION;
}

void set_versions(SSL_CTX* context, tls_version min, tls_version max) {
  if (SSL_CTX_set_min_proto_version(context, openssl_version(min)) != 1
      || SSL_CTX_set_max_proto_version(context, openssl_version(max)) != 1)
    throw std::runtime_error{config::cat("min_tls_version: ", take_openssl_error())};
}

/// Level 1 takes what gorouter takes: RSA keys from 1024 bits on and no SHA-1. The signatures of
/// TLS 1.0 and 1.1 are below it, so whoever asks for those versions gets level 0, in this context
/// alone. A distribution's default may be stricter or laxer; certificates that worked with gorouter
/// must not depend on it.
int security_level(tls_version min, bool weak_ciphers) {
  return min < tls_version::tls_1_2 || weak_ciphers ? 0 : 1;
}

void set_protocol(SSL_CTX* context, const tls_protocol& protocol) {
  auto min = protocol.min;
  const auto ciphers = tls_ciphers_of(protocol.cipher_suites);
  SSL_CTX_set_security_level(context, security_level(min, ciphers.weak));
  if (!ciphers.list.empty()) {
    if (SSL_CTX_set_cipher_list(context, ciphers.list.c_str()) != 1)
      throw std::runtime_error{config::cat("cipher_suites: ", take_openssl_error())};
  } else if (!protocol.cipher_suites.empty()) {
    // An empty list would mean OpenSSL's defaults, which nobody asked for.
    if (protocol.max < tls_version::tls_1_3)
      throw std::runtime_error{"cipher_suites: OpenSSL has none of these suites for the versions "
                               "up to max_tls_version, so that no client could connect"};
    min = tls_version::tls_1_3;
  }
  set_versions(context, min, protocol.max);
}

void set_habits(SSL_CTX* context) {
  SSL_CTX_set_options(
    context,
    SSL_OP_NO_COMPRESSION
      | SSL_OP_NO_RENEGOTIATION
      // Many peers close without saying so; HTTP knows by itself when a message is cut off.
      | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_clear_options(context, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                              | SSL_MODE_RELEASE_BUFFERS // 34 KB less for every idle connection.
                              // Else the chain to send would be looked up in each handshake.
                              | SSL_MODE_NO_AUTO_CHAIN);
  // The cache of OpenSSL is behind one lock. Servers give out tickets instead, clients keep theirs.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

} // namespace

ssl_ctx_ptr make_tls_context(const SSL_METHOD* method, const tls_protocol& protocol,
                             OSSL_LIB_CTX* library) {
  ssl_ctx_ptr context{SSL_CTX_new_ex(library, nullptr, method)};
  if (!context)
    throw std::runtime_error{config::cat("TLS: ", take_openssl_error())};
  set_protocol(context.get(), protocol);
  set_habits(context.get());
  return context;
}

void use_certified_key(SSL_CTX* context, const certified_key& own, std::string_view path) {
  if (SSL_CTX_use_cert_and_key(context, own.leaf.get(), own.key.get(), own.above.get(), 1) != 1)
    throw std::runtime_error{config::cat(path, ".cert_chain: ", take_openssl_error())};
}

} // namespace shunt::net
