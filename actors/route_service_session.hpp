// The session of a request that left for its route service: an actor pinned to the request's loop, born when
// the request is signed, ended when the client has its answer. It holds the service to its time, counts what
// comes back with its signature, and measures whose the time was. What follows from what, `routing/` decides.
//
// The request itself runs on the actor's loop, so it speaks to the session without messages; so do the requests
// that come back to that loop. Those of other loops send it messages, by the loop's directory
// (`route_service_sessions`).
#pragma once

#include "actors/loop.hpp"
#include "actors/protocol.hpp"
#include "net/deadline.hpp"
#include "routing/route_service_session.hpp"

#include <boost/smart_ptr/local_shared_ptr.hpp>

namespace shunt {

/// What the actor and the request share. Loop's thread only.
class live_session {
public:
  /// Called once if the service's time is over before it answered or sent the request back.
  using give_up = void (*)(void* whom);

  live_session(loop& home, const routing::session_id& id, const routing::session_limits& limits,
               give_up call, void* whom);

  const routing::session_id& id() const noexcept { return id_; }
  const routing::route_service_session& facts() const noexcept { return rules_; }

  /// The service began to answer.
  void answered() noexcept;
  /// The request goes on without the service.
  void give_up_service() noexcept;
  routing::use_verdict use(bool comes_back, routing::time_point at) noexcept;
  void use_ended(bool came_back, routing::time_point at) noexcept;
  /// Whether the service's time is over, even if nobody was called yet.
  bool has_given_up() noexcept;
  /// The request is over: nobody is to be called any more.
  void end() noexcept { limit_.disarm(); }

private:
  void on_deadline();
  void mind_deadline() noexcept;

  routing::session_id id_;
  routing::route_service_session rules_;
  net::deadline limit_;
  give_up call_;
  void* whom_;
};

using live_session_ptr = boost::local_shared_ptr<live_session>;

/// Spawns the actor of `session`. It ends when its last handle is let go of. Loop's thread.
route_service_session_actor spawn_route_service_session(loop& home, live_session_ptr session);

} // namespace shunt
