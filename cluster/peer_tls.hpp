// TLS between nodes, both ways: each shows a certificate of the cluster's CA that names it. TLS 1.3, nothing
// is resumed. One immutable object for each version of the files; connections go on with what they began
// with.
#pragma once

#include "net/tls_handles.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace shunt::cluster {

/// PEM.
struct peer_tls_texts {
  std::string ca_certs;
  std::string cert_chain; ///< This node's certificate, and the chain to send with it.
  std::string private_key;
};

class peer_tls {
public:
  /// Throws std::runtime_error that names the setting at fault, below `cluster.tls`.
  static std::shared_ptr<const peer_tls> make(const peer_tls_texts& texts);

  /// Sessions without a transport; empty without memory. Any thread may ask.
  net::ssl_ptr accepting_session() const;
  net::ssl_ptr connecting_session() const;

private:
  peer_tls() = default;

  net::ssl_ctx_ptr accepting_;
  net::ssl_ctx_ptr connecting_;
};

/// Whether the certificate that the other side showed has that name: a DNS name among its alternative
/// names, or its common name. Case does not matter, and `*` stands for nothing.
bool is_named(const SSL* session, std::string_view node);

} // namespace shunt::cluster
