#include "cluster/peer_wire.hpp"

#include "net/tls_engine.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace shunt::cluster {

namespace {

constexpr std::chrono::seconds keep_alive_interval{15};
/// What the kernel may hold that was not sent. A heartbeat waits behind no more than that.
constexpr int unsent_bytes_max = 256 * 1024;
constexpr auto not_without_tls = "without cluster.tls nodes link over loopback only";

bool is_loopback(const boost::asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).is_loopback();
  return address.is_loopback();
}

bool is_far(net::wire& wire) {
  net::error_code failed;
  const auto remote = wire.socket().remote_endpoint(failed);
  return failed || !is_loopback(remote.address());
}

/// A literal address that nothing needs to be sent to in order to know.
bool is_far(const std::string& host) {
  net::error_code is_name;
  const auto literal = boost::asio::ip::make_address(host, is_name);
  return !is_name && !is_loopback(literal);
}

void set_options(net::wire& wire, const wire_options& options) {
  ::setsockopt(wire.socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes_max,
               sizeof unsent_bytes_max);
  wire.stall_limit(options.stall_limit);
  wire.want_buffer(net::buffer_store::stream_bytes);
}

std::string words_of(net::wire& wire, net::error_code failed) {
  if (const auto* tls = wire.tls(); tls != nullptr && tls->failure())
    return tls->failure()->text;
  if (failed == boost::asio::error::eof)
    return "the other node closed the connection";
  if (failed == boost::asio::error::timed_out)
    return "the other node was silent for too long";
  return net::go_words(failed);
}

net::task<std::string> secure(net::wire_ptr wire, net::ssl_ptr session, std::chrono::nanoseconds limit) {
  if (!session)
    co_return "tls: out of memory";
  auto engine = std::make_unique<net::tls_engine>(std::move(session));
  const auto failed = co_await wire->secure(std::move(engine), limit);
  if (failed)
    co_return words_of(*wire, failed);
  co_return std::string{};
}

} // namespace

net::task<wire_result<net::wire_ptr>> connect_wire(net::event_loop& loop, std::string host,
                                                   std::uint16_t port, wire_options options) {
  wire_result<net::wire_ptr> result;
  if (!options.tls && is_far(host)) {
    result.error = not_without_tls;
    co_return result;
  }
  const net::dial_options dial{options.limit, keep_alive_interval, nullptr, options.turn};
  auto dialled = co_await net::dial(loop, host, port, dial);
  if (!dialled.connection) {
    result.error = net::describe(dialled, host, host + ":" + std::to_string(port));
    co_return result;
  }
  auto wire = std::move(dialled.connection);
  set_options(*wire, options);
  if (options.tls)
    result.error = co_await secure(wire, options.tls->connecting_session(), options.limit);
  else if (is_far(*wire))
    result.error = not_without_tls;
  if (result.error.empty())
    result.value = std::move(wire);
  else
    wire->close();
  co_return result;
}

net::task<std::string> prepare_wire(net::wire_ptr accepted, wire_options options) {
  set_options(*accepted, options);
  if (!options.tls)
    co_return is_far(*accepted) ? std::string{not_without_tls} : std::string{};
  auto error = co_await secure(accepted, options.tls->accepting_session(), options.limit);
  co_return error;
}

net::task<wire_result<std::string>> next_frame(net::wire_ptr from, std::size_t bytes_max) {
  wire_result<std::string> result;
  for (;;) {
    const auto bytes = from->bytes();
    const auto length = frame_length(bytes);
    if (length && (*length == 0 || *length > bytes_max)) {
      result.error = "a frame of " + std::to_string(*length) + " bytes";
      co_return result;
    }
    const auto whole = frame_length_bytes + length.value_or(0);
    if (length && bytes.size() >= whole) {
      result.value.emplace(bytes.substr(frame_length_bytes, *length));
      from->consume(whole);
      from->want_buffer(net::buffer_store::stream_bytes);
      co_return result;
    }
    from->want_buffer(std::max(net::buffer_store::stream_bytes, whole));
    const auto failed = co_await from->receive();
    if (failed) {
      result.error = words_of(*from, failed);
      co_return result;
    }
  }
}

net::task<wire_result<peer_frame>> next_greeting(net::wire_ptr from) {
  wire_result<peer_frame> result;
  auto frame = co_await next_frame(from, greeting_bytes_max);
  result.error = std::move(frame.error);
  if (!frame.value)
    co_return result;
  auto decoded = decode(*frame.value);
  result.value = std::move(decoded.frame);
  if (!result.value)
    result.error = "a frame that cannot be read: " + decoded.error;
  co_return result;
}

std::string remote_address(net::wire& of) {
  net::error_code failed;
  const auto remote = of.socket().remote_endpoint(failed);
  if (failed)
    return {};
  const auto host = remote.address().to_string();
  const auto port = ":" + std::to_string(remote.port());
  return remote.address().is_v6() ? "[" + host + "]" + port : host + port;
}

} // namespace shunt::cluster
