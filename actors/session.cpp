#include "actors/session.hpp"

#include "actors/exchange.hpp"
#include "actors/greeting.hpp"

#include <algorithm>

namespace shunt {

namespace {

using net::error_code;
using namespace std::chrono_literals;

/// After a burst the rest goes back to the heap.
constexpr std::size_t spare_exchanges_max = 1024;

/// Pipelined requests served before others on the loop get their turn. Without an end to it, one
/// client's burst would hold up everybody, and, where the compiler does not turn the resumption of
/// coroutines into jumps (sanitizers, no optimisation), grow the stack with every request.
constexpr unsigned requests_per_turn = 16;

/// Suspends until the loop has seen to everything else that is ready.
struct next_turn {
  net::event_loop& loop;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    loop.post([awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}
};

/// An exchange from the loop's store, given back at the end of the request.
class borrowed_exchange {
public:
  explicit borrowed_exchange(loop_context& here) : here_{here} {
    if (here.spare_exchanges.empty()) {
      held_ = std::make_unique<exchange>(here);
    } else {
      held_ = std::move(here.spare_exchanges.back());
      here.spare_exchanges.pop_back();
    }
  }
  borrowed_exchange(const borrowed_exchange&) = delete;
  borrowed_exchange& operator=(const borrowed_exchange&) = delete;
  ~borrowed_exchange() {
    here_.router.buffers.give_back(charged_);
    held_->shrink();
    if (here_.spare_exchanges.size() < spare_exchanges_max)
      here_.spare_exchanges.push_back(std::move(held_));
  }

