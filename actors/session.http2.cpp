// How a session serves HTTP/2: one link for the connection, one session for each of its streams.
#include "actors/session.hpp"

namespace shunt {

namespace {

/// The first bytes of a client that knows that it may speak HTTP/2 without TLS (RFC 9113, section 3.3).
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Of heads as of those in HTTP/1.1; what the operator allows, an exchange looks at.
net::http2_limits front_limits() {
  net::http2_limits limits;
  limits.head_bytes_max = net::head_limits{}.head_bytes_max;
  return limits;
}

net::task<void> run_stream_of(loop_context& here, const client_identity& who, net::wire_ptr stream) {
  session one{here, std::move(stream), who};
  co_await one.run_stream();
}

} // namespace

net::task<bool> session::begins_http2() {
  const auto& settings = here_.rules->settings;
  if (identity_.tls || !settings.enable_h2c)
    co_return false;
  const bool begun = co_await wait_for_request();
  if (!begun)
    co_return false;
  auto& wire = *client_.wire;
  wire.receive_within(settings.read_header_timeout);
  while (wire.bytes().size() < preface.size() && preface.starts_with(wire.bytes())) {
    const auto failed = co_await wire.receive();
    if (failed)
      break;
  }
  wire.receive_within(std::chrono::nanoseconds{0});
  co_return wire.bytes().starts_with(preface);
}

net::task<void> session::serve_streams() {
  const auto rules = here_.rules;
  link_ = new net::http2_link{client_.wire, net::http2_role::server, front_limits(),
                              here_.ids.random(),
                              [this](net::wire_ptr stream) { serve_stream(std::move(stream)); }};
  if (here_.draining)
    link_->shut_down();
  const auto& settings = rules->settings;
  set_idle(true);
  co_await link_->run({.first = settings.read_header_timeout,
                       .idle = settings.frontend_idle_timeout,
                       .stall = settings.write_timeout});
  if (streams_ > 0) // They have all been told.
    co_await streams_ended_;
  link_ = nullptr;
}

void session::serve_stream(net::wire_ptr stream) {
  if (++streams_ == 1)
    set_idle(false);
  loop_counters::add(here_.counters.streams);
  net::start(run_stream_of(here_, identity_, std::move(stream)),
             [this](const std::exception_ptr& thrown) {
               if (thrown)
                 here_.router.log.error(".connection", "stream-failed", {});
               if (--streams_ > 0)
                 return;
               set_idle(true);
               if (link_->is_over())
                 streams_ended_.open();
             });
}

/// Its head is there: nobody would have heard of the stream otherwise.
net::task<void> session::run_stream() {
  co_await serve_one();
  if (client_.unread && !client_.wire->ended())
    co_await linger_in_stream();
}

/// A client that was answered before it had sent its request goes on sending for a moment. Some, curl 7.88 among them,
/// lose the answer when their stream is closed at that very moment, so it stays open for a little while, as a
/// connection of HTTP/1.1 does.
net::task<void> session::linger_in_stream() {
  auto& wire = *client_.wire;
  wire.shutdown_send();
  wire.unpin();
  wire.receive_within(std::chrono::nanoseconds{0});
  net::deadline patience{here_.home.events().deadlines(),
                         [](void* w) { static_cast<net::wire*>(w)->interrupt(); }, &wire};
  patience.expires_after(lingering_time_max); // Without failing the wire: the answer may be on its way yet.
  for (std::uint64_t read = 0; read <= lingering_bytes_max;) {
    read += wire.bytes().size();
    wire.consume(wire.bytes().size());
    const auto failed = co_await wire.receive();
    if (failed)
      break;
  }
}

} // namespace shunt
