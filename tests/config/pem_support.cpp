// Making certificates with OpenSSL.
#include "pem_support.hpp"

#include <memory>
#include <sstream>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace shunt::config::test {

namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

} // namespace

pem_pair make_pair(const std::string& dns_name) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  const std::unique_ptr<X509, void (*)(X509*)> certificate{X509_new(), X509_free};
  if (!key || !certificate)
    throw std::runtime_error{"OpenSSL makes no key"};
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  if (!dns_name.empty()) {
    const std::string value{"DNS:" + dns_name};
    const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> names{
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, value.c_str()), X509_EXTENSION_free};
    X509_add_ext(certificate.get(), names.get(), -1);
  }
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  const std::unique_ptr<BIO, int (*)(BIO*)> cert_out{BIO_new(BIO_s_mem()), BIO_free};
  const std::unique_ptr<BIO, int (*)(BIO*)> key_out{BIO_new(BIO_s_mem()), BIO_free};
  PEM_write_bio_X509(cert_out.get(), certificate.get());
  PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(cert_out.get()), text_of(key_out.get())};
}

std::string block(std::string_view pem, std::size_t spaces) {
  std::istringstream lines{std::string{pem}};
  std::string result = "|\n";
  for (std::string line; std::getline(lines, line);)
    result.append(spaces, ' ').append(line).append("\n");
  return result;
}

} // namespace shunt::config::test
