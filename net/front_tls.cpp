// How a client is answered: with which certificate, in which protocol, and whether its own
// certificate will do.
#include "net/front_tls.hpp"

#include "net/loopback_certificates.hpp"
#include "net/tls_certificates.hpp"
#include "net/tls_ciphers.hpp"
#include "net/tls_context.hpp"
#include "net/tls_library.hpp"
#include "net/tls_names.hpp"
#include "net/tls_subject.hpp"
#include "net/tls_trust.hpp"

#include "config/cat.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <openssl/err.h>
#include <openssl/objects.h>

namespace shunt::net {

namespace {

/// How long a session may be resumed. Tickets are sealed with a key that lives as long as the
/// context, so they should not be good for long.
constexpr long resumable_seconds = 2 * 60 * 60;

struct ca_names_release {
  void operator()(STACK_OF(X509_NAME) * names) const noexcept { sk_X509_NAME_pop_free(names, X509_NAME_free); }
};
using ca_names = std::unique_ptr<STACK_OF(X509_NAME), ca_names_release>;

/// Whom a domain of `domains` wants to see.
struct domain_trust {
  trust_store_ptr store;
  ca_names announced;
};

/// What the callbacks of a context need. Owned by the context, which every session keeps alive.
struct front_state {
  std::vector<certified_key> keys;
  sni_index names;
  subject_rules rules;
  sni_index domain_names;
  std::vector<domain_trust> domains;
};

void free_state(void*, void* state, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<front_state*>(state);
}

int state_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_state);
  return index;
}

// -- The certificate for a client

/// Whether a suite that both sides have signs with this kind of key. Up to TLS 1.2 the suite
/// decides that, besides the signature algorithms.
bool has_suite_for(SSL* session, const EVP_PKEY* key) {
  const int kind = EVP_PKEY_get_base_id(key);
  const bool is_rsa = kind == EVP_PKEY_RSA || kind == EVP_PKEY_RSA_PSS;
  const int wanted = is_rsa ? NID_auth_rsa : NID_auth_ecdsa;
  const auto* theirs = SSL_get_client_ciphers(session);
  auto* ours = SSL_get_ciphers(session);
  for (int i = 0; i < sk_SSL_CIPHER_num(theirs); ++i)
    if (const auto* cipher = sk_SSL_CIPHER_value(theirs, i);
        SSL_CIPHER_get_auth_nid(cipher) == wanted && sk_SSL_CIPHER_find(ours, cipher) >= 0)
      return true;
  return false;
}

bool client_can_use(SSL* session, const certified_key& own) {
  const int flags = SSL_check_chain(session, own.leaf.get(), own.key.get(), own.above.get());
  if ((flags & CERT_PKEY_EE_PARAM) == 0) // The curve of the key.
    return false;
  if (SSL_version(session) >= TLS1_3_VERSION) // There the key and not its certificate is meant.
    return (flags & CERT_PKEY_EE_SIGNATURE) != 0;
  return (flags & CERT_PKEY_SIGN) != 0 && has_suite_for(session, own.key.get());
}

std::size_t choose_key(SSL* session, const front_state& state) {
  if (const char* name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name))
    if (const auto found = state.names.find(name))
      return *found;
  for (std::size_t i = 0; i < state.keys.size(); ++i)
    if (client_can_use(session, state.keys[i]))
      return i;
  return 0;
}

int use_key(SSL* session, const certified_key& own) {
  // One of another kind would stay beside the new one, and OpenSSL might prefer it.
  SSL_certs_clear(session);
  return SSL_use_cert_and_key(session, own.leaf.get(), own.key.get(), own.above.get(), 1);
}

int give_certificate(SSL* session, void* argument) {
  const auto& state = *static_cast<const front_state*>(argument);
  const auto chosen = choose_key(session, state);
  return chosen == 0 /* Sessions begin with it. */ ? 1 : use_key(session, state.keys[chosen]);
}

/// Sessions begin with the first certificate. The others are tried on one, so that what OpenSSL
/// refuses stops the start.
void set_certificate(SSL_CTX* context, const certified_key& own, bool first,
                     std::string_view path) {
  if (first)
    return use_certified_key(context, own, path);
  const ssl_ptr trial{SSL_new(context)};
  if (!trial || use_key(trial.get(), own) != 1)
    throw std::runtime_error{config::cat(path, ".cert_chain: ", take_openssl_error())};
}

void set_certificates(SSL_CTX* context, front_state& state,
                      const std::vector<config::key_pair>& pairs, std::string_view path,
                      OSSL_LIB_CTX* library) {
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto place = path == "tls_pem" ? config::element(path, i) : std::string{path};
    state.keys.push_back(read_certified_key(pairs[i], place, library));
    state.names.add(state.keys.back().leaf.get(), i);
    set_certificate(context, state.keys.back(), i == 0, place);
  }
  if (state.keys.empty())
    throw std::runtime_error{config::cat(path, ": holds no certificate")};
}

