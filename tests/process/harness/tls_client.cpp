#include "tests/process/harness/tls_client.hpp"

namespace shunt::test {
namespace {

net::ssl_ctx_ptr context_of(const tls_client_options& o) {
  return tls_kit::client_context(
    {.min = o.min, .max = o.max, .ciphers = o.suites, .own = o.own, .alpn = o.alpn});
}

net::ssl_ptr session_of(SSL_CTX* context, const tls_client_options& o) {
  auto session = tls_kit::ask_for(context, o.name);
  if (o.resume != nullptr)
    SSL_set_session(session.get(), const_cast<SSL_SESSION*>(o.resume));
  return session;
}

stream_socket connected(std::uint16_t port, const std::string& preface, std::uint16_t& local_port) {
  auto socket = stream_socket::connected_to(port);
  local_port = socket.local_port();
  socket.send(preface);
  return socket;
}

std::function<stream_socket()> handing_over(stream_socket socket) {
  auto kept = std::make_shared<stream_socket>(std::move(socket));
  return [kept] { return std::move(*kept); };
}

} // namespace

tls_client::tls_client(std::uint16_t port, const tls_client_options& options)
  : tls_client{port, options, connected_sockets()} {
}

tls_client::tls_client(std::uint16_t port, const tls_client_options& options,
                       std::pair<stream_socket, stream_socket> ends)
  : plain_{std::move(ends.first)},
    context_{context_of(options)},
    bridge_{session_of(context_.get(), options), connected(port, options.preface, local_port_),
            handing_over(std::move(ends.second))} {
}

} // namespace shunt::test
