// Making certificates, and playing both sides.
#include "tls_test_kit.hpp"

#include "net/tls_names.hpp"

#include <array>
#include <ctime>
#include <stdexcept>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace shunt::net::tls_kit {

namespace {

void must(bool ok) {
  if (!ok)
    throw std::runtime_error{"the test's own OpenSSL call failed"};
}

private_key_ptr make_key(key_kind kind) {
  if (kind == key_kind::p256)
    return private_key_ptr{EVP_EC_gen("P-256")};
  static const private_key_ptr rsa{EVP_RSA_gen(2048)}; // Slow to make, and one is enough.
  EVP_PKEY_up_ref(rsa.get());
  return private_key_ptr{rsa.get()};
}

void add_attribute(X509_NAME* name, const std::string& attribute, const std::string& value) {
  must(X509_NAME_add_entry_by_txt(name, attribute.c_str(), MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(value.data()),
                                  static_cast<int>(value.size()), -1, 0)
       == 1);
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  must(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

void add_alternative_names(X509* certificate, const recipe& r) {
  auto* names = sk_GENERAL_NAME_new_null();
  for (const auto& dns : r.dns) {
    auto* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, dns.data(), static_cast<int>(dns.size()));
    auto* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    sk_GENERAL_NAME_push(names, name);
  }
  for (const auto& ip : r.ips) {
    auto* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_IPADD, a2i_IPADDRESS(ip.c_str()));
    sk_GENERAL_NAME_push(names, name);
  }
  if (sk_GENERAL_NAME_num(names) > 0)
    must(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1);
  sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
}

void add_extensions(X509* certificate, X509* issuer, const recipe& r) {
  add_alternative_names(certificate, r);
  if (r.ca)
    add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
  if (!r.usage.empty())
    add_extension(certificate, issuer, NID_ext_key_usage, r.usage);
  if (!r.key_ids)
    return;
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  if (r.issuer != nullptr)
    add_extension(certificate, issuer, NID_authority_key_identifier, "keyid");
}

template <class Write>
std::string written(Write write) {
  const bio_ptr bio{BIO_new(BIO_s_mem())};
  must(write(bio.get()) == 1);
  char* data = nullptr;
  const auto bytes = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(bytes)};
}

void set_own(SSL_CTX* context, const minted* own) {
  if (own == nullptr)
    return;
  must(SSL_CTX_use_certificate(context, own->certificate.get()) == 1);
  must(SSL_CTX_use_PrivateKey(context, own->key.get()) == 1);
}

ssl_ctx_ptr peer_context(const SSL_METHOD* method, const peer_options& o) {
  ssl_ctx_ptr context{SSL_CTX_new(method)};
  SSL_CTX_set_security_level(context.get(), 0);
  must(SSL_CTX_set_min_proto_version(context.get(), o.min) == 1);
  must(SSL_CTX_set_max_proto_version(context.get(), o.max) == 1);
  must(SSL_CTX_set_cipher_list(context.get(), o.ciphers.c_str()) == 1);
  if (!o.signature_algorithms.empty())
    must(SSL_CTX_set1_sigalgs_list(context.get(), o.signature_algorithms.c_str()) == 1);
  set_own(context.get(), o.own);
  return context;
}

int accept_all(X509_STORE_CTX*, void*) {
  return 1;
}

/// Chooses the protocol it was made for, whatever the client offers.
int choose(SSL*, const unsigned char** out, unsigned char* bytes, const unsigned char*, unsigned,
           void* argument) {
  const auto* protocol = static_cast<const std::string*>(argument);
  *out = reinterpret_cast<const unsigned char*>(protocol->data());
  *bytes = static_cast<unsigned char>(protocol->size());
  return SSL_TLSEXT_ERR_OK;
}

} // namespace

std::string minted::pem() const {
  return written([this](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); });
}

std::string minted::key_pem() const {
  return written([this](BIO* to) {
    return PEM_write_bio_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string minted::der() const {
  return written([this](BIO* to) { return i2d_X509_bio(to, certificate.get()); });
}

minted mint(const recipe& r) {
  static long serial = 1;
  minted result{certificate_ptr{X509_new()}, make_key(r.kind)};
  auto* certificate = result.certificate.get();
  const auto& issuer = r.issuer != nullptr ? *r.issuer : result;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), r.from_s);
  X509_gmtime_adj(X509_getm_notAfter(certificate), r.until_s);
  auto* subject = X509_get_subject_name(certificate);
  for (const auto& [attribute, value] : r.attributes)
    add_attribute(subject, attribute, value);
  if (!r.common_name.empty())
    add_attribute(subject, "CN", r.common_name);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate.get()));
  X509_set_pubkey(certificate, result.key.get());
  add_extensions(certificate, issuer.certificate.get(), r);
  must(X509_sign(certificate, issuer.key.get(), EVP_sha256()) > 0);
  return result;
}

