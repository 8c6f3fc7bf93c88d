// What is said between a request's head and its response: a client that expects a 100 before its
// body, and the backend's 1xx responses on their way to it.
#include "actors/attempt.hpp"

#include <chrono>

namespace shunt {

using net::error_code;
using namespace std::chrono_literals;
namespace asio = net::asio;

namespace {

constexpr auto continue_wait = 1s; ///< For a backend's 100 (gorouter's value).

} // namespace

/// Gives the backend a second to ask for the body, or to refuse it. Who says 100 is the backend.
/// Only when all three would wait for each other, the backend for a body and the client for being
/// asked, the router says it for a backend that does not know that it should.
net::task<void> attempt::await_go_ahead() {
  client_.wire->listen(); // It may send its body without being asked, or leave.
  net::deadline limit{here_.home.events().deadlines(),
                      [](void* latch) { static_cast<net::latch*>(latch)->open(); }, &go_ahead_};
  limit.expires_after(continue_wait);
  co_await go_ahead_;
  if (passing_interim_) // Nor may a 100 be mixed with what is being sent.
    co_await interim_passed_;
  if (final_ || told_continue_ || of_.client_gone_ || !client_.wire->bytes().empty())
    co_return;
  told_continue_ = telling_continue_ = true;
  const auto unheard = co_await client_.wire->send("HTTP/1.1 100 Continue\r\n\r\n");
  if (unheard) {
    of_.client_gone_ = true;
    up_->abort(asio::error::operation_aborted);
  }
  telling_continue_ = false;
  continue_told_.open();
}

/// 100 and other informational responses go to the client as they come, if it understands them.
net::task<error_code> attempt::pass_interim() {
  const bool go_ahead = of_.response_.status == 100;
  error_code code;
  if (of_.head.version_minor == 1 && !(go_ahead && told_continue_)) {
    told_continue_ = told_continue_ || go_ahead;
    if (telling_continue_)
      co_await continue_told_;
    of_.answer_.clear();
    net::append_interim_head(of_.answer_, of_.response_, &of_.rules_->rewrite);
    interim_passed_ = {};
    passing_interim_ = true;
    code = co_await client_.wire->send(of_.answer_);
    passing_interim_ = false;
    interim_passed_.open();
  }
  if (!head_taken_)
    up_->consume(of_.response_.head_bytes);
  if (go_ahead)
    go_ahead_.open();
  co_return code;
}

} // namespace shunt
