#include "tests/process/harness/http2_backend.hpp"

#include "tests/process/harness/ports.hpp"

#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shunt::test {

http2_backend::http2_backend(const tls_kit::minted& own, script serve)
  : script_{std::move(serve)},
    listener_{bound_socket()},
    port_{listener_.local_port()},
    front_{port_, {.own = &own, .alpn = "h2"}} {
  if (listen(listener_.descriptor(), 512) != 0)
    throw std::runtime_error("listen");
  acceptor_ = std::thread{[this] { accept_all(); }};
}

http2_backend::~http2_backend() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    for (auto& each : sockets_)
      each.shut_down();
  }
  listener_.shut_down();
  acceptor_.join();
  for (auto& each : threads_)
    each.join();
}

void http2_backend::accept_all() {
  for (;;) {
    stream_socket accepted{accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC)};
    const std::lock_guard lock{mutex_};
    if (!accepted.open() || stopping_)
      return;
    sockets_.emplace_back(std::move(accepted));
    threads_.emplace_back(
      [this, &socket = sockets_.back(), serve = script_] { run(socket, serve); });
  }
}

void http2_backend::run(stream_socket& socket, const script& serve) {
  try {
    auto peer = http2_peer::server_on(stream_socket{dup(socket.descriptor())});
    serve(peer);
  } catch (const socket_error&) {
    // The router went away; what that means is for the test to say.
  }
  socket.shut_down();
  const std::lock_guard lock{mutex_};
  ++ended_;
}

std::size_t http2_backend::connection_count() const {
  const std::lock_guard lock{mutex_};
  return sockets_.size();
}

std::size_t http2_backend::ended_count() const {
  const std::lock_guard lock{mutex_};
  return ended_;
}

void http2_backend::serve_with(script serve) {
  const std::lock_guard lock{mutex_};
  script_ = std::move(serve);
}

void http2_backend::hang_up() {
  const std::lock_guard lock{mutex_};
  for (auto& each : sockets_)
    each.shut_down();
}

void http2_backend::go_deaf() {
  sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{1, drop_all};
  const auto deafen = [&program](const stream_socket& socket) {
    setsockopt(socket.descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  };
  const std::lock_guard lock{mutex_};
  deafen(listener_);
  for (const auto& each : sockets_)
    deafen(each);
}

namespace http2_scripts {

std::string answer(std::uint32_t stream, const std::string& body, const std::string& status) {
  return frame::headers(stream,
                        {{":status", status}, {"content-length", std::to_string(body.size())}},
                        body.empty())
         + (body.empty() ? std::string{} : frame::data(stream, body, true));
}

http2_backend::script each_request(
  std::function<void(http2_peer&, std::uint32_t stream, const std::string& head)> answer) {
  return [answer = std::move(answer)](http2_peer& peer) {
    constexpr auto kept_alive = 60s; // In the router's pool.
    for (std::uint32_t next = 1;; next += 2) {
      const auto arrived = [&] {
        const auto found = peer.seen().streams.find(next);
        return found != peer.seen().streams.end() && !found->second.heads.empty();
      };
      if (!peer.read_until(arrived, kept_alive))
        return;
      answer(peer, next, peer.stream(next).heads.front());
    }
  };
}

} // namespace http2_scripts

} // namespace shunt::test
