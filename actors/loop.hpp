// A loop as CAF sees it, and how an actor is pinned to one. CAF resumes a pinned actor through the
// loop's io_context, so its handlers, its sockets and its coroutines all run on the loop's thread
// and share what they like without a lock.
#pragma once

#include "net/event_loop.hpp"

#include <caf/actor_system.hpp>
#include <caf/execution_unit.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace shunt {

/// Makes a `net::event_loop` an execution unit of CAF. Outlives every actor pinned to it.
class loop : public caf::execution_unit {
public:
  loop(caf::actor_system& system, net::event_loop& events)
    : caf::execution_unit{&system}, events_{events} {}

  /// Resumes `job` later: a pinned actor on the loop's thread; any other, which CAF offers to
  /// whatever unit its sender runs on, on CAF's scheduler, lest a shard work at a loop's cost. Any
  /// thread.
  void exec_later(caf::resumable* job) override;
  net::event_loop& events() noexcept { return events_; }
  /// Whether the calling thread is that of a loop, in a pinned actor's handler.
  static bool running_here() noexcept;

private:
  /// A handler must never hold a loop over a millisecond, nor a mailbox keep it from its sockets.
  static constexpr std::size_t messages_per_turn = 32;

  void resume(caf::resumable* job);

  net::event_loop& events_;
};

/// An actor base that lives on one loop, whoever sends to it.
template <class Handle>
class pinned_base : public Handle::base {
public:
  explicit pinned_base(caf::actor_config& config)
    : Handle::base{config}, home_{static_cast<loop*>(config.host)} {}

  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit*) override {
    Handle::base::enqueue(std::move(message), home_);
  }
  /// Marks it as one that a loop may resume; see `loop::exec_later`.
  caf::resumable::subtype_t subtype() const override { return caf::resumable::io_actor; }
  loop& home() const noexcept { return *home_; }

private:
  loop* home_;
};

/// What a pinned actor's function gets as `self`.
template <class Handle, class State>
using pinned_actor = caf::stateful_actor<State, pinned_base<Handle>>;

/// Spawns `behaviour(self, arguments...)` pinned to `home`. Any thread.
template <class Handle, class State, caf::spawn_options Options = caf::hidden, class Behaviour,
          class... Arguments>
Handle spawn_pinned(loop& home, Behaviour behaviour, Arguments... arguments) {
  using actor_type = pinned_actor<Handle, State>;
  caf::actor_config config{&home};
  caf::actor_config::init_fun_type begin{
    [behaviour, ... held = std::move(arguments)](caf::local_actor* self) mutable -> caf::behavior {
      return behaviour(static_cast<actor_type*>(self), std::move(held)...).unbox();
    }};
  config.init_fun = std::move(begin);
  return home.system().spawn_class<actor_type, Options>(config);
}

} // namespace shunt
