// Names, and which of them OpenSSL can do.
#include "net/tls_ciphers.hpp"

#include "net/tls_handles.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include <openssl/err.h>
#include <openssl/objects.h>

namespace shunt::net {

namespace {

/// OpenSSL's weakest level that is not "none" wants this much.
constexpr int strength_bits_min = 80;

/// Two names of the list are IANA's, less the hash.
std::string standard_name(const std::string& name) {
  return name.ends_with("_POLY1305") ? name + "_SHA256" : name;
}

std::string openssl_name(const std::string& name) {
  if (!name.starts_with("TLS_"))
    return name;
  return OPENSSL_cipher_name(standard_name(name).c_str()); // "(NONE)" when it has no such suite.
}

/// A context that can do everything OpenSSL can, in the order it prefers.
ssl_ctx_ptr permissive_context() {
  ssl_ctx_ptr context{SSL_CTX_new(TLS_method())};
  if (context) {
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL");
  }
  return context;
}

bool is_tls_1_3(const SSL_CIPHER* cipher) {
  return std::string_view{SSL_CIPHER_get_version(cipher)} == "TLSv1.3";
}

} // namespace

tls_ciphers tls_ciphers_of(std::span<const std::string> names) {
  std::vector<std::string> wanted;
  for (const auto& name : names)
    wanted.push_back(openssl_name(name));
  tls_ciphers result;
  const auto context = permissive_context();
  auto* known = context ? SSL_CTX_get_ciphers(context.get()) : nullptr;
  for (int i = 0; i < sk_SSL_CIPHER_num(known); ++i) {
    const auto* cipher = sk_SSL_CIPHER_value(known, i);
    const char* name = SSL_CIPHER_get_name(cipher);
    if (is_tls_1_3(cipher) || std::find(wanted.begin(), wanted.end(), name) == wanted.end())
      continue;
    result.weak = result.weak || SSL_CIPHER_get_bits(cipher, nullptr) < strength_bits_min
                  || std::string_view{name}.find("RC4") != std::string_view::npos;
    result.list.append(result.list.empty() ? "" : ":").append(name);
  }
  ERR_clear_error();
  return result;
}

bool fit_for_http2(const SSL_CIPHER* cipher) {
  if (cipher == nullptr || SSL_CIPHER_is_aead(cipher) != 1)
    return false;
  const auto exchange = SSL_CIPHER_get_kx_nid(cipher);
  return exchange == NID_kx_any /* TLS 1.3 */ || exchange == NID_kx_ecdhe || exchange == NID_kx_dhe;
}

} // namespace shunt::net
