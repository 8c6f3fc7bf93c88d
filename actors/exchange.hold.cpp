// How a request waits for the first endpoint of a route whose option `hold` asks for that.
#include "actors/exchange.hpp"

#include "net/http2_limits.hpp"

namespace shunt {

namespace {

/// What a request may come to occupy while it waits: its head where it was pinned, what was read behind
/// that, and of a stream its window.
std::size_t bytes_held(const client_connection& client) {
  constexpr auto buffers = 2 * net::buffer_store::block_bytes;
  return client.http_major == 2 ? buffers + net::http2_limits{}.stream_window_bytes : buffers;
}

} // namespace

bool exchange::may_hold(const route& found) const {
  return found.found == route::kind::empty && found.pool->traits().options
         && found.pool->traits().options->hold.count() > 0;
}

net::task<exchange::route> exchange::await_endpoint(route found) {
  using outcome = held_requests::outcome;
  const auto began = exchange_times::clock::now();
  const auto until = began + found.pool->traits().options->hold;
  loop_counters::add(here_.counters.held);
  auto how = outcome::over;
  for (;;) {
    // What came may have been filled by requests that did not wait.
    const bool filled = found.found == route::kind::found && held_ != nullptr && all_overloaded(*found.pool);
    if (how != outcome::over || !(filled || may_hold(found)))
      break;
    const auto& pool = *found.pool;
    if (held_ == nullptr || !held_->is_for(pool.host(), pool.path()))
      held_ = std::make_unique<held_requests::place>(here_.leases.held(), pool.host(), pool.path(),
                                                     bytes_held(*client_), until);
    client_->wire->watch(&exchange::holding_client_event, this);
    holding_client_event(this);
    how = co_await held_->wait(filled);
    client_->wire->watch(nullptr, nullptr);
    if (how == outcome::left) {
      client_gone_ = true;
      break;
    }
    // Whatever ended the wait, the route is read anew: it may have changed, or be gone.
    found = co_await find_route(head.host, head.target);
  }
  times_.held += exchange_times::clock::now() - began;
  if (client_gone_) {
    attempt_result gone;
    gone.ended = attempt_result::kind::failed;
    gone.why = routing::failure_class::client_cancelled;
    gone.rule = routing::rule_of(gone.why);
    gone.detail = "context canceled";
    co_await answer_failure(gone);
  } else if (found.found == route::kind::found) {
    // As it should be.
  } else if (how == outcome::refused) {
    loop_counters::add(here_.counters.hold_refusals);
    here_.requests.not_held(logged(), head.host, "too many requests wait", times_.held);
  } else if (how == outcome::late) {
    loop_counters::add(here_.counters.hold_timeouts);
    here_.requests.not_held(logged(), head.host, "no backend registered in time", times_.held);
  }
  co_return found;
}

/// A client that ended behind the whole of its request may have sent others, and waits for the answers.
void exchange::holding_client_event(void* context) {
  auto& self = *static_cast<exchange*>(context);
  auto& wire = *self.client_->wire;
  const auto ended = wire.ended();
  if (!ended) {
    wire.listen(); // To hear of it. In vain while the buffer is full.
    return;
  }
  if (ended == net::asio::error::eof && self.client_->http_major == 2)
    return;
  const bool counted = self.head.framing != net::body_framing::chunked;
  const bool more_to_serve = ended == net::asio::error::eof && counted
                             && wire.bytes().size() > self.head.content_length;
  if (!more_to_serve)
    self.held_->leave();
}

} // namespace shunt
