// One request and its response, from the head that was read to the record in the access log. Reads
// top to bottom: check, find the route, pick an endpoint, try, perhaps try another, account. Holds
// every buffer that this needs and is reused from request to request, so that none is allocated.
#pragma once

#include "actors/connection.hpp"
#include "actors/route_service_sessions.hpp"
#include "actors/route_services.hpp"
#include "net/body.hpp"
#include "net/forwarding.hpp"
#include "net/http_head.hpp"
#include "net/latch.hpp"
#include "net/router_error.hpp"
#include "routing/access_record.hpp"
#include "routing/failure.hpp"
#include "routing/instance_address.hpp"
#include "routing/uri.hpp"

#include <chrono>
#include <memory>
#include <optional>

namespace shunt {

/// When things happened. Zero = they did not.
struct exchange_times {
  using clock = std::chrono::steady_clock;
  std::int64_t received_unix_ns = 0;
  clock::time_point received;
  clock::time_point proxying;      ///< Proxying began.
  clock::time_point proxied;       ///< The response was copied, or given up.
  clock::time_point attempt;       ///< The latest attempt began.
  clock::time_point answering;     ///< The head of its response came. Only if Loggregator is told.
  clock::time_point last_failure;  ///< The latest failed attempt ended.
  clock::time_point ended;         ///< Nothing is left to do.
  std::chrono::nanoseconds held{0}; ///< Waited for an endpoint.
  std::chrono::nanoseconds dial{-1};
  std::chrono::nanoseconds resolve{-1};
  std::chrono::nanoseconds handshake{-1};
};

/// How an attempt ended.
struct attempt_result {
  enum class kind : std::uint8_t {
    answered,          ///< The client has (a part of) a response. No other attempt may follow.
    failed,            ///< The client was sent nothing: `rule` says what may follow.
    bad_upgrade,       ///< The backend switched to a protocol that nobody asked for.
    malformed_request, ///< The client's fault: its body broke the chunked coding.
    denied,            ///< The route's policy keeps the client away from the endpoint.
    late_request,      ///< The client's fault: it fell silent in the middle of its body.
    overloaded,        ///< Nobody was asked: the router has no descriptor left.
  };
  kind ended = kind::answered;
  routing::failure_rule rule{};
  std::string detail{}; ///< For X-Cf-RouterError.
  routing::failure_class why = routing::failure_class::other;
};

/// How far an attempt got, for the component log.
struct attempt_progress {
  bool got_connection = false;
  bool wrote_head = false;
  bool reused = false;
  std::string local_address;
};

class attempt;

class exchange {
public:
  explicit exchange(loop_context& here) : here_{here} {}

  net::request_head head;
  net::head_scratch scratch;
  /// What `head` points into when that is not the client's wire: a stream's head was taken off it, or a
  /// tunnel has begun. Else empty.
  std::string head_text;
  net::head_outline outline; ///< Of the head that is being handed over, to the exchange or by it.

  /// What it holds besides the read buffers, beyond what every exchange holds.
  std::size_t extra_bytes() const noexcept;
  /// Gives back what only an unusual request needed: the next one may be small.
  void shrink();

  /// Serves the request in `head`, whose bytes are pinned in the client's wire or in `head_text`. Sets
  /// `client.close_after` when the connection cannot be used again.
  net::task<void> serve(client_connection& client);

private:
  friend class attempt;

  struct route {
    enum class kind : std::uint8_t { found, empty, none, unknown } found = kind::none;
    routing::leased_pool* pool = nullptr;
  };

  /// Whether the request goes to an endpoint. If not, it has been answered, nobody wants an answer, or it is refused.
  struct way {
    bool open = false;
    std::optional<net::error_response> refusal{};
  };

