#include "app/demo_certificate.hpp"

#include "net/tls_handles.hpp"

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace shunt::app {

namespace {

void must(bool done) {
  if (!done)
    throw std::runtime_error{"OpenSSL cannot make a certificate"};
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  const bool added = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  must(added);
}

void set_times_and_serial(X509* certificate) {
  constexpr long hour_s = 3600, week_s = 7 * 24 * hour_s;
  unsigned serial = 0; // A new one each time: clients remember certificates by it.
  must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial | 1U) == 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -hour_s); // Clocks differ.
  X509_gmtime_adj(X509_getm_notAfter(certificate), week_s);
}

void set_names(X509* certificate, const std::string& address) {
  auto* subject = X509_get_subject_name(certificate);
  const auto* const text = reinterpret_cast<const unsigned char*>("shunt demo");
  must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1);
  must(X509_set_issuer_name(certificate, subject) == 1);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate, NID_subject_alt_name, std::string{"DNS:localhost,IP:"}.append(address));
}

template <class Write>
std::string pem_of(Write write) {
  const net::bio_ptr memory{BIO_new(BIO_s_mem())};
  must(memory != nullptr && write(memory.get()) == 1);
  char* data = nullptr;
  const auto bytes = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(bytes)};
}

} // namespace

demo_certificate demo_certificate::make(const std::string& address) {
  const net::private_key_ptr key{EVP_EC_gen("P-256")};
  const net::certificate_ptr certificate{X509_new()};
  must(key != nullptr && certificate != nullptr);
  must(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  must(X509_set_pubkey(certificate.get(), key.get()) == 1);
  set_times_and_serial(certificate.get());
  set_names(certificate.get(), address);
  must(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  return {pem_of([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); }),
          pem_of([&](BIO* out) {
            return PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

} // namespace shunt::app
