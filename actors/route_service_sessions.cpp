#include "actors/route_service_sessions.hpp"

#include <boost/smart_ptr/make_local_shared.hpp>

#include <caf/send.hpp>

#include <new>
#include <utility>

namespace shunt {

namespace {

using clock = std::chrono::steady_clock;

struct directory_state {
  static constexpr const char* name = "session-directory";
};
using directory_self = pinned_actor<session_directory_actor, directory_state>;

session_directory_actor::behavior_type directory_behavior(directory_self*, route_service_sessions* sessions) {
  return {
    [sessions](const signature_used& m) { sessions->hear(m); },
    [sessions](const signature_use_ended& m) { sessions->hear(m); },
    [sessions](const use_judged& m) { sessions->hear(m); },
  };
}

} // namespace

void route_service_sessions::open() {
  self_ = spawn_pinned<session_directory_actor, directory_state>(home_, directory_behavior, this);
  all_.by_loop[home_.events().index()] = self_;
}

// -- The sessions of this loop.

live_session_ptr route_service_sessions::begin(const routing::session_limits& limits,
                                               live_session::give_up call, void* whom) {
  const routing::session_id id{.incarnation = all_.incarnation,
                               .loop = static_cast<std::uint32_t>(home_.events().index()),
                               .serial = ++last_serial_};
  auto session = boost::make_local_shared<live_session>(home_, id, limits, call, whom);
  sessions_.emplace(id.serial, entry{spawn_route_service_session(home_, session), session});
  return session;
}

void route_service_sessions::end(const live_session& session) noexcept {
  const auto found = sessions_.find(session.id().serial);
  if (found == sessions_.end())
    return;
  found->second.session->end();
  if (session.facts().given_up()) {
    try {
      if (given_up_.insert(found->first).second)
        given_up_order_.push_back(found->first);
    } catch (const std::bad_alloc&) { // Then it is as if another router had been asked.
    }
    while (given_up_order_.size() > given_up_max) {
      given_up_.erase(given_up_order_.front());
      given_up_order_.pop_front();
    }
  }
  sessions_.erase(found); // The actor ends with its last handle.
}

routing::use_verdict route_service_sessions::after_the_end(std::uint64_t serial, bool comes_back) const {
  return comes_back && given_up_.contains(serial) ? routing::use_verdict::too_late
                                                  : routing::use_verdict::over;
}

// -- Requests that carry a signature.

bool route_service_sessions::is_ours(const routing::session_id& id) const noexcept {
  return id.incarnation == all_.incarnation && id.loop < all_.by_loop.size();
}

bool route_service_sessions::is_here(const routing::session_id& id) const noexcept {
  return id.loop == home_.events().index();
}

bool route_service_sessions::use_awaiter::await_ready() {
  if (!owner.is_ours(id))
    return true;
  if (!owner.is_here(id))
    return false;
  const auto found = owner.sessions_.find(id.serial);
  verdict = found == owner.sessions_.end() ? owner.after_the_end(id.serial, comes_back)
                                           : found->second.session->use(comes_back, clock::now());
  return true;
}

void route_service_sessions::ask(use_awaiter& who) {
  const auto now = clock::now();
  const auto number = first_question_ + questions_.size();
  questions_.push_back({&who, now + wait_max});
  caf::anon_send(all_.by_loop[who.id.loop],
                 signature_used{who.id.serial, who.comes_back, now, number, self_});
  if (!waiting_)
    wait();
}

void route_service_sessions::use_ended(const routing::session_id& id, bool came_back,
                                       routing::time_point at) {
  if (!is_ours(id))
    return;
  const signature_use_ended ended{id.serial, came_back, at};
  if (!is_here(id))
    caf::anon_send(all_.by_loop[id.loop], ended);
  else if (const auto found = sessions_.find(id.serial); found != sessions_.end())
    found->second.session->use_ended(came_back, at);
}

// -- What other loops say.

void route_service_sessions::hear(const signature_used& message) {
  if (const auto found = sessions_.find(message.session); found != sessions_.end())
    caf::anon_send(found->second.actor, message);
  else
    caf::anon_send(message.asker,
                   use_judged{message.question, after_the_end(message.session, message.comes_back)});
}

void route_service_sessions::hear(const signature_use_ended& message) {
  if (const auto found = sessions_.find(message.session); found != sessions_.end())
    caf::anon_send(found->second.actor, message);
}

void route_service_sessions::hear(const use_judged& message) {
  const auto place = message.question - first_question_; // Wraps around for one that was given up.
  if (place >= questions_.size())
    return;
  auto* const who = std::exchange(questions_[place].who, nullptr);
  forget_answered();
  if (who == nullptr)
    return;
  who->verdict = message.verdict;
  who->awaiting.resume();
}

// -- Waiting for them. The wheel's ticks are too coarse for this. One timer serves all questions, which
// are due in their order.

void route_service_sessions::forget_answered() {
  while (!questions_.empty() && questions_.front().who == nullptr) {
    questions_.pop_front();
    ++first_question_;
  }
}

void route_service_sessions::wait() {
  waiting_ = true;
  timer_.expires_at(questions_.front().due);
  timer_.async_wait([this](const boost::system::error_code& failed) {
    if (!failed)
      give_up_waiting();
  });
}

void route_service_sessions::give_up_waiting() {
  waiting_ = false;
  const auto now = clock::now();
  while (!questions_.empty() && questions_.front().due <= now) {
    auto* const who = questions_.front().who;
    questions_.pop_front();
    ++first_question_;
    if (who != nullptr)
      who->awaiting.resume(); // Which may ask something else.
  }
  forget_answered();
  if (!questions_.empty() && !waiting_)
    wait();
}

} // namespace shunt
