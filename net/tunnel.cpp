#include "net/tunnel.hpp"

#include "net/latch.hpp"

#include <algorithm>

namespace shunt::net {

namespace {

/// One direction. Ends when the sender ended, which the receiver is told, or on failure, which ends
/// the other direction too.
task<void> pump(wire_ptr from, wire_ptr to, std::uint64_t& bytes, bool& failed) {
  for (;;) {
    if (const auto received = from->bytes(); !received.empty()) {
      const auto unsent = co_await to->send(received);
      if (unsent)
        break;
      bytes += received.size();
      from->consume(received.size());
      continue;
    }
    const auto code = co_await from->receive_idle(std::chrono::nanoseconds{0});
    if (code) {
      if (code != asio::error::eof)
        break;
      to->shutdown_send();
      co_return;
    }
  }
  failed = true;
  from->abort(asio::error::operation_aborted);
  to->abort(asio::error::operation_aborted);
}

} // namespace

task<tunnel_result> run_tunnel(wire_ptr client, wire_ptr backend) {
  tunnel_result result;
  for (auto* side : {client.get(), backend.get()}) {
    side->watch(nullptr, nullptr);
    side->receive_within(std::chrono::nanoseconds{0});
  }
  latch other;
  start(pump(backend, client, result.to_client_bytes, result.failed),
        [&other](const std::exception_ptr&) { other.open(); });
  co_await pump(client, backend, result.to_backend_bytes, result.failed);
  co_await other;
  co_return result;
}

} // namespace shunt::net
