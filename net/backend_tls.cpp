// How a backend is greeted, and what its certificate must be like.
#include "net/backend_tls.hpp"

#include "net/loopback_certificates.hpp"
#include "net/tls_certificates.hpp"
#include "net/tls_context.hpp"
#include "net/tls_names.hpp"
#include "net/tls_trust.hpp"

#include "config/cat.hpp"

#include <algorithm>
#include <stdexcept>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

namespace shunt::net {

namespace {

// -- Verification

bool has_expected_name(X509_VERIFY_PARAM* expected, X509* leaf) {
  if (const char* host = X509_VERIFY_PARAM_get0_host(expected, 0); host != nullptr)
    return X509_check_host(leaf, host, 0, X509_VERIFY_PARAM_get_hostflags(expected), nullptr) == 1;
  char* address = X509_VERIFY_PARAM_get1_ip_asc(expected);
  const bool fits = address != nullptr && X509_check_ip_asc(leaf, address, 0) == 1;
  OPENSSL_free(address);
  return fits;
}

/// The reason gorouter would give, which looks at the backend's own certificate first, at its time
/// and then at its name. OpenSSL stops at an unknown CA; the status of the response depends on it.
int first_reason(X509_STORE_CTX* verification, int openssl_reason) {
  auto* leaf = X509_STORE_CTX_get0_cert(verification);
  if (leaf == nullptr)
    return openssl_reason;
  if (X509_cmp_time(X509_get0_notAfter(leaf), nullptr) < 0)
    return X509_V_ERR_CERT_HAS_EXPIRED;
  if (X509_cmp_time(X509_get0_notBefore(leaf), nullptr) > 0)
    return X509_V_ERR_CERT_NOT_YET_VALID;
  if (!has_expected_name(X509_STORE_CTX_get0_param(verification), leaf))
    return X509_V_ERR_HOSTNAME_MISMATCH;
  return openssl_reason;
}

int verify_backend(X509_STORE_CTX* verification, void*) {
  if (X509_verify_cert(verification) == 1)
    return 1;
  const int reason = first_reason(verification, X509_STORE_CTX_get_error(verification));
  X509_STORE_CTX_set_error(verification, reason);
  return 0;
}

// -- Our certificate

bool issued_by_any(const X509* certificate, const STACK_OF(X509_NAME) * cas) {
  for (int i = 0; i < sk_X509_NAME_num(cas); ++i)
    if (X509_NAME_cmp(X509_get_issuer_name(certificate), sk_X509_NAME_value(cas, i)) == 0)
      return true;
  return false;
}

/// A backend that would like a certificate of certain CAs gets none of another, as from gorouter:
/// it might break off because of it, though it would have done without one.
int present_certificate(SSL* session, void*) {
  const auto* cas = SSL_get0_peer_CA_list(session);
  auto* leaf = SSL_get_certificate(session);
  if (sk_X509_NAME_num(cas) <= 0 || leaf == nullptr || issued_by_any(leaf, cas))
    return 1;
  STACK_OF(X509)* chain = nullptr; // Borrowed.
  SSL_get0_chain_certs(session, &chain);
  for (int i = 0; i < sk_X509_num(chain); ++i)
    if (issued_by_any(sk_X509_value(chain, i), cas))
      return 1;
  SSL_certs_clear(session);
  return 1;
}

/// `section` of the file has the key pair.
void set_client_certificate(SSL_CTX* context, const std::string& cert_chain,
                            const std::string& private_key, std::string_view section) {
  if (cert_chain.empty() || private_key.empty())
    return;
  use_certified_key(context, read_certified_key({cert_chain, private_key}, section), section);
  SSL_CTX_set_cert_cb(context, present_certificate, nullptr);
}

void trust(SSL_CTX* context, std::initializer_list<const certificate_list*> cas) {
  SSL_CTX_set1_cert_store(context, make_trust_store(cas).get());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_backend, nullptr);
}

void set_trust(SSL_CTX* context, const std::vector<std::string>& ca_certs,
               const certificate_list& system_cas) {
  certificate_list cas;
  for (const auto& pem : ca_certs) {
    auto found = read_certificates(pem).list;
    std::move(found.begin(), found.end(), std::back_inserter(cas));
  }
  trust(context, {&cas, &system_cas});
}

// -- The name

/// As registered, without what no certificate has: brackets of IPv6, the dot of the root.
std::string plain_name(std::string_view name) {
  if (name.size() > 2 && name.front() == '[' && name.back() == ']')
    name = name.substr(1, name.size() - 2);
  else if (name.ends_with('.'))
    name.remove_suffix(1);
  return std::string{name};
}

bool is_address(const std::string& name) {
  in6_addr ignored;
  return inet_pton(AF_INET, name.c_str(), &ignored) == 1
         || inet_pton(AF_INET6, name.c_str(), &ignored) == 1;
}

bool expect_name(SSL* session, const std::string& name) {
  if (name.find('\0') != std::string::npos)
    return false;
  if (is_address(name))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name.c_str()) == 1;
  // OpenSSL would check nothing for an empty name, and any name below it for ".name".
  if (name.empty() || name.front() == '.')
    return false;
  SSL_set_hostflags(session,
                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(session, name.c_str()) == 1
         && SSL_set_tlsext_host_name(session, name.c_str()) == 1;
}

bool offer_protocols(SSL* session) {
  constexpr std::string_view protocols = "\x02h2\x08http/1.1";
  return SSL_set_alpn_protos(session, reinterpret_cast<const unsigned char*>(protocols.data()),
                             static_cast<unsigned>(protocols.size()))
         == 0; // Unlike everything else in OpenSSL, 0 is success.
}

// -- Resumption

using session_mark = std::array<unsigned char, SHA256_DIGEST_LENGTH>;
static_assert(SHA256_DIGEST_LENGTH <= SSL_MAX_SID_CTX_LENGTH);

/// What a session was verified for. OpenSSL stores it with the session.
session_mark mark_of(const std::array<unsigned char, 16>& generation, const std::string& name) {
  std::string text{generation.begin(), generation.end()};
  text += name;
  session_mark mark{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), mark.data());
  return mark;
}

