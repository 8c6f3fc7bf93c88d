// How an attempt gets its connection: one of the pool, a stream of an HTTP/2 connection that is open
// already, or a new one, with the TLS handshake where the endpoint asks for it.
#include "actors/attempt.hpp"

#include "net/backend_tls.hpp"
#include "net/open_sockets.hpp"
#include "net/tls_engine.hpp"
#include "net/tls_peer.hpp"

#include <algorithm>

namespace shunt {

using net::error_code;
using namespace std::chrono_literals;
namespace asio = net::asio;

namespace {

net::http2_limits limits_of(const config::settings& settings) {
  net::http2_limits limits;
  limits.head_bytes_max = static_cast<std::size_t>(settings.response_header_bytes_max());
  return limits;
}

/// Lets others wait for the connection that is being opened instead of opening their own.
class dial_mark {
public:
  dial_mark(net::http2_pool& pool, std::string_view backend) : pool_{pool}, backend_{backend} {
    pool_.dial_began(backend_);
  }
  dial_mark(const dial_mark&) = delete;
  dial_mark& operator=(const dial_mark&) = delete;
  ~dial_mark() { pool_.dial_ended(backend_); }

private:
  net::http2_pool& pool_;
  std::string_view backend_;
};

/// Whether there is a descriptor for another connection. Those that are idle make room.
bool may_dial(loop_context& here) {
  if (!net::open_sockets.upstream_fits()) [[unlikely]]
    here.upstreams.clear();
  return net::open_sockets.upstream_fits();
}

} // namespace

/// A connection of HTTP/1.1 that was kept.
bool attempt::take_idle() {
  up_ = here_.upstreams.take(pool_key());
  return reused_ = up_ != nullptr;
}

net::task<attempt_result> attempt::connect(unsigned sent) {
  return wants_http2() ? connect_http2(sent) : dial_backend();
}

/// By what the endpoint registered. An upgrade goes by HTTP/1.1, which every backend understands.
bool attempt::wants_http2() const {
  return !of_.head.upgrade && speaks_http2_else();
}

bool attempt::speaks_http2_else() const {
  const auto protocol = to_.about().protocol();
  return of_.rules_->settings.enable_http2
         && (tls_ != nullptr ? protocol == "http2" : protocol == "h2c");
}

/// Sets `link_`, if there will be a connection with room: a backend that is asked for the first time by many, or
/// leaves many requests behind, is not to do a handshake for each. Before its settings have come a connection takes
/// fewer than it may later, so whoever finds it full waits for the next, unless none of this leads to anything.
net::task<attempt_result> attempt::await_link() {
  auto& pool = here_.http2_upstreams;
  client_.wire->listen();
  for (bool goes_on = true; !link_ && goes_on;) {
    net::latch opened;
    if (!pool.await_dial(pool_key(), opened))
      break;
    co_await opened;
    if (of_.client_gone_)
      co_return failed(routing::failure_class::client_cancelled, "context canceled");
    if (const auto [left, cut_short] = within_limit(0ns); cut_short && left == 1ns)
      co_return failed_unsent(routing::failure_class::timeout, "context deadline exceeded");
    link_ = pool.find(pool_key(), failed_link_);
    goes_on = pool.last_dial_left_room(pool_key());
  }
  co_return attempt_result{};
}

net::task<attempt_result> attempt::connect_http2(unsigned sent) {
  auto& pool = here_.http2_upstreams;
  // What two have failed goes on a connection of its own: the backend may have ended, and all that it had with it.
  const bool alone = of_.rules_->settings.disable_keep_alives || sent == resent_at_most;
  if (!alone) {
    link_ = pool.find(pool_key(), failed_link_);
    if (!link_) {
      const auto awaited = co_await await_link();
      if (awaited.ended != attempt_result::kind::answered)
        co_return awaited;
    }
  }
  if (!alone && sent == 0 && !link_ && tls_ != nullptr && take_idle()) // One that turned out to speak no HTTP/2.
    co_return attempt_result{};
  if (link_) {
    reused_ = true;
    up_ = link_->open();
    up_->stall_limit(of_.rules_->settings.write_timeout);
    co_return attempt_result{};
  }
  const dial_mark mark{pool, pool_key()};
  auto dialled = co_await dial_backend();
  if (dialled.ended != attempt_result::kind::answered)
    co_return dialled;
  if (tls_ != nullptr && !net::speaks_http2(up_->tls()->session()))
    co_return dialled; // It does not after all.
  const auto role = tls_ != nullptr ? net::http2_role::client_https : net::http2_role::client_http;
  link_ = new net::http2_link{std::move(up_), role, limits_of(of_.rules_->settings),
                              here_.ids.random()};
  pool.add(pool_key(), link_, net::lost_after(of_.rules_->settings.endpoint_keep_alive_probe_interval));
  up_ = link_->open();
  up_->stall_limit(of_.rules_->settings.write_timeout);
  // With this request; also when it was verified by rules that hold no more.
  if (of_.rules_->settings.disable_keep_alives || of_.rules_ != here_.rules)
    link_->shut_down();
  co_return dialled;
}

net::task<attempt_result> attempt::dial_backend() {
  if (!may_dial(here_))
    co_return attempt_result{.ended = attempt_result::kind::overloaded};
  const auto& settings = of_.rules_->settings;
  const auto& target = to_.about();
  client_.wire->listen(); // A client that leaves meanwhile wants no other attempt.
  const auto [patience, cut_short] = within_limit(settings.endpoint_dial_timeout);
  const auto dialled =
    co_await net::dial(here_.home.events(), std::string{target.host()}, target.port(),
                       {patience, settings.endpoint_keep_alive_probe_interval,
                        asks_route_service() && !hairpins() ? &of_.rules_->blocked_route_services
                                                            : nullptr});
  of_.times_.dial = dialled.connect_time;
  of_.times_.resolve = dialled.resolve_time;
  if (!dialled.connection && cut_short && dialled.code == asio::error::timed_out)
    co_return failed_unsent(routing::failure_class::timeout, "context deadline exceeded");
  if (!dialled.connection)
    co_return failed_unsent(net::lacks_means(dialled.code) ? routing::failure_class::other
                                                      : routing::failure_class::dial,
                            net::describe(dialled, target.host(), address_));
  up_ = dialled.connection;
  if (of_.client_gone_)
    co_return failed(routing::failure_class::client_cancelled, "context canceled");
  up_->stall_limit(settings.write_timeout);
  if (tls_ == nullptr)
    co_return attempt_result{};
  auto secured = co_await secure_backend();
  co_return secured;
}

const net::backend_tls* attempt::tls_rules() const {
  if (!asks_route_service())
    return of_.rules_->backend_tls.get();
  return hairpins() ? here_.router.internal->client.get() : of_.rules_->route_services->tls.get();
}

net::task<attempt_result> attempt::secure_backend() {
  const auto& rules = *of_.rules_;
  const auto* tls = tls_rules();
  auto session =
    tls == nullptr ? nullptr : tls->new_session(tls_->name, wants_http2(), tls_->session.get());
  if (!session)
    co_return tls_failure(net::tls_name_impossible(tls_->name));
  // A route service has no time of its own for that, but what the whole exchange has.
  const bool elsewhere = asks_route_service() && !hairpins();
  const auto [patience, cut_short] = within_limit(elsewhere ? 0ns : rules.settings.tls_handshake_timeout);
  const auto began = std::chrono::steady_clock::now();
  const auto code =
    co_await up_->secure(std::make_unique<net::tls_engine>(std::move(session)), patience);
  of_.times_.handshake = std::chrono::steady_clock::now() - began;
  if (code == asio::error::timed_out && cut_short)
    co_return failed_unsent(routing::failure_class::timeout, "context deadline exceeded");
  if (code)
    co_return handshake_failure(code);
  session_unkept_ = true;
  co_return attempt_result{};
}

/// `endpoint_timeout` counts from the start of the attempt: what comes before the request may not
/// outlast it, nor the time that a route service has.
std::pair<std::chrono::nanoseconds, bool>
attempt::within_limit(std::chrono::nanoseconds patience) const {
  auto end = net::steady_time::max();
  if (const auto limit = time_limit(); limit.count() > 0)
    end = of_.times_.attempt + limit;
  if (asks_route_service()) {
    if (of_.session_->has_given_up()) // Then its deadline is none any more.
      return {1ns, true};
    end = std::min(end, of_.session_->facts().deadline());
  }
  if (end == net::steady_time::max())
    return {patience, false};
  const auto left =
    std::max<std::chrono::nanoseconds>(end - std::chrono::steady_clock::now(), 1ns);
  return patience.count() == 0 || left < patience ? std::pair{left, true}
                                                  : std::pair{patience, false};
}

} // namespace shunt
