// The sessions of one loop, by serial, and the way to those of other loops. A request that carries a session's
// signature asks here what becomes of it; where the session is another loop's, its directory is asked by
// message, and the request waits a few milliseconds and goes on without an answer rather than fail. The actor
// is the mailbox; everything runs on the loop's thread.
#pragma once

#include "actors/route_service_session.hpp"

#include <boost/asio/basic_waitable_timer.hpp>

#include <coroutine>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace shunt {

/// The directories of a process, one a loop; filled before the loops start.
struct session_directories {
  std::uint64_t incarnation = 0; ///< Of the process.
  std::vector<session_directory_actor> by_loop;
};

class route_service_sessions {
public:
  /// `all` outlives this.
  route_service_sessions(loop& home, session_directories& all)
    : home_{home}, all_{all}, timer_{home.events().get_executor()} {}
  route_service_sessions(const route_service_sessions&) = delete;
  route_service_sessions& operator=(const route_service_sessions&) = delete;

  /// Starts the mailbox and enters it among all. Any thread, once, before the loops start.
  void open();

  live_session_ptr begin(const routing::session_limits& limits, live_session::give_up call, void* whom);
  void end(const live_session& session) noexcept;
  std::size_t open_sessions() const noexcept { return sessions_.size(); }

  /// Awaits what becomes of a request that carries the signature of `id`. Each must be followed by `use_ended`.
  auto use(const routing::session_id& id, bool comes_back);
  void use_ended(const routing::session_id& id, bool came_back, routing::time_point at);

  /// So many are remembered after they gave their service up.
  static constexpr std::size_t given_up_max = 4096;

  /// For the answer of another loop. A busy loop answers in a fraction of a millisecond.
  static constexpr auto wait_max = std::chrono::milliseconds{5};

  // -- The mailbox.
  void hear(const signature_used& message);
  void hear(const signature_use_ended& message);
  void hear(const use_judged& message);

private:
  struct entry {
    route_service_session_actor actor;
    live_session_ptr session;
  };
  struct use_awaiter;
  struct question {
    use_awaiter* who = nullptr; ///< Null: answered.
    routing::time_point due;
  };
  using timer = net::asio::basic_waitable_timer<
    std::chrono::steady_clock, net::asio::wait_traits<std::chrono::steady_clock>, net::executor>;

  bool is_ours(const routing::session_id& id) const noexcept;
  bool is_here(const routing::session_id& id) const noexcept;
  void ask(use_awaiter& who);
  /// What becomes of a request whose session is over, or was never here.
  routing::use_verdict after_the_end(std::uint64_t serial, bool comes_back) const;
  void forget_answered();
  void wait();
  void give_up_waiting();

  loop& home_;
  session_directories& all_;
  session_directory_actor self_;
  std::unordered_map<std::uint64_t, entry> sessions_;
  std::uint64_t last_serial_ = 0;
  /// The latest that gave their service up, in order of serials or nearly so: it may wake up, and its request
  /// was answered, perhaps by the app.
  std::unordered_set<std::uint64_t> given_up_;
  std::deque<std::uint64_t> given_up_order_;
  std::deque<question> questions_; ///< In the order in which they were asked, and are due.
  std::uint64_t first_question_ = 0; ///< The number of the first of these.
  timer timer_;
  bool waiting_ = false;
};

struct route_service_sessions::use_awaiter {
  route_service_sessions& owner;
  routing::session_id id;
  bool comes_back;
  routing::use_verdict verdict = routing::use_verdict::unknown;
  std::coroutine_handle<> awaiting;

  bool await_ready();
  void await_suspend(std::coroutine_handle<> handle) {
    awaiting = handle;
    owner.ask(*this);
  }
  routing::use_verdict await_resume() const noexcept { return verdict; }
};

inline auto route_service_sessions::use(const routing::session_id& id, bool comes_back) {
  return use_awaiter{*this, id, comes_back, routing::use_verdict::unknown, {}};
}

/// The session of a request, as whoever serves it holds it. Ends with it at the latest.
class open_session {
public:
  open_session() = default;
  open_session(const open_session&) = delete;
  open_session& operator=(const open_session&) = delete;
  ~open_session() { end(); }

  void begin(route_service_sessions& among, const routing::session_limits& limits,
             live_session::give_up call, void* whom) {
    end();
    among_ = &among;
    session_ = among.begin(limits, call, whom);
  }
  void end() noexcept {
    if (session_ == nullptr) [[likely]]
      return;
    among_->end(*session_);
    session_ = nullptr;
  }

  explicit operator bool() const noexcept { return session_ != nullptr; }
  live_session* operator->() const noexcept { return session_.get(); }

private:
  route_service_sessions* among_ = nullptr;
  live_session_ptr session_;
};

/// That a request carries a session's signature. The session hears of its end.
class signature_use {
public:
  signature_use() = default;
  signature_use(const signature_use&) = delete;
  signature_use& operator=(const signature_use&) = delete;
  ~signature_use() { end(routing::time_point::clock::now()); }

  /// Awaits the verdict.
  auto begin(route_service_sessions& among, const routing::session_id& of, bool comes_back) {
    end(routing::time_point::clock::now());
    among_ = &among;
    of_ = of;
    comes_back_ = comes_back;
    return among.use(of, comes_back);
  }
  void end(routing::time_point at) {
    if (among_ == nullptr) [[likely]]
      return;
    among_->use_ended(of_, comes_back_, at);
    among_ = nullptr;
  }
  explicit operator bool() const noexcept { return among_ != nullptr; }

private:
  route_service_sessions* among_ = nullptr;
  routing::session_id of_;
  bool comes_back_ = false;
};

} // namespace shunt
