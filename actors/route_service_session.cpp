#include "actors/route_service_session.hpp"

#include <caf/send.hpp>

namespace shunt {

namespace {

struct session_state {
  static constexpr const char* name = "route-service-session";
};
using session_self = pinned_actor<route_service_session_actor, session_state>;

route_service_session_actor::behavior_type session_behavior(session_self*, live_session_ptr session) {
  return {
    [session](const signature_used& m) {
      caf::anon_send(m.asker, use_judged{m.question, session->use(m.comes_back, m.at)});
    },
    [session](const signature_use_ended& m) { session->use_ended(m.came_back, m.at); },
  };
}

} // namespace

live_session::live_session(loop& home, const routing::session_id& id,
                           const routing::session_limits& limits, give_up call, void* whom)
  : id_{id},
    rules_{limits, std::chrono::steady_clock::now()},
    limit_{home.events().deadlines(),
           [](void* self) { static_cast<live_session*>(self)->on_deadline(); }, this},
    call_{call},
    whom_{whom} {
  mind_deadline();
}

void live_session::mind_deadline() noexcept {
  if (const auto at = rules_.deadline(); at != routing::time_point::max())
    limit_.expires_at(at);
  else
    limit_.disarm();
}

void live_session::on_deadline() {
  if (rules_.expire(std::chrono::steady_clock::now()))
    call_(whom_);
}

bool live_session::has_given_up() noexcept {
  if (rules_.expire(std::chrono::steady_clock::now()))
    mind_deadline();
  return rules_.given_up();
}

void live_session::answered() noexcept {
  rules_.answered();
  mind_deadline();
}

void live_session::give_up_service() noexcept {
  rules_.give_up();
  mind_deadline();
}

routing::use_verdict live_session::use(bool comes_back, routing::time_point at) noexcept {
  const auto verdict = rules_.use(comes_back, at);
  mind_deadline();
  return verdict;
}

void live_session::use_ended(bool came_back, routing::time_point at) noexcept {
  rules_.use_ended(came_back, at);
}

/// Without a message from another loop it is never resumed, so it costs a request hardly more than its memory.
route_service_session_actor spawn_route_service_session(loop& home, live_session_ptr session) {
  return spawn_pinned<route_service_session_actor, session_state, caf::hidden + caf::lazy_init>(
    home, session_behavior, std::move(session));
}

} // namespace shunt
