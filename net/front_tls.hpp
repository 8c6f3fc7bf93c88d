// TLS towards clients: one immutable object for each version of the configuration. Replacing it
// changes what new connections get; sessions that exist go on with what they began with, whether or
// not the object is still there.
#pragma once

#include "net/tls_handles.hpp"

#include "config/settings.hpp"

#include <memory>

namespace shunt::net {

class front_tls {
public:
  /// For `ssl_port`. `system_cas` is what the machine trusts; it is used while reading only. Throws
  /// std::runtime_error that names the key at fault.
  static std::shared_ptr<const front_tls> for_clients(const config::settings& s,
                                                      const certificate_list& system_cas);

  /// For `status.tls`: its own certificate, no client certificates, the rest as for clients.
  static std::shared_ptr<const front_tls> for_status(const config::settings& s);

  /// For `prometheus`: reads the files that it names. Whoever asks for metrics shows a certificate of
  /// `ca_path`'s. Only if `cert_path` is set.
  static std::shared_ptr<const front_tls> for_prometheus(const config::settings& s);

  /// A session that waits for a client's hello, without a transport yet. Empty without memory. Any
  /// thread may ask; the session belongs to one thread at a time.
  ssl_ptr new_session() const;

private:
  explicit front_tls(ssl_ctx_ptr context) : context_(std::move(context)) {}

  ssl_ctx_ptr context_;
};

/// Whether the handshake failed because the client's certificate breaks a rule of
/// `verify_client_certificate_metadata`, which operators look for as `invalid-subject`.
bool refused_by_subject_rule(const SSL* session);

} // namespace shunt::net
