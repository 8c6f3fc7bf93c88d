// TLS towards clients: one immutable object for each version of the configuration. Replacing it
// changes what new connections get; sessions that exist go on with what they began with, whether or
// not the object is still there.
#pragma once

#include "net/tls_handles.hpp"

#include "config/settings.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace shunt::net {

struct loopback_certificates;

class front_tls {
public:
  /// For `ssl_port`, on so many loops, which share no more than the keys of their tickets. `system_cas` is
  /// what the machine trusts; it is used while reading only. Throws std::runtime_error that names the key
  /// at fault.
  static std::shared_ptr<const front_tls> for_clients(const config::settings& s,
                                                      const certificate_list& system_cas,
                                                      std::size_t loops = 1);

  /// For `status.tls`: its own certificate, no client certificates, the rest as for clients.
  static std::shared_ptr<const front_tls> for_status(const config::settings& s);

  /// For `prometheus`: reads the files that it names. Whoever asks for metrics shows a certificate of
  /// `ca_path`'s. Only if `cert_path` is set.
  static std::shared_ptr<const front_tls> for_prometheus(const config::settings& s);

  /// For a listener that the process itself connects to, by `backend_tls::for_loopback`, and nobody else
  /// can: TLS 1.3, HTTP/2 or HTTP/1.1. Throws std::runtime_error.
  static std::shared_ptr<const front_tls> for_loopback(const loopback_certificates& own);

  /// A session that waits for a client's hello, without a transport yet. Empty without memory. Any
  /// thread may ask, for the loop of that index; the session belongs to one thread at a time.
  ssl_ptr new_session(std::size_t loop = 0) const;

private:
  explicit front_tls(ssl_ctx_ptr context) { contexts_.push_back(std::move(context)); }
  front_tls() = default;

  std::vector<ssl_ctx_ptr> contexts_; ///< By loop.
};

/// Whether the handshake failed because the client's certificate breaks a rule of
/// `verify_client_certificate_metadata`, which operators look for as `invalid-subject`.
bool refused_by_subject_rule(const SSL* session);

} // namespace shunt::net
