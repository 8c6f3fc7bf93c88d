#include "actors/connection.hpp"

#include "actors/exchange.hpp"
#include "actors/greeting.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace shunt {

namespace {

using net::error_code;
using namespace std::chrono_literals;

constexpr std::uint64_t lingering_bytes_max = 256 * 1024;
constexpr auto lingering_time_max = 2s;
/// After a burst the rest goes back to the heap.
constexpr std::size_t spare_exchanges_max = 1024;
constexpr auto first_request_patience = 1s; ///< For connections accepted just before a drain.

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

/// The connection's coroutine and what it owns.
class session {
public:
  session(loop_context& here, net::wire_ptr wire, bool tls) : here_{here} {
    client_.wire = std::move(wire);
    client_.wire->stall_limit(here.rules->settings.write_timeout);
    client_.tls = tls;
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() { client_.wire->close(); } // However it ends: a read under way would keep it open.

  net::task<void> run() {
    client_.idle = false;
    const bool served = co_await greet(here_, client_);
    if (!served)
      co_return;
    for (bool open = true; open && !client_.close_after;) {
      open = co_await wait_for_request();
      if (open)
        open = co_await serve_one();
    }
    co_await linger();
  }

  void drain() {
    if (served_ > 0 || client_.idle)
      client_.close_after = true; // Else after its first request.
    if (!client_.idle)
      return;
    // A client that connected a moment ago may have sent its request already.
    if (served_ == 0)
      client_.wire->rest(first_request_patience);
    else
      client_.wire->abort(net::asio::error::operation_aborted);
  }

  void cut() { client_.wire->abort(net::asio::error::operation_aborted); }

private:
  /// Waits for the first byte of a request without holding a buffer for long.
  net::task<bool> wait_for_request() {
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
    client_.idle = true;
    const auto& settings = here_.rules->settings;
    const bool first = served_ == 0 && settings.read_header_timeout.count() > 0;
    std::chrono::nanoseconds patience = settings.frontend_idle_timeout;
    if (here_.draining)
      patience = first_request_patience;
    else if (first)
      patience = settings.read_header_timeout;
    auto failed = co_await client_.wire->receive_idle(patience);
    // Some clients end a body with a line end too many. That begins no request: the connection is
    // as idle as before.
    if (!failed && client_.wire->bytes() == "\r\n") {
      client_.wire->consume(2);
      failed = co_await client_.wire->receive_idle(patience);
    }
    client_.idle = false;
    co_return !failed;
  }

  net::task<bool> serve_one() {
    borrowed_exchange request{here_};
    if (here_.router.buffers.exhausted()) {
      co_await shed();
      co_return false;
    }
    const bool complete = co_await read_head(*request);
    if (!complete)
      co_return false;
    request.charge();
    client_.wire->pin();
    client_.wire->consume(request->head.head_bytes);
    ++served_;
    loop_counters::add(here_.counters.requests);
    co_await request->serve(client_);
    client_.wire->unpin();
    co_return true;
  }

  /// Reads until the head is complete. False when there will be none; the client has been told.
  net::task<bool> read_head(exchange& request) {
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
  bool make_room() {
    auto& wire = *client_.wire;
    if (wire.buffer_bytes() == 0 || wire.bytes().size() + 2048 <= wire.buffer_bytes())
      return true;
    if (here_.router.buffers.exhausted())
      return false;
    wire.want_buffer(wire.buffer_bytes() * 2);
    return true;
  }

  net::task<void> refuse(net::parse_error error) {
    loop_counters::add(here_.counters.malformed_requests);
    const auto id = here_.ids.next();
    here_.requests.refused(client_.address, net::view(id), net::describe(error));
    std::string answer;
    if (here_.rules->error_page) {
      auto refusal = net::describe_refusal(error);
      here_.dress(refusal, net::view(id), *here_.rules);
      net::append_response(answer, refusal, {.request_id = net::view(id), .date = {}});
    } else {
      net::append_rejection(answer, error, net::view(id));
    }
    co_await send_last(answer);
  }

  net::task<void> send_last(std::string_view answer) {
    client_.close_after = client_.unread = true;
    co_await client_.wire->send(answer);
  }

  /// The wire's deadline ended it, so only the socket itself can still say why.
  void refuse_late() {
    const auto id = here_.ids.next();
    here_.requests.refused(client_.address, net::view(id), "the request head came too slowly");
    net::error_response late;
    late.status = 408;
    here_.dress(late, net::view(id), *here_.rules);
    std::string answer;
    net::append_response(answer, late, {.request_id = net::view(id), .date = {}});
    client_.wire->send_anyway(answer);
  }

  /// Any request may be the one that there is no memory for, not only a connection's first.
  net::task<void> shed() {
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
  net::task<void> linger() {
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

  loop_context& here_;
  client_connection client_;
  std::uint64_t served_ = 0;
  unsigned pipelined_ = 0; ///< Requests that were there before they were waited for.
};

struct connection_state {
  static constexpr const char* name = "connection";
  session* running = nullptr; ///< In the coroutine's frame; null once that ended.

  ~connection_state() {
    if (running != nullptr)
      running->cut();
  }
};

using connection_self = pinned_actor<connection_actor, connection_state>;

/// Points the actor at its session as long as there is one, even if an exception ends that.
class running_mark {
public:
  running_mark(session*& mark, session& running) : mark_{mark} { mark_ = &running; }
  running_mark(const running_mark&) = delete;
  running_mark& operator=(const running_mark&) = delete;
  ~running_mark() { mark_ = nullptr; }

private:
  session*& mark_;
};

/// The frame owns the session; the actor merely points at it.
net::task<void> run(connection_self* self, loop_context& here, net::wire_ptr wire, bool tls) {
  session serving{here, std::move(wire), tls};
  const running_mark mark{self->state.running, serving};
  co_await serving.run();
}

std::string reason_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) {
    return "unknown";
  }
}

connection_actor::behavior_type behave(connection_self* self, loop_context* here, int descriptor,
                                       bool tls, acceptor_actor owner, std::uint64_t id) {
  net::tcp_socket socket{here->home.events().get_executor()};
  error_code failed;
  socket.assign(net::tcp::v6(), descriptor, failed);
  net::wire_ptr wire{new net::wire{here->home.events(), std::move(socket)}};
  // Until the coroutine has ended, the actor must not, whoever lets go of it.
  net::start(run(self, *here, std::move(wire), tls), [keep = caf::strong_actor_ptr{self->ctrl()}, here,
                                                 owner, id](const std::exception_ptr& thrown) {
    if (thrown)
      here->router.log.error(".connection", "connection-failed", {{"error", reason_of(thrown)}});
    caf::anon_send(owner, connection_ended{id});
    caf::anon_send_exit(keep, caf::exit_reason::normal);
  });
  return {
    [self](drain_connection) {
      if (self->state.running != nullptr)
        self->state.running->drain();
    },
    [self](cut_connection) {
      if (self->state.running != nullptr)
        self->state.running->cut();
    },
  };
}

} // namespace

connection_actor spawn_connection(loop_context& here, int descriptor, bool tls,
                                  acceptor_actor owner, std::uint64_t id) {
  return spawn_pinned<connection_actor, connection_state>(here.home, behave, &here, descriptor, tls,
                                                          std::move(owner), id);
}

} // namespace shunt