certificate_ptr copy_of(const minted& m) {
  return certificate_ptr{X509_dup(m.certificate.get())};
}

certificate_list list_of(std::initializer_list<const minted*> certificates) {
  certificate_list result;
  for (const auto* certificate : certificates)
    result.push_back(copy_of(*certificate));
  return result;
}

ssl_ctx_ptr client_context(const peer_options& o) {
  auto context = peer_context(TLS_client_method(), o);
  if (!o.alpn.empty())
    must(SSL_CTX_set_alpn_protos(context.get(),
                                 reinterpret_cast<const unsigned char*>(o.alpn.data()),
                                 static_cast<unsigned>(o.alpn.size()))
         == 0);
  return context;
}

ssl_ctx_ptr server_context(const peer_options& o) {
  auto context = peer_context(TLS_server_method(), o);
  if (!o.alpn.empty()) // The options outlive the context in every test.
    SSL_CTX_set_alpn_select_cb(context.get(), choose, const_cast<std::string*>(&o.alpn));
  if (o.asks_for != nullptr || o.requires_certificate) {
    SSL_CTX_set_verify(
      context.get(),
      SSL_VERIFY_PEER | (o.requires_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    SSL_CTX_set_cert_verify_callback(context.get(), accept_all, nullptr);
  }
  if (o.asks_for != nullptr)
    SSL_CTX_add_client_CA(context.get(), o.asks_for->certificate.get());
  return context;
}

link::link(ssl_ptr client, ssl_ptr server)
  : client_(std::move(client)), server_(std::move(server)) {
  must(client_ && server_);
  BIO* to_client = nullptr;
  BIO* to_server = nullptr;
  must(BIO_new_bio_pair(&to_server, 1 << 17, &to_client, 1 << 17) == 1);
  SSL_set_bio(client_.get(), to_server, to_server);
  SSL_set_bio(server_.get(), to_client, to_client);
  wire_to_client_ = to_client;
}

void link::failed(bool is_client, int result) {
  auto* session = is_client ? client() : server();
  const int error = SSL_get_error(session, result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
    return;
  if (!is_client)
    server_failed_ = true;
  else if (!client_failure_)
    client_failure_ = tls_failure_of(
      session, error, SSL_is_init_finished(session) ? tls_phase::established : tls_phase::handshake,
      std::time(nullptr));
  ERR_clear_error();
}

void link::client_steps() {
  ERR_clear_error();
  if (const int result = SSL_do_handshake(client()); result != 1)
    failed(true, result);
}

bool link::shake() {
  for (int round = 0; round < 20; ++round) {
    if (!client_failure_)
      client_steps();
    ERR_clear_error();
    if (!server_failed_)
      if (const int result = SSL_do_handshake(server()); result != 1)
        failed(false, result);
  }
  return SSL_is_init_finished(client()) && SSL_is_init_finished(server()) && !client_failure_
         && !server_failed_;
}

void link::exchange() {
  std::array<char, 16> in{};
  ERR_clear_error();
  SSL_write(server(), "s", 1);
  if (const int result = SSL_read(client(), in.data(), 16); result <= 0)
    failed(true, result);
  ERR_clear_error();
  SSL_write(client(), "c", 1);
  if (const int result = SSL_read(server(), in.data(), 16); result <= 0)
    failed(false, result);
}

bool link::connect() {
  const bool done = shake();
  if (SSL_is_init_finished(client()) && !client_failure_)
    exchange();
  return done && !client_failure_ && !server_failed_;
}

void link::server_writes(std::string_view bytes) {
  must(BIO_write(wire_to_client_, bytes.data(), static_cast<int>(bytes.size()))
       == static_cast<int>(bytes.size()));
}

void link::server_closes() {
  BIO_shutdown_wr(wire_to_client_);
}

ssl_ptr ask_for(SSL_CTX* context, const std::string& name) {
  ssl_ptr session{SSL_new(context)};
  if (!name.empty())
    must(SSL_set_tlsext_host_name(session.get(), name.c_str()) == 1);
  SSL_set_connect_state(session.get());
  return session;
}

ssl_ptr serve_with(SSL_CTX* context) {
  ssl_ptr session{SSL_new(context)};
  SSL_set_accept_state(session.get());
  return session;
}

std::string shown_name(const link& l) {
  const auto* shown = SSL_get0_peer_certificate(l.client());
  return shown != nullptr ? common_name(shown) : std::string{};
}

} // namespace shunt::net::tls_kit
