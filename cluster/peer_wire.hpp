// One connection to another node, as bytes: how it is opened and secured, and how frames are taken off it.
// For the transport's loop.
#pragma once

#include "cluster/peer_frame.hpp"
#include "cluster/peer_tls.hpp"
#include "net/dial.hpp"
#include "net/task.hpp"
#include "net/wire.hpp"

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <string>

namespace shunt::cluster {

/// Something, or why there is none.
template <class T>
struct wire_result {
  std::optional<T> value;
  std::string error;
};

struct wire_options {
  std::shared_ptr<const peer_tls> tls; ///< Null: loopback only.
  std::chrono::nanoseconds limit{0};   ///< For connecting, and again for the handshake.
  std::chrono::nanoseconds stall_limit{0};
  std::size_t turn = 0; ///< Which address of a name is tried first (net/dial.hpp).
};

/// Connects, with TLS if there is any.
net::task<wire_result<net::wire_ptr>> connect_wire(net::event_loop& loop, std::string host,
                                                   std::uint16_t port, wire_options options);
/// Makes a connection that was accepted fit for frames. Why it cannot be; empty: it is.
net::task<std::string> prepare_wire(net::wire_ptr accepted, wire_options options);

/// The next frame, without its length. Fails on one that is longer than `bytes_max`, and when the connection
/// ends.
net::task<wire_result<std::string>> next_frame(net::wire_ptr from, std::size_t bytes_max);
/// The same, read. Fails on one that cannot be.
net::task<wire_result<peer_frame>> next_greeting(net::wire_ptr from);

/// "10.0.0.1:4711"; empty when it is not connected.
std::string remote_address(net::wire& of);

/// Suspends for a moment.
class moment {
public:
  moment(net::deadline_wheel& wheel, std::chrono::nanoseconds length)
    : end_{wheel, [](void* self) { static_cast<moment*>(self)->over(); }, this}, length_{length} {}

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = awaiting;
    end_.expires_after(length_);
  }
  void await_resume() const noexcept {}

private:
  void over() { awaiting_.resume(); }

  net::deadline end_;
  std::chrono::nanoseconds length_;
  std::coroutine_handle<> awaiting_;
};

} // namespace shunt::cluster