  void begin(client_connection& client);
  net::task<void> answer();
  /// Copies the head out of the client's buffer, which a tunnel may not keep for hours.
  void keep_head();
  std::optional<net::error_response> check() const;
  std::optional<net::error_response> check_size() const;
  bool body_is_broken() const;
  logged_request logged() const; ///< For the component log.
  bool has_semicolon() const;
  bool misdirected(std::string_view host) const;
  bool is_denied(const routing::leased_pool& pool, const routing::endpoint* target);
  bool is_health_check() const;
  bool is_websocket() const;
  bool wants_trace() const;
  bool traced() const;
  /// The route of `key_`. Nothing while its host is not known on this loop.
  std::optional<route> leased_route();
  /// The same of a host and a target.
  std::optional<route> known_route(std::string_view host, std::string_view target);
  /// The same, and asks for the host if it is not known.
  net::task<route> find_route(std::string_view host, std::string_view target);
  void note_route(const routing::leased_pool& pool);
  net::task<std::optional<net::error_response>> judge_signature(bool bound);
  std::optional<net::error_response> refuse_signature(const routing::signature_verdict& verdict, bool bound);
  net::task<std::optional<net::error_response>> match_forwarded_url(std::string_view url);
  net::task<std::optional<net::error_response>> judge_use(routing::session_id session, bool bound);
  void begin_session();
  bool sign_request();
  /// Whether the request, as far as it has come, may be sent to an endpoint of that pool.
  bool may_go_to_app(const routing::leased_pool& pool) const;
  bool admits_nowhere(const routing::leased_pool& pool) const;
  /// Whether the service is down and the request is to go to the app without it.
  net::task<bool> ask_route_service(std::string url, bool open);
  static bool fails_open(const routing::leased_pool& pool);
  bool is_down(const attempt_result& last) const;
  void bypass_route_service();
  /// The service's time is over.
  static void session_expired(void* self);
  /// Nothing is under way any more of which a session should know.
  void leave_sessions();
  net::task<bool> may_hairpin();
  /// A host or address without what follows its first colon; an IP literal without its port.
  static std::string_view without_port(std::string_view host);
  void read_affinity();
  /// How many endpoints of the pool the request may go to.
  std::size_t candidates(const routing::leased_pool& pool) const;
  bool all_overloaded(const routing::leased_pool& pool) const;
  /// The endpoint for the next attempt, or null.
  routing::leased_endpoint* choose(routing::leased_pool& pool, routing::attempt_state& attempts);
  routing::leased_endpoint* find_sticky(const routing::leased_pool& pool) const;
  net::error_response unknown_instance() const;
  /// Makes `cookie_line_` if the response in `response_` must make its client sticky.
  void make_sticky_cookie();
  net::proto_source proto_source() const;
  net::error_response no_route(const route& found) const;
  /// Whether the route, which has no endpoint, wants its requests to wait for one.
  bool may_hold(const route& found) const;
  /// Waits for that. What the route is afterwards, if the client is still there.
  net::task<route> await_endpoint(route found);
  static void holding_client_event(void* self);
  /// Of a header that names an instance, and is none.
  std::optional<net::error_response> refuse_instance() const;
  std::optional<net::error_response> refuse_route(routing::leased_pool& pool, routing::attempt_state& attempts, bool lonely);
  std::string_view hash_value(const routing::leased_pool& of) const;
  /// All that comes before the first attempt: the route, who may use it, its route service.
  net::task<way> open_way(route& found, routing::attempt_state& attempts);
  net::task<void> proxy();
  net::task<attempt_result> try_endpoint(routing::leased_endpoint& endpoint);
  net::task<void> answer_failure(const attempt_result& last);
  net::task<void> respond(net::error_response error);
  net::task<void> respond_health();
  net::task<void> own_up(std::string_view defect);
  net::task<void> finish_request_body();
  void judge(const attempt_result& ended);
  void report_failure(const attempt_result& failed, routing::leased_endpoint& endpoint,
                      std::size_t endpoints);
  std::string_view protocol() const;
  const routing::metric_labels& labels_of(routing::leased_endpoint& endpoint);
  void count();
  void log();
  void log_attempt(const routing::leased_endpoint& endpoint);
  /// Whether somebody wants to hear of requests, or of attempts.
  bool heard(bool policy::*tells) const;

  loop_context& here_;
  client_connection* client_ = nullptr;
  policy_ptr rules_; ///< Of this request.
  routing::request_key key_;
  std::string route_host_; ///< Of the pool that was matched last, which may be gone by now.
  std::string route_path_;
  net::situation where_ = net::situation::unbound;
  bool signed_ = false; ///< It carries a valid signature of a route service's.
  bool proto_settled_ = false; ///< Its X-Forwarded-Proto is what any endpoint or service would be sent.
  route_service_ptr service_;              ///< While it is being asked.
  std::unique_ptr<held_requests::place> held_; ///< From the wait for an endpoint on.
  open_session session_;                   ///< Since it was asked.
  signature_use use_;                      ///< If the request came with a session's signature.
  attempt* asking_ = nullptr;              ///< The attempt at the service that is under way.
  routing::session_times service_times_;   ///< Once the service has been asked.
  bool bypassed_ = false;                  ///< The service was down, and the route said not to mind.
  std::string session_text_;
  bool hairpinned_ = false;                ///< By the internal listener.
  routing::signature_texts signature_;
  std::string forwarded_url_;
  net::request_ids::text id_;
  net::trace_record trace_;            ///< While any tracer is on.
  routing::instance_address wanted_;   ///< By header.
  net::stickiness sticky_;             ///< By cookie.
  std::string cookie_line_;
  net::response_head response_;
  net::head_scratch response_scratch_;
  std::string response_text_; ///< As `head_text`, of `response_`.
  net::body_reader request_body_;
  net::body_reader response_body_;
  std::string out_;      ///< The head that goes to the backend, then others.
  std::string answer_;   ///< The head that goes to the client.
  std::string router_error_;
  std::string policy_rule_; ///< By which the route's policy decided; empty: it has none.
  std::vector<std::string_view> logged_values_; ///< Of `extra_headers_to_log`.
  std::vector<std::string_view> logged_tags_;   ///< Of the endpoint.
  std::string backend_;  ///< Of the last endpoint tried.
  std::string local_address_;
  attempt_progress progress_; ///< Of the latest attempt, if it failed.
  routing::leased_endpoint_ptr endpoint_;
  exchange_times times_;
  int status_ = 0;
  std::uint64_t own_body_bytes_ = 0; ///< Of an answer of the router's own.
  std::uint32_t failed_attempts_ = 0;
  bool attempt_heard_ = false; ///< Loggregator is to hear of the attempt that is under way.
  bool tunnelled_ = false;
  bool answered_ = false;  ///< By a backend.
  bool body_spent_ = false; ///< Bytes of the request's body are gone: it cannot be sent again.
  bool client_gone_ = false;
};

} // namespace shunt
