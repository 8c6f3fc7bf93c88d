#include "actors/acceptor.hpp"

#include "actors/connection.hpp"
#include "net/listener.hpp"
#include "net/log_limiter.hpp"
#include "net/open_sockets.hpp"
#include "net/router_error.hpp"

#include <boost/smart_ptr/make_local_shared.hpp>

#include <caf/send.hpp>

#include <unistd.h>

#include <memory>
#include <unordered_map>
#include <vector>

namespace shunt {

namespace {

struct acceptor_state {
  static constexpr const char* name = "acceptor";
  std::vector<std::unique_ptr<net::listener>> listeners;
  std::unordered_map<std::uint64_t, connection_actor> connections;
  std::uint64_t next_id = 0;
  bool ending = false;
  net::log_limiter pauses{1};
};

using acceptor_self = pinned_actor<acceptor_actor, acceptor_state>;

/// The translation from accepted descriptors to connections, on one loop.
class doorkeeper {
public:
  doorkeeper(acceptor_self* self, loop_context* here, const acceptor_directory* directory,
             supervisor_actor supervisor)
    : self_{self}, here_{here}, directory_{directory}, supervisor_{std::move(supervisor)} {}

  void open(const open_listener& m) const {
    auto& opened = self_->state.listeners.emplace_back(std::make_unique<net::listener>(
      here_->home.events(), m.descriptor,
      [*this, m](int accepted) { accept({accepted, m.tls, m.internal}); },
      [*this](net::error_code reason) { paused(reason); }));
    opened->open();
  }

  void accept(const adopt_connection& accepted) const {
    // What the router asks itself for, it let in before.
    const bool fits = here_->router.connections() < connections_max() && net::open_sockets.client_fits();
    if (!accepted.internal && !fits) {
      shed(accepted);
      return;
    }
    const auto least = least_busy();
    // Before a drain is over, no loop gets connections that it does not know of yet.
    if (least == here_->home.events().index() || here_->router.state.load() == health::degraded)
      serve(accepted);
    else
      pass_on(accepted, least);
  }

  void adopt(const adopt_connection& passed_on) const {
    here_->counters.arriving.fetch_sub(1);
    serve(passed_on);
  }

  void follow(const policy& rules) const {
    here_->rules = boost::make_local_shared<const policy>(rules);
    here_->close_idle_upstreams(); // Backends were verified by the rules of before.
    here_->follow_idle_limits();
    here_->router.buffers.set_bytes_max(static_cast<std::size_t>(rules.settings.limits.connection_buffer_bytes));
  }

  void drain() const {
    here_->draining = true;
    self_->state.ending = true;
    close_listeners();
    for (const auto& [id, connection] : self_->state.connections)
      caf::anon_send(connection, drain_connection{});
    here_->close_idle_upstreams();
    tell_when_quiet();
  }

  void cut() const {
    here_->draining = here_->cutting = true;
    self_->state.ending = true;
    close_listeners();
    for (const auto& [id, connection] : self_->state.connections)
      caf::anon_send(connection, cut_connection{});
    here_->close_idle_upstreams();
    tell_when_quiet();
  }

  void ended(std::uint64_t id) const {
    self_->state.connections.erase(id);
    loop_counters::add(here_->counters.connections, std::size_t(-1));
    tell_when_quiet();
  }

private:
  std::size_t connections_max() const {
    return std::min(static_cast<std::size_t>(here_->rules->settings.limits.connections), here_->router.connections_fit);
  }

  void serve(const adopt_connection& accepted) const {
    const auto id = self_->state.next_id++;
    loop_counters::add(here_->counters.connections, std::size_t{1});
    auto connection = spawn_connection(*here_, accepted, self_, id);
    if (self_->state.ending) // It came after the others were told.
      caf::anon_send(connection, drain_connection{});
    self_->state.connections.emplace(id, std::move(connection));
  }

  /// Counted on the other loop at once, or a burst would all go to the same; and until it arrives
  /// that loop is not quiet.
  void pass_on(const adopt_connection& accepted, std::size_t other) const {
    here_->router.counters[other]->arriving.fetch_add(1);
    caf::anon_send(directory_->by_loop[other], accepted);
  }

  /// By how many fewer another loop must have before it gets a client of one with so many. A few, each of
  /// which may carry hundreds of streams for days, are shared exactly. Of many it matters less, and moving one
  /// costs a wake-up: too dear for what may last for one request.
  static constexpr std::size_t slack_of(std::size_t connections) noexcept {
    return 1 + std::min<std::size_t>(connections / 8, 3);
  }

  std::size_t least_busy() const {
    const auto own = here_->home.events().index();
    const auto load_of = [this](std::size_t loop) {
      const auto& counted = *here_->router.counters[loop];
      return counted.connections.load(std::memory_order_relaxed)
             + counted.arriving.load(std::memory_order_relaxed);
    };
    auto least = own;
    for (std::size_t loop = 0; loop < here_->router.counters.size(); ++loop)
      if (load_of(loop) < load_of(least))
        least = loop;
    return load_of(least) + slack_of(load_of(own)) <= load_of(own) ? least : own;
  }

  /// More clients than allowed: each is told so, instead of waiting for a turn that never comes. Over
  /// TLS that would take a handshake, which is what there is no room for.
  void shed(const adopt_connection& accepted) const {
    const auto id = here_->ids.next();
    auto overloaded = net::describe(net::router_error::overloaded, {});
    here_->dress(overloaded, net::view(id), *here_->rules);
    std::string answer;
    net::append_response(answer, overloaded, {.request_id = net::view(id), .date = {}});
    loop_counters::add(here_->counters.shed);
    if (!accepted.tls)
      ::send(accepted.descriptor, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    ::shutdown(accepted.descriptor, SHUT_WR);
    ::close(accepted.descriptor);
    if (self_->state.pauses.admit())
      here_->router.log.warn(".router", "connections-limit-reached",
                             {{"connections", connections_max()},
                              {"sockets", net::open_sockets.open()}});
  }

  void paused(net::error_code reason) const {
    if (self_->state.pauses.admit())
      here_->router.log.error(".router", "accept-paused", {{"error", reason.message()}});
  }

  void close_listeners() const {
    for (auto& each : self_->state.listeners)
      each->close();
  }

  void tell_when_quiet() const {
    if (self_->state.ending && self_->state.connections.empty()
        && here_->counters.arriving.load() == 0)
      caf::anon_send(supervisor_, loop_quiet{here_->home.events().index()});
  }

  acceptor_self* self_;
  loop_context* here_;
  const acceptor_directory* directory_;
  supervisor_actor supervisor_;
};

acceptor_actor::behavior_type acceptor_behavior(acceptor_self* self, loop_context* here,
                                     const acceptor_directory* directory,
                                     supervisor_actor supervisor) {
  const doorkeeper keeper{self, here, directory, std::move(supervisor)};
  return {
    [keeper](const open_listener& m) { keeper.open(m); },
    [keeper](const adopt_connection& m) { keeper.adopt(m); },
    [keeper](const use_policy& m) { keeper.follow(*m.rules); },
    [keeper](drain_loop) { keeper.drain(); },
    [keeper](cut_loop) { keeper.cut(); },
    [keeper](connection_ended m) { keeper.ended(m.id); },
  };
}

} // namespace

acceptor_actor spawn_acceptor(loop_context& here, const acceptor_directory& directory,
                              supervisor_actor supervisor) {
  return spawn_pinned<acceptor_actor, acceptor_state>(here.home, acceptor_behavior, &here, &directory,
                                                      std::move(supervisor));
}

} // namespace shunt
