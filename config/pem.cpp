// Reading PEM with OpenSSL.
#include "config/pem.hpp"

#include <climits>
#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace shunt::config {

namespace {

template <auto Free>
struct deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

using bio_ptr = std::unique_ptr<BIO, deleter<&BIO_free>>;
using x509_ptr = std::unique_ptr<X509, deleter<&X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, deleter<&EVP_PKEY_free>>;

/// Without this, OpenSSL would ask at the terminal for the passphrase of an encrypted key.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

bio_ptr reader_of(const std::string& text) {
  if (text.size() > INT_MAX)
    return nullptr;
  return bio_ptr{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

x509_ptr first_certificate(const std::string& pem) {
  const auto bio = reader_of(pem);
  return x509_ptr{bio ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr) : nullptr};
}

std::string pair_problem(const std::string& cert_chain, const std::string& private_key) {
  const auto certificate = first_certificate(cert_chain);
  if (!certificate)
    return "no certificate found in the certificate chain";
  const auto bio = reader_of(private_key);
  const key_ptr key{bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr)
                        : nullptr};
  if (!key)
    return "no unencrypted private key found";
  if (X509_check_private_key(certificate.get(), key.get()) != 1)
    return "private key does not match public key";
  return {};
}

} // namespace

std::string key_pair_problem(const std::string& cert_chain, const std::string& private_key) {
  auto problem = pair_problem(cert_chain, private_key);
  ERR_clear_error(); // What failed here must not be found by the next caller of OpenSSL.
  return problem;
}

bool has_certificate(const std::string& pem) {
  const bool found = first_certificate(pem) != nullptr;
  ERR_clear_error();
  return found;
}

bool certificate_names(const std::string& cert_chain, const std::string& host) {
  const auto certificate = first_certificate(cert_chain);
  const bool named = certificate
                     && X509_check_host(certificate.get(), host.data(), host.size(),
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr)
                          == 1;
  ERR_clear_error();
  return named;
}

} // namespace shunt::config
