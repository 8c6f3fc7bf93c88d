// A server of HTTP/2 whose every frame is scripted, on a port of its own, with TLS (ALPN `h2`) and
// without.
#pragma once

#include "tests/process/harness/http2_peer.hpp"
#include "tests/process/harness/tls_backend.hpp"

#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace shunt::test {

class http2_backend {
public:
  /// Runs once for each connection, on a thread of its own, after the preface. At its end the
  /// connection closes. What the connection's end throws is swallowed.
  using script = std::function<void(http2_peer&)>;

  /// `own` = its certificate.
  http2_backend(const tls_kit::minted& own, script serve);
  ~http2_backend();

  http2_backend(const http2_backend&) = delete;
  http2_backend& operator=(const http2_backend&) = delete;

  std::uint16_t port() const { return port_; }             ///< Without TLS.
  std::uint16_t tls_port() const { return front_.port(); } ///< With it.
  std::size_t connection_count() const;                    ///< Accepted so far.
  std::size_t ended_count() const;                         ///< Of those, the ones that are over.
  /// For connections that come from now on.
  void serve_with(script serve);
  /// Ends the connections that are open.
  void hang_up();
  /// Hears nothing from here on, as a host that lost its power: what comes is not even acknowledged. Without TLS.
  void go_deaf();

private:
  void accept_all();
  void run(stream_socket& socket, const script& serve);

  mutable std::mutex mutex_;
  script script_;
  std::list<stream_socket> sockets_; ///< To wake their threads up by.
  std::list<std::thread> threads_;
  std::size_t ended_ = 0;
  bool stopping_ = false;
  stream_socket listener_;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  tls_backend front_;
};

namespace http2_scripts {

/// A whole response on that stream.
std::string answer(std::uint32_t stream, const std::string& body = "hello",
                   const std::string& status = "200");
/// Hands each request to `answer`, in the order of their arrival, until the connection ends. The
/// head is as `frame_reader` has it.
http2_backend::script each_request(
  std::function<void(http2_peer&, std::uint32_t stream, const std::string& head)> answer);

} // namespace http2_scripts

} // namespace shunt::test