  exchange& operator*() const noexcept { return *held_; }
  exchange* operator->() const noexcept { return held_.get(); }
  /// A head of a thousand fields needs more memory than the buffer that it came in.
  void charge() noexcept {
    charged_ = held_->extra_bytes();
    here_.router.buffers.take(charged_);
  }

private:
  loop_context& here_;
  std::unique_ptr<exchange> held_;
  std::size_t charged_ = 0;
};

} // namespace

session::session(loop_context& here, net::wire_ptr wire, const adopt_connection& accepted)
  : here_{here} {
  identity_.tls = accepted.tls;
  identity_.internal = accepted.internal;
  client_.who = &identity_;
  client_.wire = std::move(wire);
  client_.wire->stall_limit(here.rules->settings.write_timeout);
}

session::session(loop_context& here, net::wire_ptr stream, const client_identity& who)
  : here_{here} {
  client_.who = &who;
  client_.http_major = 2;
  client_.wire = std::move(stream);
  client_.wire->stall_limit(here.rules->settings.write_timeout);
}

/// However it ends: a read under way would keep it open.
session::~session() {
  client_.wire->close();
  set_idle(false);
}

void session::set_idle(bool idle) {
  if (client_.idle == idle)
    return;
  client_.idle = idle;
  loop_counters::add(here_.counters.idle, idle ? std::size_t{1} : std::size_t(-1));
}

net::task<void> session::run() {
  const bool fine = co_await greet(here_, *client_.wire, identity_);
  greeting_ = false;
  if (!fine) { // With TLS 1.3 a request may be on its way already: see `linger`.
    client_.unread = true;
    co_await linger();
    co_return;
  }
  bool http2 = identity_.speaks_http2;
  if (!http2)
    http2 = co_await begins_http2();
  if (http2)
    co_await serve_streams();
  else
    co_await serve_requests();
}

net::task<void> session::serve_requests() {
  // The first one even while the loop drains: it may be on its way.
  for (bool open = true; open && (!client_.close_after || served_ == 0);) {
    open = co_await wait_for_request();
    if (open)
      open = co_await serve_one();
  }
  co_await linger();
}

void session::drain() {
  if (link_) {
    link_->shut_down();
    return;
  }
  if (greeting_)
    client_.wire->receive_within(draining_patience);
  if (served_ > 0 || client_.idle)
    client_.close_after = true; // Else after its first request.
  if (!client_.idle)
    return;
  // A client that connected a moment ago may have sent its request already.
  if (served_ == 0)
    client_.wire->rest(draining_patience);
  else
    client_.wire->interrupt();
}

void session::cut() {
  client_.wire->abort(net::asio::error::operation_aborted);
}

/// Waits for the first byte of a request without holding a buffer for long.
net::task<bool> session::wait_for_request() {
  if (client_.wire->bytes() == "\r\n") // See below.
    client_.wire->consume(2);
  if (!client_.wire->bytes().empty()) {
    if (++pipelined_ % requests_per_turn == 0)
      co_await next_turn{here_.home.events()};
    const auto ended = client_.wire->ended();
    co_return !ended || ended == net::asio::error::eof;
  }
  if (here_.draining && served_ > 0)
    co_return false;
  set_idle(true);
  const auto& settings = here_.rules->settings;
  const bool first = served_ == 0 && settings.read_header_timeout.count() > 0;
  std::chrono::nanoseconds patience = settings.frontend_idle_timeout;
  if (here_.draining)
    patience = draining_patience;
  else if (first)
    patience = settings.read_header_timeout;
  auto failed = co_await client_.wire->receive_idle(patience);
  // Some clients end a body with a line end too many. That begins no request: the connection is
  // as idle as before.
  if (!failed && client_.wire->bytes() == "\r\n") {
    client_.wire->consume(2);
    failed = co_await client_.wire->receive_idle(patience);
  }
  set_idle(false);
  co_return !failed;
}

net::task<bool> session::serve_one() {
  borrowed_exchange request{here_};
  if (here_.router.buffers.exhausted()) {
    co_await shed();
    co_return false;
  }
  if (client_.wire->take_head(request->head_text, request->outline)) {
    const auto status = net::read_request(request->head_text, request->outline, request->head, {});
    if (status.failed()) {
      co_await refuse(status.error, request->head.method == "HEAD");
      co_return false;
    }
  } else {
    const bool complete = co_await read_head(*request);
    if (!complete)
      co_return false;
  }
  request.charge();
  if (request->head_text.empty()) { // It lies in the wire's buffer.
    client_.wire->pin();
    client_.wire->consume(request->head.head_bytes);
  }
  ++served_;
  loop_counters::add(here_.counters.requests);
  co_await request->serve(client_);
  client_.wire->unpin();
  co_return true;
}

/// Reads until the head is complete. False when there will be none; the client has been told.
net::task<bool> session::read_head(exchange& request) {
  const auto& settings = here_.rules->settings;
  request.scratch.reset();
  client_.wire->receive_within(settings.read_header_timeout);
  for (;;) {
    const auto status =
      net::parse_request(client_.wire->bytes(), request.head, {}, request.scratch);
    if (status.complete())
      break;
    if (status.failed()) {
      co_await refuse(status.error);
      co_return false;
    }
    if (!make_room()) {
      co_await shed();
      co_return false;
    }
    const auto failed = co_await client_.wire->receive();
    if (failed) {
      if (failed == net::asio::error::timed_out)
        refuse_late();
      co_return false;
    }
  }
  client_.wire->receive_within(0s);
  client_.wire->want_buffer(net::buffer_store::block_bytes);
  co_return true;
}

/// A head that fills the buffer gets one twice as large; the parser refuses it before it is huge.
/// False when the router has no memory left for that.
bool session::make_room() {
  auto& wire = *client_.wire;
  if (wire.buffer_bytes() == 0 || wire.bytes().size() + 2048 <= wire.buffer_bytes())
    return true;
  if (here_.router.buffers.exhausted())
    return false;
  wire.want_buffer(wire.buffer_bytes() * 2);
  return true;
}

net::task<void> session::refuse(net::parse_error error, bool head_request) {
  loop_counters::add(here_.counters.malformed_requests);
  const auto id = here_.ids.next();
  here_.requests.refused(client_.who->address, {net::view(id)}, net::describe(error));
  std::string answer;
  if (here_.rules->error_page) {
    auto refusal = net::describe_refusal(error);
    here_.dress(refusal, net::view(id), *here_.rules);
    net::append_response(answer, refusal,
                         {.request_id = net::view(id), .date = {}, .head_request = head_request});
  } else {
    net::append_rejection(answer, error, net::view(id), head_request);
  }
  co_await send_last(answer);
}

net::task<void> session::send_last(std::string_view answer) {
  client_.close_after = client_.unread = true;
  co_await client_.wire->send(answer);
}

/// The wire's deadline ended it, so only the socket itself can still say why.
void session::refuse_late() {
  const auto id = here_.ids.next();
  here_.requests.refused(client_.who->address, {net::view(id)}, "the request head came too slowly");
  net::error_response late;
  late.status = 408;
  here_.dress(late, net::view(id), *here_.rules);
  std::string answer;
  net::append_response(answer, late, {.request_id = net::view(id), .date = {}});
  client_.wire->send_anyway(answer);
}

/// Any request may be the one that there is no memory for, not only a connection's first.
net::task<void> session::shed() {
  loop_counters::add(here_.counters.shed);
  const auto id = here_.ids.next();
  std::string answer;
  auto overloaded = net::describe(net::router_error::overloaded, {});
  here_.dress(overloaded, net::view(id), *here_.rules);
  net::append_response(answer, overloaded, {.request_id = net::view(id), .date = {}});
  co_await send_last(answer);
}

/// Closing while bytes of the client are unread would reset the connection, and the client might
/// lose the answer that it was sent (RFC 9112, section 9.6).
net::task<void> session::linger() {
  auto& wire = *client_.wire;
  if (wire.ended() || (!client_.unread && wire.bytes().empty()))
    co_return;
  wire.shutdown_send();
  wire.unpin();
  wire.receive_within(lingering_time_max);
  for (std::uint64_t read = 0; read <= lingering_bytes_max && !wire.ended();) {
    read += wire.bytes().size();
    wire.consume(wire.bytes().size());
    const auto failed = co_await wire.receive();
    if (failed)
      break;
  }
}

} // namespace shunt
