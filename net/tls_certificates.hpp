// Certificates and keys out of PEM text. Blocks of other kinds are passed over, as gorouter does:
// operators paste whole bundles with comments, parameters and keys in between.
#pragma once

#include "net/tls_handles.hpp"

#include "config/sections.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace shunt::net {

struct pem_certificates {
  certificate_list list;      ///< In the order of the text.
  std::size_t unreadable = 0; ///< Blocks that say they are certificates and are not.
};

/// `library` as in tls_library.hpp; null is OpenSSL's default one.
pem_certificates read_certificates(std::string_view pem, OSSL_LIB_CTX* library = nullptr);

/// A certificate, its key and the chain to send with it.
struct certified_key {
  certificate_ptr leaf;
  private_key_ptr key;
  certificate_stack_ptr above; ///< The chain without the leaf; empty owner if there is none.
};

/// Throws std::runtime_error that begins with `path`, the pair's place in the configuration, when
/// the two cannot be used. Never quotes them.
certified_key read_certified_key(const config::key_pair& pair, std::string_view path,
                                 OSSL_LIB_CTX* library = nullptr);

/// The reason of OpenSSL's latest error, and an empty error queue.
std::string take_openssl_error();

} // namespace shunt::net
