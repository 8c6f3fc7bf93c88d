// See health_probe.hpp.
#include "net/health_probe.hpp"

#include "net/body.hpp"
#include "net/tls_engine.hpp"
#include "net/tls_peer.hpp"

#include <algorithm>

namespace shunt::net {

namespace {

using namespace std::chrono_literals;

constexpr head_limits answer_limits{.head_bytes_max = 16 * 1024, .fields_max = 200};
constexpr std::uint64_t body_bytes_max = 64 * 1024; ///< Beyond, a new connection is cheaper.
constexpr int interim_max = 8;

const probe_result succeeded{.outcome = probe_outcome::success};

bool is_success(const probe_result& result) {
  return result.outcome == probe_outcome::success;
}

} // namespace

// Throughout, an await stands in a statement of its own: see actors/attempt.cpp.

task<probe_result> health_probe::check(std::shared_ptr<health_probe> self, std::string request,
                                       terms on) {
  self->deadline_ = clock::now() + on.timeout;
  if (self->opened_with_ != on.tls)
    self->drop_connection();
  self->opened_with_ = on.tls;
  auto result = co_await self->attempt(request, on, false);
  // The endpoint may have closed a kept connection in the very moment of its use.
  if (!is_success(result) && self->reused_ && !self->heard_ && !self->closed_
      && result.outcome == probe_outcome::error) {
    self->drop_connection();
    result = co_await self->attempt(request, on, true);
  }
  if (result.outcome == probe_outcome::timeout || result.outcome == probe_outcome::error)
    self->drop_connection();
  co_return result;
}

task<probe_result> health_probe::attempt(const std::string& request, const terms& on, bool fresh) {
  heard_ = false;
  auto result = co_await open(on, fresh);
  if (!is_success(result))
    co_return result;
  up_->stall_limit(left());
  up_->receive_until(deadline_);
  const auto code = co_await up_->send(request);
  if (code)
    co_return failed(code, "write");
  result = co_await read_answer();
  if (result.outcome == probe_outcome::success || result.outcome == probe_outcome::bad_status)
    co_await finish(on);
  co_return result;
}

// -- The connection

task<probe_result> health_probe::open(const terms& on, bool fresh) {
  reused_ = !fresh && reuse();
  if (reused_)
    co_return succeeded;
  drop_connection();
  auto result = co_await dial();
  const bool tls = !target_.tls_name.empty();
  if (is_success(result) && tls)
    result = co_await secure(on);
  if (is_success(result) && target_.http2 && (!tls || speaks_http2(up_->tls()->session())))
    start_http2();
  co_return result;
}

/// Takes up what the last check left.
bool health_probe::reuse() {
  if (link_ && link_->can_open()) {
    up_ = link_->open();
    return true;
  }
  if (link_ || !up_ || up_->ended() || !up_->bytes().empty())
    return false;
  up_->watch(nullptr, nullptr);
  up_->resume_use();
  return true;
}

task<probe_result> health_probe::dial() {
  auto dialled = co_await net::dial(loop_, target_.host, target_.port, {left(), 0ns});
  if (dialled.connection && closed_)
    dialled.connection->close();
  if (closed_)
    co_return failed(asio::error::operation_aborted, "dial");
  if (!dialled.connection) {
    auto why = probe_outcome::error;
    if (dialled.code == asio::error::timed_out)
      why = probe_outcome::timeout;
    else if (lacks_means(dialled.code))
      why = probe_outcome::not_asked;
    co_return probe_result{why, describe(dialled, target_.host, target_.address)};
  }
  up_ = dialled.connection;
  up_->stall_limit(left());
  co_return succeeded;
}

task<probe_result> health_probe::secure(const terms& on) {
  auto session = on.tls == nullptr ? nullptr : on.tls->new_session(target_.tls_name, target_.http2);
  if (!session)
    co_return probe_result{probe_outcome::error, tls_name_impossible(target_.tls_name).text};
  const auto code = co_await up_->secure(std::make_unique<tls_engine>(std::move(session)), left());
  if (code)
    co_return failed(code, "handshake");
  co_return succeeded;
}

void health_probe::start_http2() {
  const auto role =
    target_.tls_name.empty() ? http2_role::client_http : http2_role::client_https;
  http2_limits limits;
  limits.head_bytes_max = answer_limits.head_bytes_max;
  link_ = new http2_link{std::move(up_), role, limits, std::uint64_t{loop_.index()}};
  // It ends when this lets go of it: an idle connection is the next check's.
  net::start(link_->run({.stall = http2_link::unended_patience}), [held = link_](const std::exception_ptr&) {});
  up_ = link_->open();
}

// -- The answer

task<probe_result> health_probe::read_answer() {
  scratch_.reset();
  for (int interim = 0;;) {
    const auto status = parse_response(up_->bytes(), false, head_, answer_limits, scratch_);
    heard_ = heard_ || !up_->bytes().empty();
    if (status.failed())
      co_return probe_result{probe_outcome::error, std::string{describe(status.error)}};
    if (status.complete()) {
      up_->consume(head_.head_bytes);
      if (head_.status == 101 || head_.status >= 200)
        break;
      if (++interim > interim_max)
        co_return probe_result{probe_outcome::error, "too many 1xx responses"};
      continue;
    }
    if (up_->buffer_bytes() > 0 && up_->bytes().size() + 2048 > up_->buffer_bytes())
      up_->want_buffer(up_->buffer_bytes() * 2);
    const auto code = co_await up_->receive();
    if (code)
      co_return failed(code, "read");
  }
  if (head_.status >= 200 && head_.status < 400)
    co_return succeeded;
  std::string problem{"status "};
  problem += std::to_string(head_.status);
  co_return probe_result{probe_outcome::bad_status, std::move(problem)};
}

/// Reads what is left of the answer, and keeps the connection if that leads to its end.
task<void> health_probe::finish(const terms& on) {
  body_reader body;
  const bool keeps = on.keep.count() > 0 && head_.keep_alive && head_.status != 101
                     && head_.framing != body_framing::until_close
                     && (head_.framing != body_framing::length
                         || head_.content_length <= body_bytes_max);
  body.begin(head_.framing, head_.content_length);
  while ((keeps || link_) && !body.done() && body.bytes_taken() <= body_bytes_max) {
    const auto step = body.take(up_->bytes());
    up_->consume(step.consumed);
    if (step.malformed)
      break;
    if (step.done || (step.consumed > 0 && !up_->bytes().empty()))
      continue;
    const auto code = co_await up_->receive();
    if (code)
      break;
  }
  if (link_ && on.keep.count() > 0) { // Other streams may follow this one.
    up_->close();
    up_ = nullptr;
  } else if (keeps && body.done() && !closed_) {
    up_->want_buffer(buffer_store::block_bytes);
    up_->watch(&health_probe::on_event, this);
    up_->rest(on.keep);
  } else {
    drop_connection();
  }
}

probe_result health_probe::failed(error_code code, const char* doing) const {
  const auto* engine = link_ ? link_->carrier()->tls() : up_ ? up_->tls() : nullptr;
  if (code == asio::error::timed_out)
    return {probe_outcome::timeout, std::string{doing}.append(": timeout")};
  if (engine != nullptr && engine->failure())
    return {probe_outcome::error, engine->failure()->text};
  if (code == asio::error::eof)
    return {probe_outcome::error, std::string{doing}.append(": EOF")};
  return {probe_outcome::error, std::string{doing}.append(": ").append(go_words(code))};
}

/// Of the time of this check: at least a moment, for nothing would mean for ever.
std::chrono::nanoseconds health_probe::left() const {
  return std::max<std::chrono::nanoseconds>(deadline_ - clock::now(), 1ms);
}

// -- The end

/// An idle connection ended, or the endpoint spoke unasked.
void health_probe::on_event(void* self) {
  auto& probe = *static_cast<health_probe*>(self);
  const auto keep_alive = probe.up_; // Its handler is still running.
  probe.drop_connection();
}

void health_probe::close() noexcept {
  closed_ = true;
  // Whoever waits for it hears of the end, and lets go.
  if (up_)
    up_->abort(asio::error::operation_aborted);
  if (link_)
    link_->abort(asio::error::operation_aborted);
}

void health_probe::drop_connection() noexcept {
  if (up_) {
    up_->watch(nullptr, nullptr);
    up_->close();
  }
  up_ = nullptr;
  if (link_)
    link_->abort(asio::error::operation_aborted);
  link_ = nullptr;
}

} // namespace shunt::net
