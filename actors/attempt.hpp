// One attempt to have a backend answer a request: a connection from the pool or a new one, the
// request out, the response in. Lives in the frame of `exchange::try_endpoint`.
#pragma once

#include "actors/exchange.hpp"
#include "net/dial.hpp"
#include "net/http2_link.hpp"
#include "net/tls_failure.hpp"
#include "net/tls_handles.hpp"

namespace shunt {

/// What a loop keeps for a TLS endpoint between attempts.
struct tls_memory {
  std::string name;     ///< What its certificate must be for.
  std::string pool_key; ///< Connections are shared among those that expect the same name alone,
  std::string http2_pool_key; ///< and, where HTTP/2 was offered, that would speak it, whatever was agreed on.
  net::ssl_session_ptr session; ///< To be resumed.
};

class attempt {
public:
  attempt(exchange& of, routing::leased_endpoint& to);
  attempt(const attempt&) = delete;
  attempt& operator=(const attempt&) = delete;
  ~attempt();

  net::task<attempt_result> run();
  /// Fails at once, if it is an attempt at a route service that has not begun to answer.
  void give_up();

private:
  /// Sets `up_`, if there is one.
  bool take_idle();
  /// On connections that were not new; the last time it goes on a new one.
  static constexpr unsigned resent_at_most = 2;

  /// Sets `up_`: when it was `sent` before, not by a connection that had been idle, nor by the one that has just failed.
  net::task<attempt_result> connect(unsigned sent);
  net::task<attempt_result> connect_http2(unsigned sent);
  net::task<attempt_result> await_link();
  net::task<attempt_result> dial_backend();
  net::task<attempt_result> secure_backend();
  net::task<attempt_result> talk();
  net::task<attempt_result> send_request();
  void let_go_of_body();
  net::task<void> pump_request();
  net::task<void> await_go_ahead();
  net::task<attempt_result> read_response();
  net::parse_status next_head(const net::head_limits& limits);
  /// Whether there is memory for the head that was taken off a stream; then it is held against the budget.
  bool charge_taken_head();
  net::task<net::error_code> pass_interim();
  net::task<attempt_result> answer_client();
  bool opens_no_tunnel() const;
  bool switched_as_asked() const;
  net::task<attempt_result> open_tunnel();
  net::task<void> stop_pump();
  void hand_back(bool response_complete);

  bool asks_route_service() const { return of_.where_ == net::situation::to_route_service; }
  bool hairpins() const { return asks_route_service() && of_.hairpinned_; }
  /// Whether the response tells by which router and from which backend it came.
  bool shows_way() const { return of_.wants_trace() && !asks_route_service(); }
  const net::backend_tls* tls_rules() const; ///< By which the endpoint is trusted.
  /// Where its idle connections are kept.
  std::string_view pool_key() const {
    if (tls_ == nullptr)
      return address_;
    return wants_http2() ? tls_->http2_pool_key : tls_->pool_key;
  }
  /// The connection, of which `up_` may be a stream.
  net::wire& carrier() const { return link_ ? *link_->carrier() : *up_; }
  bool wants_http2() const;
  bool speaks_http2_else() const; ///< To this endpoint, but for upgrades.
  std::chrono::nanoseconds time_limit() const;
  /// The smaller of `patience` and what the exchange has left; whether it is the latter.
  std::pair<std::chrono::nanoseconds, bool> within_limit(std::chrono::nanoseconds patience) const;
  void build_head();
  /// Where a stream to the backend is told what stands where in the head; null for other connections.
  net::head_outline* outline_for_backend() const { return link_ ? &of_.outline : nullptr; }
  void watch_client();
  static void client_event(void* self);
  void headers_arrived();
  attempt_result failed(routing::failure_class why, std::string detail) const;
  attempt_result failed_unsent(routing::failure_class why, std::string detail) const;
  attempt_result write_failure(net::error_code code) const;
  std::string local_address() const;
  std::string peer_text(std::string_view operation, net::error_code code) const;
  attempt_result receive_failure(net::error_code code) const;
  attempt_result tls_failure(const net::tls_failure& why) const;
  attempt_result handshake_failure(net::error_code code) const;
  attempt_result head_failure(net::parse_error error) const;
  bool was_refused() const;
  bool may_resend() const;
  bool body_buffered() const;
  bool idempotent() const;

  exchange& of_;
  loop_context& here_;
  client_connection& client_;
  routing::leased_endpoint& to_;
  std::string_view address_;
  tls_memory* tls_ = nullptr; ///< Of a TLS endpoint.
  net::wire_ptr up_;
  net::http2_link_ptr link_; ///< Whose stream `up_` is; null for a connection of its own.
  const net::http2_link* failed_link_ = nullptr; ///< By which it was sent in vain. Only its address: it may be gone.
  bool reused_ = false;
  bool head_taken_ = false; ///< The latest head of the response lies in `response_text_`, not in the wire.
  std::size_t charged_bytes_ = 0; ///< For such a head, if it is large.
  bool session_unkept_ = false; ///< The connection is new, and may have a session to resume.
  bool awaiting_headers_ = true;
  bool written_ = false;         ///< Something of the request may have reached the backend.
  std::size_t body_kept_bytes_ = 0; ///< Of a body that was sent whole, and is still in the client's wire.
  bool websocket_ = false;
  bool pumping_ = false;         ///< A second coroutine sends the body.
  net::relay_result pumped_;
  std::chrono::nanoseconds body_silence_max_{0}; ///< How long the client may pause in its body; 0 = no limit.
  net::latch pump_ended_;
  net::latch go_ahead_;          ///< The client may send, or was told to, its expected body.
  net::latch continue_told_;     ///< The router's own 100 has been sent.
  bool telling_continue_ = false;
  net::latch interim_passed_;    ///< The backend's interim response has been sent.
  bool passing_interim_ = false;
  bool told_continue_ = false;
  bool final_ = false;           ///< The final response has begun: no 100 may follow.
};

} // namespace shunt