// -- The protocol

constexpr std::string_view http2 = "h2";
constexpr std::string_view http1 = "http/1.1";

/// The client's own copy of `protocol` in its ALPN list, or nothing. OpenSSL has checked the list.
std::string_view offered(std::string_view list, std::string_view protocol) {
  while (!list.empty()) {
    const auto bytes = static_cast<unsigned char>(list.front());
    const auto name = list.substr(1, bytes);
    if (name == protocol)
      return name;
    list.remove_prefix(std::min<std::size_t>(list.size(), bytes + 1u));
  }
  return {};
}

/// A client that offers HTTP/2 and ends up with a suite HTTP/2 forbids would have to be sent away
/// later. HTTP/1.1 serves it.
bool http2_allowed(const SSL* session) {
  const auto* pending = SSL_get_pending_cipher(session);
  return fit_for_http2(pending != nullptr ? pending : SSL_get_current_cipher(session))
         && SSL_version(session) >= TLS1_2_VERSION;
}

int choose_protocol(SSL* session, const unsigned char** out, unsigned char* out_bytes,
                    const unsigned char* in, unsigned in_bytes, void*) {
  const std::string_view list{reinterpret_cast<const char*>(in), in_bytes};
  auto chosen = http2_allowed(session) ? offered(list, http2) : std::string_view{};
  if (chosen.empty())
    chosen = offered(list, http1);
  if (chosen.empty())
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = reinterpret_cast<const unsigned char*>(chosen.data());
  *out_bytes = static_cast<unsigned char>(chosen.size());
  return SSL_TLSEXT_ERR_OK;
}

// -- The client's certificate

/// What no other check of ours ends with.
constexpr int refused_by_rule = X509_V_ERR_CERT_REJECTED;

/// A client may stand under the CA of a rule in another chain than the one that was found first.
bool keeps_rules(X509_STORE_CTX* verification, const subject_rules& rules) {
  if (rules.empty())
    return true;
  const auto all = certificates_of_all_chains(verification);
  return all && rules.allow(all.get());
}

int verify_client(X509_STORE_CTX* verification, void* argument) {
  const auto& state = *static_cast<const front_state*>(argument);
  if (X509_verify_cert(verification) != 1)
    return 0;
  if (keeps_rules(verification, state.rules))
    return 1;
  X509_STORE_CTX_set_error(verification, refused_by_rule);
  return 0;
}

/// The message with the names of CAs must stay below 32 KiB, which is all that Java takes. Longer
/// than 64 KiB there is none, and every handshake would fail.
constexpr std::size_t announced_bytes_max = 30'000;

bool holds(const STACK_OF(X509_NAME) * names, const X509_NAME* name) {
  for (int i = 0; i < sk_X509_NAME_num(names); ++i)
    if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
      return true;
  return false;
}

/// Clients with several certificates choose by the names of the CAs. gorouter, too, sends those of
/// all it trusts. With too many it is none, which stands for any: some would keep clients away.
ca_names names_to_announce(std::initializer_list<const certificate_list*> trusted) {
  ca_names names{sk_X509_NAME_new_null()};
  std::size_t bytes = 0;
  for (const auto* list : trusted)
    for (const auto& ca : *list) {
      const auto* name = X509_get_subject_name(ca.get());
      if (holds(names.get(), name))
        continue;
      bytes += static_cast<std::size_t>(std::max(i2d_X509_NAME(name, nullptr), 0)) + 2;
      if (bytes > announced_bytes_max)
        return ca_names{sk_X509_NAME_new_null()};
      if (auto* copy = X509_NAME_dup(name); copy != nullptr)
        sk_X509_NAME_push(names.get(), copy);
    }
  return names;
}

void trust_clients_of(SSL_CTX* context, std::initializer_list<const certificate_list*> trusted) {
  SSL_CTX_set1_cert_store(context, make_trust_store(trusted).get());
  SSL_CTX_set_client_CA_list(context, names_to_announce(trusted).release());
}

void set_client_verification(SSL_CTX* context, front_state& state, const config::settings& s,
                             const certificate_list& system_cas) {
  using config::client_cert_validation;
  const auto cas = read_certificates(s.client_ca_certs).list;
  if (s.enable_verify_client_certificate_metadata)
    state.rules = subject_rules{s.verify_client_certificate_metadata, cas};
  if (s.client_cert_validation != client_cert_validation::request
      && s.client_cert_validation != client_cert_validation::require)
    return;
  if (s.only_trust_client_ca_certs)
    trust_clients_of(context, {&cas});
  else
    trust_clients_of(context, {&cas, &system_cas});
  const bool required = s.client_cert_validation == client_cert_validation::require;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_client, &state);
}

