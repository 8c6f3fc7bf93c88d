// Making X.509 certificates (RFC 5280).
#include "net/loopback_certificates.hpp"

#include "config/cat.hpp"

#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>

#include <openssl/bn.h>
#include <openssl/x509v3.h>

namespace shunt::net {

namespace {

constexpr int valid_days = 3650;
constexpr long clock_slack_seconds = 60 * 60; ///< A clock that is set back must not end everything.
constexpr int serial_bits = 127; ///< Positive, and more than 64 of chance.

using big_number_ptr = std::unique_ptr<BIGNUM, freed_with<&BN_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_with<&X509_EXTENSION_free>>;

void must(bool done) {
  if (!done)
    throw std::runtime_error{config::cat("TLS: no certificates for the internal listener: ", take_openssl_error())};
}

struct extension {
  int kind;
  const char* value;
};

constexpr extension of_ca[] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                               {NID_key_usage, "critical,keyCertSign"}};
constexpr extension of_server[] = {{NID_basic_constraints, "critical,CA:FALSE"},
                                   {NID_key_usage, "critical,digitalSignature"},
                                   {NID_ext_key_usage, "serverAuth"}};
constexpr extension of_client[] = {{NID_basic_constraints, "critical,CA:FALSE"},
                                   {NID_key_usage, "critical,digitalSignature"},
                                   {NID_ext_key_usage, "clientAuth"}};

void add(X509* certificate, X509* issuer, const extension& what) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const extension_ptr made{X509V3_EXT_conf_nid(nullptr, &context, what.kind, what.value)};
  must(made && X509_add_ext(certificate, made.get(), -1) == 1);
}

void set_name(X509* certificate, std::string_view common_name) {
  must(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(common_name.data()),
                                  static_cast<int>(common_name.size()), -1, 0)
       == 1);
}

void set_serial(X509* certificate) {
  const big_number_ptr serial{BN_new()};
  must(serial && BN_rand(serial.get(), serial_bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1
       && BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr);
}

void set_validity(X509* certificate) {
  must(X509_gmtime_adj(X509_getm_notBefore(certificate), -clock_slack_seconds) != nullptr
       && X509_time_adj_ex(X509_getm_notAfter(certificate), valid_days, 0, nullptr) != nullptr);
}

/// Signed by `issuer`, or by itself.
certified_key make(std::string_view common_name, std::span<const extension> extensions,
                   const certified_key* issuer) {
  certified_key made{certificate_ptr{X509_new()}, private_key_ptr{EVP_EC_gen("P-256")}, nullptr};
  must(made.leaf && made.key);
  auto* certificate = made.leaf.get();
  const auto& signer = issuer != nullptr ? *issuer : made;
  must(X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_pubkey(certificate, made.key.get()) == 1);
  set_name(certificate, common_name);
  must(X509_set_issuer_name(certificate, X509_get_subject_name(signer.leaf.get())) == 1);
  set_serial(certificate);
  set_validity(certificate);
  for (const auto& each : extensions)
    add(certificate, signer.leaf.get(), each);
  add(certificate, signer.leaf.get(), {NID_subject_alt_name, "IP:127.0.0.1"});
  add(certificate, signer.leaf.get(), {NID_subject_key_identifier, "hash"});
  if (issuer != nullptr)
    add(certificate, signer.leaf.get(), {NID_authority_key_identifier, "keyid:always"});
  must(X509_sign(certificate, signer.key.get(), EVP_sha256()) > 0);
  return made;
}

} // namespace

loopback_certificates make_loopback_certificates() {
  auto ca = make("shunt internal CA", of_ca, nullptr);
  loopback_certificates made;
  made.server = make("shunt internal listener", of_server, &ca);
  made.client = make("shunt", of_client, &ca);
  made.cas.push_back(std::move(ca.leaf));
  return made;
}

} // namespace shunt::net
