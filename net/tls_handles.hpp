// Owners of OpenSSL's objects. Each frees its object once, and an object that OpenSSL failed to
// make is an empty owner.
#pragma once

#include <memory>
#include <vector>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

namespace shunt::net {

/// Frees with a function, so that an owner is no larger than a pointer.
template <auto Free>
struct freed_with {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using bio_ptr = std::unique_ptr<BIO, freed_with<&BIO_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_with<&X509_free>>;
using private_key_ptr = std::unique_ptr<EVP_PKEY, freed_with<&EVP_PKEY_free>>;
using trust_store_ptr = std::unique_ptr<X509_STORE, freed_with<&X509_STORE_free>>;
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, freed_with<&SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed_with<&SSL_free>>;
using ssl_session_ptr = std::unique_ptr<SSL_SESSION, freed_with<&SSL_SESSION_free>>;

/// sk_X509_pop_free is a macro, so that it cannot be a template's argument.
inline void free_certificates(STACK_OF(X509) * list) {
  sk_X509_pop_free(list, X509_free);
}
using certificate_stack_ptr = std::unique_ptr<STACK_OF(X509), freed_with<&free_certificates>>;

using certificate_list = std::vector<certificate_ptr>;

} // namespace shunt::net