/// OpenSSL spoils what a connection had that ends without a goodbye, and most of ours do.
ssl_session_ptr copy_of(const SSL_SESSION* session) {
  return ssl_session_ptr{SSL_SESSION_dup(session)};
}

bool has_mark(const SSL_SESSION* session, const session_mark& mark) {
  unsigned bytes = 0;
  const auto* found = SSL_SESSION_get0_id_context(session, &bytes);
  return std::equal(found, found + bytes, mark.begin(), mark.end());
}

bool set_resumption(SSL* session, const SSL_SESSION* previous, const session_mark& mark) {
  if (SSL_set_session_id_context(session, mark.data(), static_cast<unsigned>(mark.size())) != 1)
    return false;
  if (previous == nullptr || !has_mark(previous, mark))
    return true;
  const auto copy = copy_of(previous);
  return copy && SSL_set_session(session, copy.get()) == 1;
}

} // namespace

backend_tls::backend_tls(ssl_ctx_ptr context) : context_(std::move(context)) {
  if (RAND_bytes(generation_.data(), static_cast<int>(generation_.size())) != 1)
    throw std::runtime_error{config::cat("TLS: ", take_openssl_error())};
}

std::shared_ptr<const backend_tls> backend_tls::make(const config::settings& s,
                                                     const certificate_list& system_cas) {
  tls_protocol protocol; // TLS 1.2 to 1.3.
  if (s.enable_ssl)
    protocol.cipher_suites = s.cipher_suites;
  auto context = make_tls_context(TLS_client_method(), protocol);
  set_trust(context.get(), s.ca_certs, system_cas);
  set_client_certificate(context.get(), s.backends.cert_chain, s.backends.private_key, "backends");
  return std::shared_ptr<const backend_tls>{new backend_tls{std::move(context)}};
}

std::shared_ptr<const backend_tls>
backend_tls::for_route_services(const config::settings& s, const certificate_list& system_cas) {
  tls_protocol protocol{.min = s.min_tls_version, .max = s.max_tls_version, .cipher_suites = {}};
  if (s.enable_ssl)
    protocol.cipher_suites = s.cipher_suites;
  auto context = make_tls_context(TLS_client_method(), protocol);
  set_trust(context.get(), s.ca_certs, system_cas);
  if (s.skip_ssl_validation)
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  set_client_certificate(context.get(), s.route_services.cert_chain, s.route_services.private_key,
                         "route_services");
  return std::shared_ptr<const backend_tls>{new backend_tls{std::move(context)}};
}

std::shared_ptr<const backend_tls> backend_tls::for_loopback(const loopback_certificates& own) {
  using config::tls_version;
  auto context = make_tls_context(TLS_client_method(), {tls_version::tls_1_3, tls_version::tls_1_3, {}});
  trust(context.get(), {&own.cas});
  use_certified_key(context.get(), own.client, "loopback");
  return std::shared_ptr<const backend_tls>{new backend_tls{std::move(context)}};
}

ssl_ptr backend_tls::new_session(std::string_view name, bool offer_http2,
                                 const SSL_SESSION* previous) const {
  const auto expected = plain_name(name);
  ssl_ptr session{SSL_new(context_.get())};
  if (session && expect_name(session.get(), expected)
      && (!offer_http2 || offer_protocols(session.get()))
      && set_resumption(session.get(), previous, mark_of(generation_, expected))) {
    SSL_set_connect_state(session.get());
    return session;
  }
  ERR_clear_error();
  return nullptr;
}

ssl_session_ptr resumable_session(const SSL* session) {
  const auto* current = SSL_get0_session(session);
  if (current == nullptr || SSL_SESSION_is_resumable(current) != 1)
    return nullptr;
  return copy_of(current);
}

} // namespace shunt::net