// -- Domains with client certificates of their own

/// The name in the extension of a hello (RFC 6066, section 3), or nothing. OpenSSL has not looked at it
/// yet when it must be known.
std::string_view name_in(const unsigned char* extension, std::size_t bytes) {
  constexpr std::size_t frame = 5; // Length of the list, type of the name, its length.
  if (bytes < frame || extension[2] != TLSEXT_NAMETYPE_host_name)
    return {};
  const std::size_t length = extension[3] * 256u + extension[4];
  if (length > bytes - frame)
    return {};
  return {reinterpret_cast<const char*>(extension) + frame, length};
}

/// Before anything else, resumption included: a session of another domain, or of none, was verified by
/// other CAs.
int meet_domain(SSL* session, int*, void* argument) {
  const auto& state = *static_cast<const front_state*>(argument);
  const unsigned char* extension = nullptr;
  std::size_t bytes = 0;
  if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_server_name, &extension, &bytes) != 1)
    return SSL_CLIENT_HELLO_SUCCESS;
  const auto found = state.domain_names.find(name_in(extension, bytes));
  if (!found)
    return SSL_CLIENT_HELLO_SUCCESS;
  const auto& domain = state.domains[*found];
  const auto id = config::cat("domain ", std::to_string(*found));
  SSL_set_client_CA_list(session, SSL_dup_CA_list(domain.announced.get())); // Which takes it over.
  SSL_set_verify(session, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  const bool set = SSL_set1_verify_cert_store(session, domain.store.get()) == 1
                   && SSL_set_session_id_context(session,
                                                 reinterpret_cast<const unsigned char*>(id.data()),
                                                 static_cast<unsigned>(id.size()))
                        == 1;
  return set ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

void set_domains(SSL_CTX* context, front_state& state,
                 const std::vector<config::mtls_domain>& domains) {
  if (domains.empty())
    return;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    const auto cas = read_certificates(domains[i].ca_certs).list;
    auto store = make_trust_store({&cas});
    state.domain_names.add(domains[i].name, i);
    state.domains.push_back({std::move(store), names_to_announce({&cas})});
  }
  SSL_CTX_set_client_hello_cb(context, meet_domain, &state);
  SSL_CTX_set_cert_verify_callback(context, verify_client, &state);
}

// -- Putting it together

void set_server_habits(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE
                                 // Phones without AES in hardware put ChaCha first.
                                 | SSL_OP_PRIORITIZE_CHACHA);
  constexpr std::string_view id = "shunt"; // Without one, no session with a client certificate
                                           // could be resumed. Tickets of other contexts cannot be
                                           // opened anyway.
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  SSL_CTX_set_num_tickets(context, 1); // As gorouter.
  SSL_CTX_set_timeout(context, resumable_seconds);
}

/// The text of the file that the key `path` names.
std::string read_file(const std::string& name, std::string_view path) {
  std::ifstream file{name, std::ios::binary};
  std::ostringstream text;
  if (name.empty() || !(text << file.rdbuf()))
    throw std::runtime_error{config::cat(path, ": cannot read '", name, "'")};
  return std::move(text).str();
}

/// The certificate and the key of the metrics' port. Whatever is wrong with them, it says whose.
certified_key read_prometheus_key(const config::prometheus_settings& files) {
  const config::key_pair pair{read_file(files.cert_path, "prometheus.cert_path"),
                              read_file(files.key_path, "prometheus.key_path")};
  try {
    return read_certified_key(pair, {});
  } catch (const std::runtime_error& unusable) { // For example ".private_key: holds no..."
    const std::string_view text = unusable.what();
    const auto key = text.starts_with(".private_key") ? "prometheus.key_path" : "prometheus.cert_path";
    throw std::runtime_error{config::cat(key, text.substr(std::min(text.find(':'), text.size())))};
  }
}

/// As gorouter has it, whatever clients of the routes may use.
const std::array<std::string, 2> prometheus_suites = {"ECDHE-RSA-AES128-GCM-SHA256",
                                                      "ECDHE-RSA-AES256-GCM-SHA384"};

int take_name(SSL*, int*, void*) {
  return SSL_TLSEXT_ERR_OK;
}

/// As Go has them by default, less those without forward secrecy or authenticated encryption.
const std::array<std::string, 6> status_suites = {
  "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",   "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",   "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"};

struct front_context {
  ssl_ctx_ptr context;
  front_state* state; ///< The context's.
};

