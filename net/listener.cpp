#include "net/listener.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/system_error.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace shunt::net {

namespace {

constexpr int backlog = 4096;
constexpr int accepts_per_turn = 64; ///< A flood of connections must not starve those that exist.
constexpr auto pause = std::chrono::milliseconds{100};

[[noreturn]] void fail(const char* what, int descriptor) {
  const error_code code{errno, boost::system::system_category()};
  if (descriptor >= 0)
    ::close(descriptor);
  throw boost::system::system_error{code, what};
}

void set(int descriptor, int level, int option, int value) {
  if (::setsockopt(descriptor, level, option, &value, sizeof value) != 0)
    fail("setsockopt", descriptor);
}

sockaddr_storage storage_of(const tcp::endpoint& endpoint) {
  sockaddr_storage storage{};
  std::memcpy(&storage, endpoint.data(), endpoint.size());
  return storage;
}

/// A bound socket; `shared`: with others on the same port.
int bind_one(const tcp::endpoint& local, bool shared) {
  const bool ipv6 = local.address().is_v6();
  const int descriptor =
    ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0)
    fail("socket", -1);
  set(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared)
    set(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  // Accepted sockets inherit what follows. Probes find clients that vanished without a word, which
  // an idle tunnel would wait for without end (gorouter's values).
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 15);
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 15);
  if (ipv6)
    set(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  const auto address = storage_of(local);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(local.size()))
      != 0)
    fail("bind", descriptor);
  return descriptor;
}

int listen_on(int descriptor) {
  if (::listen(descriptor, backlog) != 0)
    fail("listen", descriptor);
  return descriptor;
}

} // namespace

std::string all_addresses() {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0)
    return "0.0.0.0";
  ::close(probe);
  return "::";
}

int open_listening_socket(const std::string& address, std::uint16_t port) {
  return listen_on(bind_one({asio::ip::make_address(address), port}, false));
}

std::vector<int> open_listening_sockets(std::uint16_t port, std::size_t count) {
  return open_listening_sockets(all_addresses(), port, count);
}

std::vector<int> open_listening_sockets(const std::string& address, std::uint16_t port, std::size_t count) {
  const auto local = asio::ip::make_address(address);
  // SO_REUSEPORT would let a second router share the port in silence: see first whether it is free.
  ::close(bind_one({local, port}, false));
  std::vector<int> opened;
  try {
    for (std::size_t i = 0; i < count; ++i) {
      opened.push_back(listen_on(bind_one({local, port}, true)));
      port = port_of(opened.front());
    }
  } catch (...) {
    for (const int descriptor : opened)
      ::close(descriptor);
    throw;
  }
  return opened;
}

std::uint16_t port_of(int listening_socket) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  if (::getsockname(listening_socket, reinterpret_cast<sockaddr*>(&bound), &length) != 0)
    fail("getsockname", -1);
  if (bound.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(bound).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

listener::listener(event_loop& loop, int descriptor, accept_callback on_accept,
                   pause_callback on_pause)
  : loop_{loop}, acceptor_{loop.get_executor()}, on_accept_{std::move(on_accept)},
    on_pause_{std::move(on_pause)}, retry_{loop.deadlines(),
                                           [](void* self) { static_cast<listener*>(self)->wait(); },
                                           this} {
  acceptor_.assign(tcp::v6(), descriptor);
}

void listener::open() {
  wait();
}

void listener::wait() {
  acceptor_.async_wait(asio::socket_base::wait_read, [this](const error_code& failed) {
    if (!failed)
      accept_some();
  });
}

void listener::accept_some() {
  for (int accepted = 0; accepted < accepts_per_turn; ++accepted) {
    const int descriptor =
      ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      on_accept_(descriptor);
      if (!acceptor_.is_open()) // By whoever was handed the connection.
        return;
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED)
      continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) { // EMFILE, ENFILE, ENOBUFS, ENOMEM.
      on_pause_({errno, boost::system::system_category()});
      retry_.expires_after(pause);
      return;
    }
    break;
  }
  wait();
}

void listener::close() {
  if (!acceptor_.is_open())
    return;
  retry_.disarm();
  for (;;) {
    const int descriptor =
      ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0)
      on_accept_(descriptor);
    else if (errno != EINTR && errno != ECONNABORTED)
      break;
  }
  error_code ignored;
  acceptor_.close(ignored);
}

} // namespace shunt::net
