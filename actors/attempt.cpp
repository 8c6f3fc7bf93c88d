#include "actors/attempt.hpp"

#include "net/backend_tls.hpp"
#include "net/client_cert_header.hpp"
#include "net/http2_head.hpp"
#include "net/open_sockets.hpp"
#include "net/tls_engine.hpp"
#include "net/tunnel.hpp"

#include <algorithm>
#include <array>

namespace shunt {

using net::error_code;
using namespace std::chrono_literals;
namespace asio = net::asio;

namespace {

constexpr auto no_memory_for_head = "the router has no memory left for so large a response head";
constexpr int interim_max = 64;    ///< 1xx responses before a final one; more is abuse.

/// The memory of a TLS endpoint; null for a plain one. A route service is not trusted as a backend of the
/// same name would be, nor as the router itself is, so `kind` keeps their connections apart.
tls_memory* tls_memory_of(routing::leased_endpoint& endpoint, std::string_view kind) {
  const auto& about = endpoint.about();
  if (!about.tls())
    return nullptr;
  if (endpoint.transport == nullptr) {
    auto made = std::make_shared<tls_memory>();
    const auto san = about.server_cert_domain_san();
    made->name = san.empty() ? about.host() : san;
    made->pool_key.append(kind).append(about.address()).append(" ").append(made->name);
    made->http2_pool_key.append("http2 ").append(made->pool_key);
    endpoint.transport = std::move(made);
  }
  return static_cast<tls_memory*>(endpoint.transport.get());
}

} // namespace

attempt::attempt(exchange& of, routing::leased_endpoint& to)
  : of_{of}, here_{of.here_}, client_{*of.client_}, to_{to}, address_{to.about().address()},
    tls_{tls_memory_of(to, hairpins() ? "internal " : asks_route_service() ? "route service " : "")} {
  to_.stats().in_flight.fetch_add(1, std::memory_order_relaxed);
  to_.stats().awaiting_headers.fetch_add(1, std::memory_order_relaxed);
  if (asks_route_service())
    of_.asking_ = this;
}

attempt::~attempt() {
  of_.asking_ = nullptr;
  headers_arrived();
  to_.stats().in_flight.fetch_sub(1, std::memory_order_relaxed);
  client_.wire->watch(nullptr, nullptr);
  here_.router.buffers.give_back(charged_bytes_);
  if (up_)
    up_->close();
}

void attempt::headers_arrived() {
  if (std::exchange(awaiting_headers_, false))
    to_.stats().awaiting_headers.fetch_sub(1, std::memory_order_relaxed);
}

net::task<attempt_result> attempt::run() {
  websocket_ = of_.is_websocket();
  // A pooled connection has none of these.
  of_.times_.dial = of_.times_.resolve = of_.times_.handshake = -1ns;
  of_.progress_ = {};
  watch_client();
  for (unsigned sent = 0;; ++sent) {
    attempt_result connected;
    if (sent > 0 || of_.rules_->settings.disable_keep_alives || wants_http2() || !take_idle())
      connected = co_await connect(sent);
    if (connected.ended != attempt_result::kind::answered)
      co_return connected;
    auto result = co_await talk();
    if (result.ended != attempt_result::kind::failed)
      co_return result;
    if (!was_refused()) // Whoever has the body may have acted upon it.
      let_go_of_body();
    if (sent == resent_at_most || !may_resend()) {
      of_.progress_ = {true, written_, reused_, local_address()};
      co_return result;
    }
    // The backend closed the pooled connection in the very moment of its use. That is no failure
    // of the backend's, and nobody needs to know.
    up_->close();
    up_ = nullptr;
    failed_link_ = link_.get();
    link_ = nullptr;
    reused_ = written_ = false;
  }
}

/// For the whole exchange with the backend; 0 = none.
std::chrono::nanoseconds attempt::time_limit() const {
  return websocket_ ? 0ns : of_.rules_->settings.endpoint_timeout_for(client_.http_major);
}

/// While it connects, `within_limit` sees to that.
void attempt::give_up() {
  if (up_)
    up_->abort(asio::error::timed_out);
}

net::task<attempt_result> attempt::talk() {
  if (asks_route_service() && of_.session_->has_given_up()) // While it connected.
    co_return failed_unsent(routing::failure_class::timeout, "context deadline exceeded");
  if (const auto limit = time_limit(); limit.count() > 0)
    up_->receive_until(of_.times_.attempt + limit);
  if (of_.rules_->log_local_address)
    of_.local_address_ = local_address();
  build_head();
  auto sent = co_await send_request();
  if (sent.ended == attempt_result::kind::failed)
    co_return sent;
  attempt_result result;
  std::exception_ptr defect; // The pump must end before this object does, whatever happens.
  try {
    result = co_await read_response();
    // Throughout, an await stands in a statement of its own: GCC 12 lays the frame out wrongly when
    // one is part of a condition, of ?:, && or ||.
    if (result.ended == attempt_result::kind::answered) {
      if (of_.response_.status == 101) {
        result = co_await open_tunnel();
      } else if (opens_no_tunnel()) {
        result.ended = attempt_result::kind::bad_upgrade;
      } else {
        if (websocket_) // As gorouter counts: what was answered did not fail.
          loop_counters::add(here_.counters.websocket_upgrades);
        result = co_await answer_client();
      }
    }
  } catch (...) {
    defect = std::current_exception();
  }
  if (pumping_)
    co_await stop_pump();
  if (defect)
    std::rethrow_exception(defect);
  co_return result;
}

void attempt::build_head() {
  const auto& settings = of_.rules_->settings;
  const auto& target = to_.about();
  net::route_service_facts service;
  if (asks_route_service())
    service = {.target = of_.service_->url.target,
               .host = of_.service_->url.authority,
               .forwarded_url = of_.forwarded_url_,
               .signature = of_.signature_.signature,
               .metadata = of_.signature_.metadata};
  const bool expects = of_.head.expect_continue && !settings.keep_alive_100_continue_requests;
  of_.out_.clear();
  net::append_request_head(
    of_.out_, of_.head,
    {.client_ip = client_.who->ip,
     .request_id = net::view(of_.id_),
     .received_unix_ms = of_.times_.received_unix_ns / 1'000'000,
     .tls = client_.who->tls,
     .proto = of_.proto_source(),
     .client_cert = net::decide_client_cert(
       client_.who->client_cert_mode.value_or(settings.forwarded_client_cert),
       {.tls = client_.who->tls,
        .certificate = client_.who->mutual_tls,
        .signature_valid = of_.signed_,
        .route_service_bound = of_.where_ == net::situation::from_route_service}),
     .client_cert_value = client_.who->certificate,
     .trace = of_.traced() ? &of_.trace_ : nullptr,
     .close_after = settings.disable_keep_alives || expects,
     .protected_names = settings.hop_by_hop_headers_to_filter,
     .where = of_.where_,
     .route_service = asks_route_service() ? &service : nullptr},
    {.app = target.app(),
     .instance_index = target.instance_index(),
     .instance_id = target.instance_id().empty() ? address_ : target.instance_id()},
    outline_for_backend());
}

// -- Sending.

bool attempt::body_buffered() const {
  const auto& head = of_.head;
  return !head.expect_continue
         && (head.framing == net::body_framing::none
             || (head.framing == net::body_framing::length
                 && client_.wire->bytes().size() >= head.content_length
                 && !(link_ && client_.wire->may_have_trailers())));
}

net::task<attempt_result> attempt::send_request() {
  of_.request_body_.begin(of_.head.framing, of_.head.content_length);
  if (body_buffered()) {
    const auto body = client_.wire->bytes().substr(0, of_.head.content_length);
    std::array<iovec, 2> parts{
      {{of_.out_.data(), of_.out_.size()}, {const_cast<char*>(body.data()), body.size()}}};
    const auto code =
      co_await up_->send(std::span{parts}.first(body.empty() ? 1 : 2), outline_for_backend());
    written_ = parts[0].iov_len == 0;
    if (code)
      co_return write_failure(code);
    body_kept_bytes_ = body.size();
    client_.wire->listen();
    if (client_.wire->ended()) // It left while the backend was dialled, its body still unread.
      client_event(this);
    co_return attempt_result{};
  }
  iovec whole{of_.out_.data(), of_.out_.size()};
  const auto code = co_await up_->send(std::span{&whole, 1}, outline_for_backend());
  if (code)
    co_return write_failure(code);
  written_ = true;
  pumping_ = true;
  pumped_.end = net::relay_end::sink_failed; // Until it is known better.
  body_silence_max_ = of_.rules_->settings.read_body_timeout;
  net::start(pump_request(), [this](const std::exception_ptr&) { pump_ended_.open(); });
  co_return attempt_result{};
}

/// Another attempt may need the body, as long as it may turn out that the backend did not look at it.
void attempt::let_go_of_body() {
  const auto body = client_.wire->bytes().substr(0, std::exchange(body_kept_bytes_, 0));
  if (body.empty())
    return;
  of_.request_body_.take(body);
  client_.wire->consume(body.size());
  of_.body_spent_ = true;
}

/// The body, beside the coroutine that waits for the response: a backend may answer early.
net::task<void> attempt::pump_request() {
  if (of_.head.expect_continue && of_.head.framing != net::body_framing::none)
    co_await await_go_ahead();
  if (final_ || of_.client_gone_)
    co_return;
  of_.body_spent_ = true;
  pumped_ = co_await net::relay_body(client_.wire, of_.request_body_, up_, of_.head.framing, {},
                                     &body_silence_max_);
  if (pumped_.end == net::relay_end::complete)
    client_.wire->listen(); // To hear of its end.
  else if (pumped_.end != net::relay_end::sink_failed)
    up_->abort(asio::error::operation_aborted); // Half a request is none: nobody waits for more.
}

net::task<void> attempt::stop_pump() {
  final_ = true;
  go_ahead_.open();
  if (!pump_ended_.is_open()) {
    // The response came before the request was read. What is left of it is not wanted any more.
    client_.close_after = client_.unread = true;
    up_->abort(asio::error::operation_aborted);
    if (!pump_ended_.is_open())
      client_.wire->interrupt();
    co_await pump_ended_;
  }
  if (!of_.request_body_.done())
    client_.close_after = client_.unread = true;
}

// -- Receiving.

void attempt::watch_client() {
  client_.wire->watch(&attempt::client_event, this);
}

void attempt::client_event(void* context) {
  auto& self = *static_cast<attempt*>(context);
  const auto ended = self.client_.wire->ended();
  // A client that closed its side behind further requests still waits for the answers.
  // On a stream, the end of a request is nothing more than that.
  const bool more_to_serve =
    ended == asio::error::eof
    && (self.client_.wire->bytes().size() > self.body_kept_bytes_ || self.client_.http_major == 2);
  if (!ended || more_to_serve)
    return;
  self.of_.client_gone_ = true;
  if (self.up_)
    self.up_->abort(asio::error::operation_aborted);
}

net::task<attempt_result> attempt::read_response() {
  const auto& settings = of_.rules_->settings;
  const net::head_limits limits{static_cast<std::size_t>(settings.response_header_bytes_max()),
                                static_cast<std::size_t>(settings.max_response_headers)};
  of_.response_scratch_.reset();
  if (link_)
    up_->keep_heads_apart();
  for (int interim = 0;;) {
    const auto status = next_head(limits);
    if (status.failed())
      co_return head_failure(status.error);
    if (head_taken_ && !charge_taken_head())
      co_return failed(routing::failure_class::other, no_memory_for_head);
    if (status.complete()) {
      const auto code = of_.response_.status;
      if (code == 101 || code >= 200)
        break;
      if (++interim > interim_max)
        co_return failed(routing::failure_class::other, "too many 1xx responses");
      const auto unheard = co_await pass_interim();
      if (unheard)
        co_return failed(routing::failure_class::client_cancelled, "context canceled");
      continue;
    }
    if (up_->buffer_bytes() > 0 && up_->bytes().size() + 2048 > up_->buffer_bytes()) {
      if (here_.router.buffers.exhausted())
        co_return failed(routing::failure_class::other, no_memory_for_head);
      up_->want_buffer(up_->buffer_bytes() * 2);
    }
    const auto code = co_await up_->receive();
    if (code)
      co_return receive_failure(code);
  }
  headers_arrived();
  let_go_of_body();
  if (of_.attempt_heard_)
    of_.times_.answering = exchange_times::clock::now();
  using counts = config::max_conns_counts;
  if (of_.held_ && of_.rules_->settings.backends.max_conns_counts == counts::awaiting_headers)
    of_.held_.reset(); // The endpoint may take the next one that waited for it.
  if (asks_route_service())
    of_.session_->answered();
  if (std::exchange(session_unkept_, false)) // In TLS 1.3 the ticket has come by now.
    tls_->session = net::resumable_session(carrier().tls()->session());
  if (!head_taken_) {
    up_->pin();
    up_->consume(of_.response_.head_bytes);
  }
  co_return attempt_result{};
}

/// Of a stream it need not be parsed.
net::parse_status attempt::next_head(const net::head_limits& limits) {
  const bool was_head = of_.head.method == "HEAD";
  head_taken_ = link_ && up_->take_head(of_.response_text_, of_.outline);
  return head_taken_
           ? net::read_response(of_.response_text_, of_.outline, was_head, of_.response_, limits)
           : net::parse_response(up_->bytes(), was_head, of_.response_, limits, of_.response_scratch_);
}

bool attempt::charge_taken_head() {
  const auto bytes = of_.response_text_.size();
  if (bytes <= net::buffer_store::block_bytes)
    return true;
  if (here_.router.buffers.exhausted())
    return false;
  here_.router.buffers.take(bytes - std::min(bytes, charged_bytes_)); // The one before is gone.
  charged_bytes_ = std::max(bytes, charged_bytes_);
  return true;
}

net::task<attempt_result> attempt::answer_client() {
  final_ = true;
  if (pumping_ && !pump_ended_.is_open()) { // A client that listens may be silent for as long as it likes.
    body_silence_max_ = 0s;
    client_.wire->receive_within(0s);
  }
  if (telling_continue_)
    co_await continue_told_;
  const auto& head = of_.head;
  const bool http_1_0 = head.version_minor == 0;
  const auto framing = net::framing_for_client(of_.response_, http_1_0);
  const bool request_read = !pumping_ || pump_ended_.is_open();
  if (!head.keep_alive || here_.draining || framing == net::body_framing::until_close
      || !request_read || !of_.request_body_.done())
    client_.close_after = true;
  of_.status_ = of_.response_.status;
  if (const auto* error = net::find_field(of_.response_.fields, net::field_id::x_cf_routererror))
    of_.router_error_ = error->value;
  const bool traced = shows_way();
  of_.make_sticky_cookie();
  auto* const outline = client_.http_major == 2 ? &of_.outline : nullptr;
  of_.answer_.clear();
  net::append_response_head(
    of_.answer_, of_.response_,
    {.request_id = net::view(of_.id_),
     .date = here_.date.at(of_.times_.received_unix_ns / 1'000'000'000),
     .trace_router = traced ? std::string_view{here_.router.own_ip} : std::string_view{},
     .trace_backend = traced ? address_ : std::string_view{},
     .http_1_0 = http_1_0,
     .keep_alive = !client_.close_after,
     .framing = framing,
     .cookie_line = of_.cookie_line_,
     .rewrite = &of_.rules_->rewrite},
    outline);
  of_.response_body_.begin(of_.response_.framing, of_.response_.content_length);
  const auto relayed =
    co_await net::relay_body(up_, of_.response_body_, client_.wire, framing, of_.answer_, nullptr, outline);
  if (relayed.end != net::relay_end::complete) {
    // Half a response: only the end of the connection can tell the client so, and where its end
    // would say that all is well, a reset.
    const bool client_left = of_.client_gone_ || relayed.end == net::relay_end::sink_failed
                             || pumped_.end == net::relay_end::source_failed
                             || pumped_.end == net::relay_end::source_malformed;
    const bool late = relayed.end == net::relay_end::source_failed
                      && relayed.code == asio::error::timed_out;
    if (!of_.router_error_.empty())
      ; // The backend's own stands.
    else if (here_.cutting)
      of_.router_error_ = "router stopped during response streaming";
    else if (client_left)
      of_.router_error_ = "client connection closed during response streaming";
    else if (late)
      of_.router_error_ = "endpoint timeout during response streaming";
    else
      of_.router_error_ = "backend connection closed during response streaming";
    if (framing == net::body_framing::until_close)
      client_.wire->reset_on_close();
    client_.wire->abort(asio::error::connection_aborted);
    client_.close_after = true;
  }
  up_->unpin();
  hand_back(relayed.end == net::relay_end::complete);
  co_return attempt_result{};
}

void attempt::hand_back(bool response_complete) {
  if (link_) // There are other streams where this one came from.
    return;
  const bool request_sent = !pumping_ || pump_ended_.is_open();
  const auto& settings = of_.rules_->settings;
  const bool asked_to_close =
    settings.disable_keep_alives
    || (of_.head.expect_continue && !settings.keep_alive_100_continue_requests);
  // Others would take it for one of HTTP/2 that turned out to be none.
  const bool upgrade_only = of_.head.upgrade && speaks_http2_else();
  // During a drain nothing idle is kept: nobody would close it.
  if (upgrade_only || !response_complete || !request_sent || !of_.request_body_.done()
      || pumped_.end != net::relay_end::complete || !of_.response_.keep_alive || asked_to_close
      || here_.draining || of_.rules_ != here_.rules || net::open_sockets.crowded())
    return; // The destructor closes it.
  up_->receive_within(0s);
  up_->want_buffer(net::buffer_store::block_bytes);
  here_.upstreams.put(pool_key(), std::move(up_));
  up_ = nullptr;
}

/// In a stream any 2xx would say that there is a tunnel (RFC 8441, section 5); this one was not asked for.
bool attempt::opens_no_tunnel() const {
  return websocket_ && client_.http_major == 2 && of_.response_.status / 100 == 2;
}

/// Whether what the backend switched to is what it was asked for. A client of HTTP/2 does not see the handshake, which
/// tells a WebSocket from a server that takes everything for one, so here it is checked for it.
bool attempt::switched_as_asked() const {
  const auto& asked = of_.head;
  const auto& given = of_.response_;
  if (!asked.upgrade || !given.upgrade || !net::iequals(asked.upgrade_protocol, given.upgrade_protocol))
    return false;
  return client_.http_major != 2
         || net::value_of(given.fields, "sec-websocket-accept")
              == net::websocket_accept(net::value_of(asked.fields, "sec-websocket-key"));
}

net::task<attempt_result> attempt::open_tunnel() {
  if (!switched_as_asked()) {
    // Spelt out: with a temporary here, GCC 12 lays out this coroutine's frame in two ways, and it
    // never starts.
    attempt_result refused;
    refused.ended = attempt_result::kind::bad_upgrade;
    co_return refused;
  }
  if (pumping_) {
    // What the client sends belongs to the request until that is complete, whatever the backend
    // thinks; two readers of one connection would lose each other's bytes.
    co_await pump_ended_;
    if (!of_.request_body_.done() || pumped_.end != net::relay_end::complete)
      co_return receive_failure(pumped_.code);
  }
  final_ = true;
  client_.close_after = true;
  of_.tunnelled_ = true;
  of_.status_ = 101;
  if (websocket_)
    loop_counters::add(here_.counters.websocket_upgrades);
  of_.make_sticky_cookie();
  const bool traced = shows_way();
  of_.answer_.clear();
  net::append_upgrade_head(of_.answer_, of_.response_,
                           {.request_id = net::view(of_.id_),
                            .trace_router = traced ? std::string_view{here_.router.own_ip} : std::string_view{},
                            .trace_backend = traced ? address_ : std::string_view{},
                            .cookie_line = of_.cookie_line_});
  up_->unpin();
  if (telling_continue_)
    co_await continue_told_;
  const auto unheard = co_await client_.wire->send(of_.answer_);
  if (unheard)
    co_return attempt_result{};
  up_->receive_within(0s);
  of_.keep_head();
  co_await net::run_tunnel(client_.wire, up_);
  co_return attempt_result{};
}

} // namespace shunt
