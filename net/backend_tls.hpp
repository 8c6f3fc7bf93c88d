// TLS towards backends and route services: one immutable object for each version of the configuration.
// A backend is spoken to in TLS 1.2 or 1.3 whatever clients may use, a route service in what clients may
// use, as gorouter has it. Both must have a certificate for the name they are known by. Sessions outlive the object without harm.
#pragma once

#include "net/tls_handles.hpp"

#include "config/settings.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace shunt::net {

struct loopback_certificates;

class backend_tls {
public:
  /// `system_cas` is what the machine trusts; it is used while reading only. Throws
  /// std::runtime_error that names the key at fault.
  static std::shared_ptr<const backend_tls> make(const config::settings& s,
                                                 const certificate_list& system_cas);
  /// The same for route services: by `skip_ssl_validation` any certificate will do.
  static std::shared_ptr<const backend_tls> for_route_services(const config::settings& s,
                                                               const certificate_list& system_cas);
  /// The same for a listener of the process's own, which has a `front_tls::for_loopback`.
  static std::shared_ptr<const backend_tls> for_loopback(const loopback_certificates& own);

  /// A session that begins with our hello, without a transport yet. `name`, a DNS name or an IP
  /// address, is what the backend's certificate must carry, and what is asked for by SNI unless it
  /// is an address: the endpoint's `server_cert_domain_san`, or its host if that is empty. HTTP/2
  /// is offered, before HTTP/1.1, only to endpoints registered for it; without `offer_http2` there
  /// is no ALPN.
  ///
  /// `previous`, if given, is resumed when the backend likes to, and left as it is. It may be any
  /// session whatever: one that was made for another name or under another configuration is not
  /// used, because resuming repeats no check of the certificate.
  ///
  /// Empty if no certificate could carry the name (it is empty, too long or begins with a dot), or
  /// without memory. Any thread may ask; the session belongs to one thread at a time.
  ssl_ptr new_session(std::string_view name, bool offer_http2,
                      const SSL_SESSION* previous = nullptr) const;

private:
  explicit backend_tls(ssl_ctx_ptr context);

  ssl_ctx_ptr context_;
  std::array<unsigned char, 16> generation_{}; ///< Drawn by lot.
};

/// What to keep for the next connections to the same backend, or empty; it depends on `session` no
/// longer. In TLS 1.3 the ticket comes after the handshake, so ask once the first response has been
/// read.
ssl_session_ptr resumable_session(const SSL* session);

} // namespace shunt::net
