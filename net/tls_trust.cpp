// How issuers are found. OpenSSL takes the first whose name, and key identifier if there is one,
// fit, and never comes back to try another. While an operator replaces a CA there are two of one
// name, and certificates without key identifiers are common inside a platform. So the signature
// decides.
#include "net/tls_trust.hpp"

#include <cstdint>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace shunt::net {

namespace {

/// More certificates in a row nobody uses.
constexpr int depth_max = 10;

/// Of one verification. A peer can send hundreds of certificates of the same name, and each check
/// costs as much as a handshake does.
constexpr std::uintptr_t signature_checks_max = 100;

int checks_index() {
  static const int index = X509_STORE_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// Counts in the pointer itself, so that nothing needs to be freed.
bool may_check_another(X509_STORE_CTX* verification) {
  const auto count =
    reinterpret_cast<std::uintptr_t>(X509_STORE_CTX_get_ex_data(verification, checks_index()));
  return count < signature_checks_max
         && X509_STORE_CTX_set_ex_data(verification, checks_index(),
                                       reinterpret_cast<void*>(count + 1))
              == 1;
}

int check_issued(X509_STORE_CTX* verification, X509* subject, X509* issuer) {
  if (X509_check_issued(issuer, subject) != X509_V_OK || !may_check_another(verification))
    return 0;
  const bool signed_by_it = X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
  if (!signed_by_it)
    ERR_clear_error(); // Or it would be taken for the reason why the connection failed.
  return signed_by_it ? 1 : 0;
}

} // namespace

trust_store_ptr make_trust_store(std::initializer_list<const certificate_list*> trusted) {
  trust_store_ptr store{X509_STORE_new()};
  if (!store)
    throw std::runtime_error{"no memory for certificates"};
  for (const auto* list : trusted)
    for (const auto& certificate : *list)
      if (X509_STORE_add_cert(store.get(), certificate.get()) != 1)
        throw std::runtime_error{"no memory for certificates"};
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_set_depth(store.get(), depth_max);
  X509_STORE_set_check_issued(store.get(), check_issued);
  return store;
}

} // namespace shunt::net
