#include "tests/process/harness/tls_backend.hpp"

#include "tests/process/harness/ports.hpp"

#include <sys/socket.h>

namespace shunt::test {
namespace {

net::ssl_ctx_ptr context_of(const tls_backend_options& o, const tls_kit::peer_options& shown) {
  auto context = tls_kit::server_context(shown);
  SSL_CTX_set_session_id_context(context.get(), reinterpret_cast<const unsigned char*>("b"), 1);
  if (o.asks_for != nullptr) {
    const auto& trusted = o.trusts != nullptr ? *o.trusts : *o.asks_for;
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), trusted.certificate.get());
    SSL_CTX_set_cert_verify_callback(context.get(), nullptr, nullptr); // The ordinary one.
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

} // namespace

tls_backend::tls_backend(std::uint16_t behind, const tls_backend_options& options)
  : behind_{behind},
    options_{options},
    shown_{.min = options.min,
           .max = options.max,
           .ciphers = options.suites,
           .own = options.own,
           .alpn = options.alpn,
           .asks_for = options.asks_for},
    context_{context_of(options_, shown_)},
    listener_{bound_socket()},
    port_{listener_.local_port()} {
  if (listen(listener_.descriptor(), 512) != 0)
    throw std::runtime_error("listen");
  acceptor_ = std::thread{[this] { accept_all(); }};
}

tls_backend::~tls_backend() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  listener_.shut_down();
  acceptor_.join();
}

void tls_backend::accept_all() {
  for (;;) {
    stream_socket accepted{accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC)};
    const std::lock_guard lock{mutex_};
    if (!accepted.open() || stopping_)
      return;
    ++connection_count_;
    welcome(std::move(accepted));
  }
}

void tls_backend::welcome(stream_socket accepted) {
  if (options_.stalls) {
    stalled_.push_back(std::move(accepted));
  } else if (options_.resets || !options_.says_instead.empty()) {
    try {
      accepted.receive(); // The hello. Closing with unread bytes would reset the connection.
      if (options_.resets)
        return accepted.reset();
      accepted.send(options_.says_instead);
    } catch (const socket_error&) {
      // The router went away; what that means is for the test to say.
    }
  } else {
    bridges_.emplace_back(tls_kit::serve_with(context_.get()), std::move(accepted),
                          [this] { return stream_socket::connected_to(behind_); });
  }
}

std::size_t tls_backend::connection_count() const {
  const std::lock_guard lock{mutex_};
  return connection_count_;
}

std::vector<tls_handshake> tls_backend::handshakes() const {
  const std::lock_guard lock{mutex_};
  std::vector<tls_handshake> all;
  for (const auto& each : bridges_)
    if (each.shaken())
      all.push_back(each.handshake());
  return all;
}

tls_end tls_backend::wait_for_end(std::size_t connection) const {
  const tls_bridge* one = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (connection >= bridges_.size())
      throw std::runtime_error{"the backend has no such connection"};
    one = &*std::next(bridges_.begin(), static_cast<std::ptrdiff_t>(connection));
  }
  return one->wait_for_end();
}

} // namespace shunt::test
