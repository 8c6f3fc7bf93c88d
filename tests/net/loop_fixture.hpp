// Drives an event loop from the test's own thread: the test is the loop. Handlers run only while
// it drives, and time passes for deadlines only when it says so, so that an order of events is
// written down instead of waited for.
#pragma once

#include "net/event_loop.hpp"
#include "net/task.hpp"
#include "net/wire.hpp"
#include "tests/net/peer_socket.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace shunt::net {

using namespace std::chrono_literals;

/// A coroutine that a test has started, and how it ended. Lives on when the test goes first.
template <class T>
class running {
public:
  explicit running(task<T> work) {
    start(keep(std::move(work), state_), [state = state_](const std::exception_ptr& failure) {
      state->failure = failure;
      state->done = true;
    });
  }
  bool done() const { return state_->done; }
  T value() const {
    if (state_->failure)
      std::rethrow_exception(state_->failure);
    return state_->value.value(); // Throws, and so fails the test, when it has not ended.
  }

private:
  struct state {
    std::optional<T> value;
    std::exception_ptr failure;
    bool done = false;
  };
  static task<void> keep(task<T> work, std::shared_ptr<state> to) {
    to->value.emplace(co_await work);
  }
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

inline task<error_code> receive(wire_ptr from) {
  const auto code = co_await from->receive();
  co_return code;
}

inline task<error_code> receive_idle(wire_ptr from, std::chrono::nanoseconds idle) {
  const auto code = co_await from->receive_idle(idle);
  co_return code;
}

inline task<error_code> send(wire_ptr to, std::string text) {
  const auto code = co_await to->send(text);
  co_return code;
}

class loop_fixture : public ::testing::Test {
protected:
  /// Both ends of a TCP connection over loopback: one a wire, the other the test's.
  struct connection {
    wire_ptr near;
    peer_socket far;
  };
  struct socket_sizes {
    int wire_send_bytes = 0; ///< 0 = as the kernel likes.
    int wire_receive_bytes = 0;
    int peer_send_bytes = 0;
    int peer_receive_bytes = 0;
  };

  loop_fixture() {
    never_.expires_at(steady_time::max());
    never_.async_wait([](const error_code&) {});
  }

  void TearDown() override {
    settle();
    EXPECT_EQ(budget.used(), 0u) << "a wire outlived the test: who holds it?";
  }

  /// Runs every handler that is ready now.
  void settle() {
    while (loop.context().poll() > 0) {
    }
  }

  /// Runs handlers until `done()`. False when that takes too long.
  template <class Done>
  [[nodiscard]] bool drive_until(Done done, std::chrono::seconds patience = 20s) {
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
      settle();
      if (done())
        return true;
      if (std::chrono::steady_clock::now() > until)
        return false;
      loop.context().run_one_for(1ms);
    }
  }

  /// Drives until `work` has ended; its result. Throws when it does not end.
  template <class T>
  T finish(task<T> work) {
    running<T> started{std::move(work)};
    if (!drive_until([&] { return started.done(); }))
      throw std::runtime_error{"never ended"};
    return started.value();
  }

  /// Lets time pass for deadlines, and runs what that makes ready. What asks the clock itself does
  /// not notice: armed in a callback, a delay counts from the real time.
  void pass(std::chrono::nanoseconds time) {
    pass_to(std::max(now_, std::chrono::steady_clock::now()) + time + deadline_wheel::tick);
  }
  void pass_to(steady_time when) {
    now_ = std::max(now_, when);
    loop.deadlines().advance(now_);
    settle();
  }

  connection connect(socket_sizes sizes) {
    const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set(listening, SOL_SOCKET, SO_SNDBUF, sizes.wire_send_bytes);
    set(listening, SOL_SOCKET, SO_RCVBUF, sizes.wire_receive_bytes);
    set(far, SOL_SOCKET, SO_SNDBUF, sizes.peer_send_bytes);
    set(far, SOL_SOCKET, SO_RCVBUF, sizes.peer_receive_bytes);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* address = reinterpret_cast<sockaddr*>(&where);
    const bool failed = ::bind(listening, address, size) != 0 || ::listen(listening, 1) != 0
                        || ::getsockname(listening, address, &size) != 0
                        || ::connect(far, address, size) != 0;
    const int near = failed ? -1 : ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(listening);
    if (near < 0)
      throw std::runtime_error{"no connection over loopback"};
    set(near, IPPROTO_TCP, TCP_NODELAY, 1);
    set(far, IPPROTO_TCP, TCP_NODELAY, 1);
    return {adopt(near), peer_socket{far}};
  }
  connection connect() { return connect(socket_sizes{}); }

  wire_ptr adopt(int descriptor) {
    tcp_socket socket{loop.get_executor()};
    socket.assign(tcp::v4(), descriptor);
    return wire_ptr{new wire{loop, std::move(socket)}};
  }

  /// Receives until at least `count` bytes wait to be consumed. False when they do not come.
  [[nodiscard]] bool receive_until(const wire_ptr& from, std::size_t count) {
    while (from->bytes().size() < count)
      if (finish(receive(from)))
        return false;
    return true;
  }

  /// Everything that the peer gets until it has `count` bytes, or the end.
  std::string take_until(peer_socket& peer, std::size_t count) {
    std::string taken;
    (void)drive_until([&] {
      taken += peer.take();
      return taken.size() >= count || peer.ended;
    });
    return taken;
  }
  std::string take_to_end(peer_socket& peer) { return take_until(peer, std::string::npos); }

  buffer_budget budget{std::size_t{1} << 30};
  event_loop loop{0, budget};

private:
  static void set(int descriptor, int level, int option, int value) {
    if (value > 0 && ::setsockopt(descriptor, level, option, &value, sizeof value) != 0)
      throw std::runtime_error{"cannot set a socket's option"};
  }

  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, executor>
    never_{loop.get_executor()}; ///< Keeps the context from running out of work.
  steady_time now_ = std::chrono::steady_clock::now();
};

} // namespace shunt::net
