// Asking OpenSSL about the peer.
#include "net/tls_peer.hpp"

namespace shunt::net {

std::string peer_certificate_der(const SSL* session) {
  auto* certificate = SSL_get0_peer_certificate(session);
  const int bytes = certificate != nullptr ? i2d_X509(certificate, nullptr) : 0;
  if (bytes <= 0)
    return {};
  std::string der(static_cast<std::size_t>(bytes), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &out);
  return der;
}

bool is_mutual_tls(const SSL* session) {
  return SSL_get0_peer_certificate(session) != nullptr
         && SSL_get_verify_result(session) == X509_V_OK;
}

bool speaks_http2(const SSL* session) {
  const unsigned char* protocol = nullptr;
  unsigned bytes = 0;
  SSL_get0_alpn_selected(session, &protocol, &bytes);
  return std::string_view{reinterpret_cast<const char*>(protocol), bytes} == "h2";
}

std::string_view requested_name(const SSL* session) {
  const char* name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? std::string_view{name} : std::string_view{};
}

} // namespace shunt::net
