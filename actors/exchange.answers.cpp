// What the router answers by itself: its errors, its health, and what becomes of a body that nobody wanted.
#include "actors/exchange.hpp"

namespace shunt {

using net::router_error;

namespace {

constexpr std::uint64_t drained_bytes_max = 256 * 1024; ///< Of a body that nobody wanted.

} // namespace

net::task<void> exchange::respond(net::error_response answer) {
  if (answer.rejected)
    loop_counters::add(here_.counters.rejected_requests);
  status_ = answer.status;
  router_error_ = answer.router_error;
  if (answer.status != 404
      && (answer.form == net::error_body::plain || answer.form == net::error_body::custom))
    here_.requests.answered_error(logged(), net::body_of(answer));
  here_.dress(answer, net::view(id_), *rules_);
  own_body_bytes_ = head.method == "HEAD" ? 0 : net::body_of(answer).size();
  if (client_gone_) {
    own_body_bytes_ = 0;
    client_->close_after = true;
    co_return;
  }
  if (!head.keep_alive || here_.draining || head.expect_continue)
    client_->close_after = true;
  if (!request_body_.done() && head.content_length > drained_bytes_max)
    client_->close_after = client_->unread = true;
  answer_.clear();
  net::append_response(answer_, answer,
                       {.request_id = net::view(id_),
                        .date = here_.date.at(times_.received_unix_ns / 1'000'000'000),
                        .http_1_0 = head.version_minor == 0,
                        .keep_alive = !client_->close_after,
                        .head_request = head.method == "HEAD",
                        .rewrite = &rules_->rewrite});
  co_await client_->wire->send(answer_);
}

/// A defect of the router's, or no memory. A client that has heard nothing yet is told; others are cut off.
net::task<void> exchange::own_up(std::string_view defect) {
  here_.requests.panicked(logged(), head.host, defect);
  client_->close_after = client_->unread = true;
  if (status_ == 0)
    co_await respond(net::describe(router_error::unknown_failure, head.host));
  else
    client_->wire->abort(net::asio::error::operation_aborted);
}

net::task<void> exchange::respond_health() {
  const bool healthy = here_.router.state.load(std::memory_order_relaxed) == health::healthy;
  if (!head.keep_alive || here_.draining || head.expect_continue || !request_body_.done())
    client_->close_after = true;
  status_ = healthy ? 200 : 503;
  answer_.assign("HTTP/1.1 ").append(std::to_string(status_)).append(" ");
  answer_.append(net::reason_of(status_));
  answer_.append("\r\nCache-Control: private, max-age=0\r\nDate: ");
  answer_.append(here_.date.at(times_.received_unix_ns / 1'000'000'000));
  answer_.append("\r\nExpires: 0\r\nX-Vcap-Request-Id: ");
  answer_.append(net::view(id_)).append("\r\n");
  rules_->rewrite.apply(answer_, 0);
  answer_.append(healthy ? "Content-Length: 3" : "Content-Length: 0");
  own_body_bytes_ = healthy && head.method != "HEAD" ? 3 : 0;
  if (client_->close_after)
    answer_.append("\r\nConnection: close");
  else if (head.version_minor == 0)
    answer_.append("\r\nConnection: keep-alive");
  answer_.append("\r\n\r\n");
  if (healthy && head.method != "HEAD")
    answer_.append("ok\n");
  co_await client_->wire->send(answer_);
}

/// What the backend, or the router, did not want of the request's body stands before the next
/// request. A little is read and forgotten; for more, or for a client that waits to be asked, the
/// connection ends.
net::task<void> exchange::finish_request_body() {
  if (client_->http_major == 2) { // What is left of a stream is nobody's next request.
    client_->unread = true;
    co_return;
  }
  bool read = false;
  if (!client_->close_after && !head.expect_continue)
    read = co_await net::discard_body(client_->wire, request_body_, drained_bytes_max,
                                      rules_->settings.read_body_timeout);
  if (!read)
    client_->close_after = client_->unread = true;
}

} // namespace shunt
