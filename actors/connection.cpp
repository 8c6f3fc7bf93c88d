#include "actors/connection.hpp"

#include "actors/session.hpp"

#include <caf/send.hpp>

namespace shunt {

namespace {

using net::error_code;

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
net::task<void> run(connection_self* self, loop_context& here, net::wire_ptr wire,
                    adopt_connection accepted) {
  session serving{here, std::move(wire), accepted};
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

connection_actor::behavior_type connection_behavior(connection_self* self, loop_context* here,
                                       adopt_connection accepted, acceptor_actor owner,
                                       std::uint64_t id) {
  net::tcp_socket socket{here->home.events().get_executor()};
  error_code failed;
  socket.assign(net::tcp::v6(), accepted.descriptor, failed);
  net::wire_ptr wire{new net::wire{here->home.events(), std::move(socket)}};
  // Until the coroutine has ended, the actor must not, whoever lets go of it.
  net::start(run(self, *here, std::move(wire), accepted), [keep = caf::strong_actor_ptr{self->ctrl()}, here,
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

connection_actor spawn_connection(loop_context& here, const adopt_connection& accepted,
                                  acceptor_actor owner, std::uint64_t id) {
  return spawn_pinned<connection_actor, connection_state>(here.home, connection_behavior, &here, accepted,
                                                          std::move(owner), id);
}

} // namespace shunt
