// One loop's listening socket on a port that every loop listens on (SO_REUSEPORT). Accepts until
// closed; closing first serves the connections that the kernel had already completed. When file
// descriptors run out it pauses instead of spinning.
#pragma once

#include "net/wire.hpp"

#include <functional>
#include <string>

namespace shunt::net {

/// What stands for all addresses of this machine.
std::string all_addresses();

/// Opens listening sockets for `port` on all addresses, IPv6 and IPv4 (or IPv4 alone where the
/// machine has no IPv6), one for each of `count` loops. Port 0 picks one port for all.
/// Throws boost::system::system_error.
std::vector<int> open_listening_sockets(std::uint16_t port, std::size_t count);

/// The same on `address` (an IP literal) alone.
std::vector<int> open_listening_sockets(const std::string& address, std::uint16_t port, std::size_t count);

/// Opens one listening socket on `address` (an IP literal) alone. Throws as above.
int open_listening_socket(const std::string& address, std::uint16_t port);

/// The port that a listening socket is bound to.
std::uint16_t port_of(int listening_socket);

class listener {
public:
  /// Called on the loop's thread with each accepted, connected socket's descriptor.
  using accept_callback = std::function<void(int descriptor)>;
  /// Called on the loop's thread when accepting pauses; `reason` says why.
  using pause_callback = std::function<void(error_code reason)>;

  /// Takes the descriptor over. Loop's thread from here on.
  listener(event_loop& loop, int descriptor, accept_callback on_accept, pause_callback on_pause);

  void open();
  /// Stops listening after handing over everything that waits to be accepted. Idempotent.
  void close();

private:
  void accept_some();
  void wait();

  event_loop& loop_;
  asio::basic_socket_acceptor<tcp, executor> acceptor_;
  accept_callback on_accept_;
  pause_callback on_pause_;
  deadline retry_;
};

} // namespace shunt::net
