// What everything on one loop shares, and what all loops share. The first belongs to its loop's
// thread; the second is constant, atomic, or locks for itself outside the request path.
#pragma once

#include "actors/access_log_writer.hpp"
#include "actors/internal_listener.hpp"
#include "actors/lease_cache.hpp"
#include "actors/policy.hpp"
#include "actors/request_log.hpp"
#include "actors/route_service_sessions.hpp"
#include "actors/route_services.hpp"
#include "net/component_log.hpp"
#include "net/error_page.hpp"
#include "net/http2_pool.hpp"
#include "net/http_date.hpp"
#include "net/loop_metrics.hpp"
#include "net/request_id.hpp"
#include "net/standstill.hpp"
#include "net/upstream_pool.hpp"
#include "routing/hold_queue.hpp"

#include <atomic>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace shunt {

namespace net {
class metron;
}

class exchange;

/// Whether load balancers should send traffic here. `degraded` is final.
enum class health : std::uint8_t { initializing, healthy, degraded };

/// What one loop counts. Written by its thread alone, read by any.
struct alignas(64) loop_counters {
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> rejected_requests{0};
  std::atomic<std::uint64_t> bad_gateways{0};
  std::atomic<std::uint64_t> backend_exhausted_conns{0};
  std::atomic<std::uint64_t> malformed_requests{0};
  std::atomic<std::uint64_t> shed{0};
  std::atomic<std::uint64_t> streams{0}; ///< Of HTTP/2, from clients.
  std::atomic<std::uint64_t> failed_handshakes{0}; ///< Of clients.
  std::atomic<std::uint64_t> ejections{0};         ///< Of endpoints, as outliers.
  std::atomic<std::uint64_t> held{0};          ///< Requests that had to wait for a first endpoint.
  std::atomic<std::uint64_t> hold_refusals{0}; ///< For which there was no room to wait in.
  std::atomic<std::uint64_t> hold_timeouts{0}; ///< For which none came in time.
  std::atomic<std::uint64_t> websocket_upgrades{0};
  std::atomic<std::uint64_t> websocket_failures{0};
  std::atomic<std::size_t> connections{0}; ///< Open now.
  std::atomic<std::size_t> idle{0};        ///< Of these, the ones that wait for a request.
  std::atomic<std::size_t> arriving{0};    ///< On their way from another loop. Written by any.

  /// Cheaper than an atomic increment, since nobody else writes.
  template <class Number>
  static void add(std::atomic<Number>& counter, Number by = 1) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
};

/// What the loops of a process share.
struct router_context {
  router_context(const config::settings& from, net::component_log& to, net::buffer_budget& budget)
    : settings{from}, log{to}, buffers{budget},
      request_metrics{from} {
    std::random_device chance;
    sessions.incarnation = std::uint64_t{chance()} << 32 | chance();
  }

  const config::settings& settings; ///< With which the process started.
  net::component_log& log;
  net::buffer_budget& buffers;
  std::size_t connections_fit = std::numeric_limits<std::size_t>::max(); ///< For how many there are descriptors.
  access_log_queue* access_log = nullptr; ///< Null: no access log, whatever a policy says.
  const net::metron* loggregator = nullptr; ///< Who is told of requests; null: nobody.
  std::string own_ip;
  std::shared_ptr<routing::hold_room> hold_room = std::make_shared<routing::hold_room>();
  std::shared_ptr<net::standstill> pauses; ///< Of a node of a cluster, which others go on without. Null: nobody cares.
  std::optional<internal_listener> internal; ///< Empty: no hairpinning. Set before any request comes.
  std::atomic<health> state{health::initializing};
  std::atomic<bool> isolated{false}; ///< No other node of the cluster is heard, though there should be some.
  std::vector<std::unique_ptr<loop_counters>> counters; ///< One a loop.
  net::request_metrics request_metrics;                 ///< What the next count, and under which labels.
  std::vector<std::unique_ptr<net::loop_metrics>> metrics; ///< One a loop.
  session_directories sessions;                            ///< Of requests at their route services.

  /// What each of so many loops counts with. Before there is any.
  void count_for(std::size_t loops) {
    for (std::size_t i = 0; i < loops; ++i) {
      counters.push_back(std::make_unique<loop_counters>());
      metrics.push_back(std::make_unique<net::loop_metrics>(request_metrics));
    }
    sessions.by_loop.resize(loops);
  }

  std::size_t connections() const noexcept { return sum_of(&loop_counters::connections); }
  std::size_t idle_connections() const noexcept { return sum_of(&loop_counters::idle); }

private:
  std::size_t sum_of(std::atomic<std::size_t> loop_counters::*which) const noexcept {
    std::size_t sum = 0;
    for (const auto& each : counters)
      sum += ((*each).*which).load(std::memory_order_relaxed);
    return sum;
  }
};

/// What the connections of one loop share.
struct loop_context {
  loop_context(router_context& shared, loop& on, const policy& first);
  ~loop_context();

  router_context& router;
  loop& home;
  policy_ptr rules; ///< Hold it for as long as a request, or whatever must see one version, takes.
  loop_counters& counters;
  net::loop_metrics& metrics;
  lease_cache leases;
  net::upstream_pool upstreams;
  net::http2_pool http2_upstreams;
  shunt::route_services route_services;
  route_service_sessions sessions;
  net::request_ids ids;
  net::http_date date;
  request_log requests{router.log};
  routing::rng random{ids.random()};
  bool draining = false;
  bool cutting = false; ///< What is under way is ended, too.
  std::vector<std::unique_ptr<exchange>> spare_exchanges;

  /// Lets go of connections to backends on which nothing is under way.
  void close_idle_upstreams();
  /// Gives an error of the router the operator's page, if there is one.
  void dress(net::error_response& error, std::string_view request_id, const policy& by);
  /// Gives what the pools keep of connections the bounds of these rules.
  void follow_idle_limits();
  /// Hands what was logged to the writer, now or after a tenth of a second.
  void log_access(const routing::access_record& record, const policy& by);
  void flush_access_log();

private:
  std::shared_ptr<routing::access_batch> batch_;
  std::shared_ptr<const routing::access_format> batch_format_; ///< Of all that is in it.
  net::deadline flush_;
};

} // namespace shunt
