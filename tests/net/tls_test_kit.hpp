// For tests of TLS: certificates made to order with OpenSSL, and handshakes between two sessions in
// memory, without sockets, files or clocks.
#pragma once

#include "net/tls_failure.hpp"
#include "net/tls_handles.hpp"

#include "config/sections.hpp"
#include "config/settings.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace shunt::net::tls_kit {

enum class key_kind { rsa, p256 };

struct minted;

struct recipe {
  std::string common_name = {};
  std::vector<std::string> dns = {};
  std::vector<std::string> ips = {};
  bool ca = false;
  const minted* issuer = nullptr; ///< None: signed by itself.
  key_kind kind = key_kind::p256;
  bool key_ids = true; ///< Subject and authority key identifiers.
  long from_s = -3600; ///< Validity, in seconds from now.
  long until_s = 3600;
  std::string usage = {};                                           ///< Extended key usage.
  std::vector<std::pair<std::string, std::string>> attributes = {}; ///< Of the subject, in order.
};

struct minted {
  certificate_ptr certificate;
  private_key_ptr key;

  std::string pem() const;
  std::string key_pem() const;
  std::string der() const;
  config::key_pair pair() const { return {pem(), key_pem()}; }
};

minted mint(const recipe& r);
inline minted mint_ca(std::string name) {
  return mint({.common_name = std::move(name), .ca = true});
}

/// The same certificate once more, for lists that own theirs.
certificate_ptr copy_of(const minted& m);
certificate_list list_of(std::initializer_list<const minted*> certificates);

/// A context that does everything, for the other side of the one under test. It trusts all it is
/// told to, and shows what it is given.
struct peer_options {
  int min = TLS1_VERSION;
  int max = TLS1_3_VERSION;
  std::string ciphers = "ALL";
  std::string signature_algorithms = {};
  const minted* own = nullptr;
  std::string alpn = {};            ///< Wire format; of a server the one protocol it chooses.
  const minted* asks_for = nullptr; ///< A server that wants a certificate of this CA.
  bool requires_certificate = false;
};
ssl_ctx_ptr client_context(const peer_options& o = {});
ssl_ctx_ptr server_context(const peer_options& o);

/// Two sessions and a wire.
class link {
public:
  link(ssl_ptr client, ssl_ptr server);

  /// Runs the handshake; whether both sides are satisfied. Then sends a byte each way, so that
  /// tickets and late refusals arrive, too.
  bool connect();
  /// Puts bytes on the wire to the client without the server's help.
  void server_writes(std::string_view bytes);
  /// Lets the server vanish.
  void server_closes();
  /// One step of the client; what it failed with, if it did.
  void client_steps();

  SSL* client() const { return client_.get(); }
  SSL* server() const { return server_.get(); }
  const std::optional<tls_failure>& client_failure() const { return client_failure_; }
  bool server_failed() const { return server_failed_; }

private:
  bool shake();
  void exchange();
  void failed(bool is_client, int result);

  ssl_ptr client_;
  ssl_ptr server_;
  BIO* wire_to_client_ = nullptr; ///< Owned by the server's session.
  std::optional<tls_failure> client_failure_;
  bool server_failed_ = false;
};

/// A client's session of `context` that asks for `name`, if any.
ssl_ptr ask_for(SSL_CTX* context, const std::string& name = {});
ssl_ptr serve_with(SSL_CTX* context);

/// The common name of the certificate that the client was shown.
std::string shown_name(const link& l);

} // namespace shunt::net::tls_kit
