#include "cluster/peer_tls.hpp"

#include "net/tls_certificates.hpp"
#include "net/tls_context.hpp"
#include "net/tls_names.hpp"
#include "net/tls_trust.hpp"

#include <algorithm>
#include <stdexcept>

namespace shunt::cluster {

namespace {

net::ssl_ctx_ptr make_context(const SSL_METHOD* method, const net::certificate_list& cas,
                              const net::certified_key& own) {
  using config::tls_version;
  auto context = net::make_tls_context(method, {tls_version::tls_1_3, tls_version::tls_1_3, {}});
  SSL_CTX_set1_cert_store(context.get(), net::make_trust_store({&cas}).get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_num_tickets(context.get(), 0);
  net::use_certified_key(context.get(), own, "cluster.tls");
  return context;
}

bool is_same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

} // namespace

std::shared_ptr<const peer_tls> peer_tls::make(const peer_tls_texts& texts) {
  const auto cas = net::read_certificates(texts.ca_certs).list;
  if (cas.empty())
    throw std::runtime_error{"cluster.tls.ca_certs: holds no certificate that can be read"};
  const auto own = net::read_certified_key({texts.cert_chain, texts.private_key}, "cluster.tls");
  std::shared_ptr<peer_tls> made{new peer_tls};
  made->accepting_ = make_context(TLS_server_method(), cas, own);
  made->connecting_ = make_context(TLS_client_method(), cas, own);
  return made;
}

net::ssl_ptr peer_tls::accepting_session() const {
  net::ssl_ptr session{SSL_new(accepting_.get())};
  if (session)
    SSL_set_accept_state(session.get());
  return session;
}

net::ssl_ptr peer_tls::connecting_session() const {
  net::ssl_ptr session{SSL_new(connecting_.get())};
  if (session)
    SSL_set_connect_state(session.get());
  return session;
}

bool is_named(const SSL* session, std::string_view node) {
  const auto* leaf = SSL_get0_peer_certificate(session);
  if (leaf == nullptr || node.empty())
    return false;
  return is_same(net::common_name(leaf), node)
         || std::ranges::any_of(net::dns_names(leaf),
                                [&](const std::string& name) { return is_same(name, node); });
}

} // namespace shunt::cluster
