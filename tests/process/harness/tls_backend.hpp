// TLS in front of a scripted backend: it has a port and a certificate of its own, remembers every
// handshake, and can refuse them in all the ways that real backends do.
#pragma once

#include "tests/process/harness/backend.hpp"
#include "tests/process/harness/tls_bridge.hpp"

#include "tests/net/tls_test_kit.hpp"

#include <list>

namespace shunt::test {

namespace tls_kit = net::tls_kit;

struct tls_backend_options {
  const tls_kit::minted* own = nullptr; ///< Its certificate.
  int min = TLS1_2_VERSION;
  int max = TLS1_3_VERSION;
  std::string suites = "ALL";                ///< Of TLS 1.2.
  std::string alpn = {};                     ///< The one protocol that it agrees on, if that is offered.
  const tls_kit::minted* asks_for = nullptr; ///< Demands a certificate, it says of this CA,
  const tls_kit::minted* trusts = nullptr;   ///< and accepts one of that. None: of the same.
  bool stalls = false;                       ///< Accepts, and never says a word.
  bool resets = false;                       ///< Hears the hello, and resets the connection.
  std::string says_instead = {};             ///< In plain, and closes. For backends without TLS.
};

class tls_backend {
public:
  tls_backend(const backend& behind, const tls_backend_options& options) : tls_backend{behind.port(), options} {}
  tls_backend(std::uint16_t behind, const tls_backend_options& options);
  ~tls_backend();

  tls_backend(const tls_backend&) = delete;
  tls_backend& operator=(const tls_backend&) = delete;

  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  std::size_t connection_count() const; ///< Accepted so far.
  /// Of all connections whose handshake is over, in the order of acceptance.
  std::vector<tls_handshake> handshakes() const;
  /// How the router ended that connection, counted from 0.
  tls_end wait_for_end(std::size_t connection) const;

private:
  void accept_all();
  void welcome(stream_socket accepted);

  std::uint16_t behind_;
  tls_backend_options options_;
  tls_kit::peer_options shown_; ///< Outlives the context.
  net::ssl_ctx_ptr context_;
  mutable std::mutex mutex_;
  std::list<tls_bridge> bridges_;
  std::vector<stream_socket> stalled_;
  std::size_t connection_count_ = 0;
  bool stopping_ = false;
  stream_socket listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
};

} // namespace shunt::test