front_context make_context(const config::settings& s, const std::vector<config::key_pair>& pairs,
                           std::string_view path, OSSL_LIB_CTX* library = nullptr) {
  auto context = make_tls_context(
    TLS_server_method(), {s.min_tls_version, s.max_tls_version, s.cipher_suites}, library);
  auto owned = std::make_unique<front_state>();
  if (SSL_CTX_set_ex_data(context.get(), state_index(), owned.get()) != 1)
    throw std::runtime_error{config::cat("TLS: ", take_openssl_error())};
  auto* state = owned.release();
  set_certificates(context.get(), *state, pairs, path, library);
  set_server_habits(context.get());
  if (pairs.size() > 1)
    SSL_CTX_set_cert_cb(context.get(), give_certificate, state);
  // With it OpenSSL keeps the name in the session: it is all that says whom a resumed TLS 1.2 client called.
  SSL_CTX_set_tlsext_servername_callback(context.get(), take_name);
  if (s.enable_http2) // Else no ALPN at all: OpenSSL answers only with this callback.
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return {std::move(context), state};
}

/// A ticket may come back to any loop.
void share_ticket_keys(SSL_CTX* from, SSL_CTX* to) {
  std::array<unsigned char, 256> keys;
  const auto bytes = SSL_CTX_get_tlsext_ticket_keys(from, nullptr, 0);
  if (bytes <= 0 || static_cast<std::size_t>(bytes) > keys.size()
      || SSL_CTX_get_tlsext_ticket_keys(from, keys.data(), bytes) != 1
      || SSL_CTX_set_tlsext_ticket_keys(to, keys.data(), bytes) != 1)
    throw std::runtime_error{config::cat("TLS: ", take_openssl_error())};
  OPENSSL_cleanse(keys.data(), keys.size());
}

} // namespace

std::shared_ptr<const front_tls> front_tls::for_clients(const config::settings& s,
                                                        const certificate_list& system_cas,
                                                        std::size_t loops) {
  const std::shared_ptr<front_tls> made{new front_tls};
  for (std::size_t loop = 0; loop < loops; ++loop) {
    auto [context, state] = make_context(s, s.tls_pem, "tls_pem", tls_library(loop));
    set_client_verification(context.get(), *state, s, system_cas);
    set_domains(context.get(), *state, s.domains);
    if (loop > 0)
      share_ticket_keys(made->contexts_.front().get(), context.get());
    made->contexts_.push_back(std::move(context));
  }
  return made;
}

std::shared_ptr<const front_tls> front_tls::for_status(const config::settings& s) {
  auto only_http1 = s; // All that the status ports speak.
  only_http1.enable_http2 = false;
  if (only_http1.cipher_suites.empty()) // Needed for the traffic port alone.
    only_http1.cipher_suites.assign(status_suites.begin(), status_suites.end());
  auto made = make_context(only_http1, {{s.status.tls.certificate, s.status.tls.key}}, "status.tls");
  return std::shared_ptr<const front_tls>{new front_tls{std::move(made.context)}};
}

std::shared_ptr<const front_tls> front_tls::for_prometheus(const config::settings& s) {
  const auto& files = s.prometheus;
  auto context = make_tls_context(
    TLS_server_method(),
    {config::tls_version::tls_1_2, config::tls_version::tls_1_3, prometheus_suites});
  const auto cas = read_certificates(read_file(files.ca_path, "prometheus.ca_path")).list;
  if (cas.empty())
    throw std::runtime_error{"prometheus.ca_path: holds no certificate that can be read"};
  use_certified_key(context.get(), read_prometheus_key(files), "prometheus");
  set_server_habits(context.get());
  trust_clients_of(context.get(), {&cas});
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return std::shared_ptr<const front_tls>{new front_tls{std::move(context)}};
}

std::shared_ptr<const front_tls> front_tls::for_loopback(const loopback_certificates& own) {
  using config::tls_version;
  auto context = make_tls_context(TLS_server_method(), {tls_version::tls_1_3, tls_version::tls_1_3, {}});
  use_certified_key(context.get(), own.server, "loopback");
  set_server_habits(context.get());
  trust_clients_of(context.get(), {&own.cas});
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return std::shared_ptr<const front_tls>{new front_tls{std::move(context)}};
}

ssl_ptr front_tls::new_session(std::size_t loop) const {
  ssl_ptr session{SSL_new(contexts_[loop % contexts_.size()].get())};
  if (session)
    SSL_set_accept_state(session.get());
  return session;
}

bool refused_by_subject_rule(const SSL* session) {
  return SSL_get_verify_result(session) == refused_by_rule;
}

} // namespace shunt::net
