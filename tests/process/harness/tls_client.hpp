// The usual exact client, over TLS. It checks no certificate, so that a test may look at any.
#pragma once

#include "tests/process/harness/client.hpp"
#include "tests/process/harness/tls_bridge.hpp"

#include "tests/net/tls_test_kit.hpp"

namespace shunt::test {

namespace tls_kit = net::tls_kit;

struct tls_client_options {
  std::string name = {}; ///< For SNI; none if empty.
  int min = TLS1_VERSION;
  int max = TLS1_3_VERSION;
  std::string suites = "ALL:@SECLEVEL=0"; ///< Of TLS 1.2 and older.
  std::string alpn = {};                  ///< Wire format.
  const tls_kit::minted* own = nullptr;
  const SSL_SESSION* resume = nullptr;
  std::string preface = {}; ///< Sent before the handshake, in plain.
};

class tls_client {
public:
  explicit tls_client(std::uint16_t port, const tls_client_options& options = {});

  /// The plain side: what is sent here is encrypted, what is read here was.
  client* operator->() { return &plain_; }
  tls_handshake handshake() const { return bridge_.handshake(); }
  const tls_bridge& bridge() const { return bridge_; }
  std::uint16_t local_port() const { return local_port_; }

private:
  tls_client(std::uint16_t port, const tls_client_options& options,
             std::pair<stream_socket, stream_socket> ends);

  client plain_;
  net::ssl_ctx_ptr context_;
  std::uint16_t local_port_ = 0;
  tls_bridge bridge_;
};

} // namespace shunt::test
