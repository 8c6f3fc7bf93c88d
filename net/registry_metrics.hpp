// What one writer of the route table counts, for Prometheus and /varz: the registrar, which hears
// the messages, and each route shard, which knows what became of them. Each has one of its own, so
// that none waits for another; any thread may read them.
#pragma once

#include "config/settings.hpp"
#include "net/label_table.hpp"
#include "net/latency_histogram.hpp"
#include "routing/table_results.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::net {

/// What became of one uri of a registration.
enum class registry_action : std::uint8_t { added, refreshed, updated, unmodified };
inline constexpr std::size_t registry_action_count = 4;
/// Nothing for what nobody is to hear of: registrations meant for other routers.
std::optional<registry_action> action_of(routing::register_outcome outcome) noexcept;

/// Routes that `endpoints_per_pool` tells apart; what comes later shares `_other`.
inline constexpr std::size_t pool_labels_max = 10'000;

/// What the writers share. One a process; outlives them.
struct registry_metrics_rules {
  explicit registry_metrics_rules(const config::settings& settings);

  const histogram_bounds latency; ///< Milliseconds.
  label_table components;
  std::atomic<std::size_t> pools_shown{0}; ///< By all writers.
};

/// What all writers have counted.
struct registry_totals {
  struct component {
    std::array<std::uint64_t, registry_action_count> registered{};
    std::uint64_t unregistered = 0;
  };
  std::map<std::string, component, std::less<>> components; ///< By the endpoint's tag.
  histogram_values latency{};
  std::map<std::string, std::uint64_t, std::less<>> pools; ///< Endpoints of those balanced by hash, by route.
  std::uint64_t routes_registered = 0, routes_unregistered = 0;
  std::uint64_t pruned = 0;
  std::uint64_t routes = 0;
  std::uint64_t endpoints = 0; ///< Once for each of their routes.
  std::optional<std::chrono::steady_clock::time_point> last_update;
};

class registry_metrics {
public:
  using clock = std::chrono::steady_clock;

  /// `rules` outlive this.
  explicit registry_metrics(registry_metrics_rules& rules)
    : rules_{rules}, components_{rules.components}, latency_{rules.latency} {}
  ~registry_metrics() { forget_pools(); }
  registry_metrics(const registry_metrics&) = delete;
  registry_metrics& operator=(const registry_metrics&) = delete;

  // Of whoever writes, one at a time:

  /// `uris` of a message were registered with this outcome. `component`: the endpoint's tag.
  void registered(std::string_view component, registry_action action, std::uint64_t uris = 1);
  void unregistered(std::string_view component, std::uint64_t uris = 1);
  /// An endpoint is in the table so long after it came into being where its stamp was made.
  void registered_after(std::chrono::nanoseconds latency) noexcept { latency_.record(latency); }
  /// The route has its first endpoint, and was unknown or without any; its last one was unregistered.
  void route_registered() noexcept { add_alone(routes_registered_, std::uint64_t{1}); }
  void route_unregistered() noexcept { add_alone(routes_unregistered_, std::uint64_t{1}); }
  /// So many endpoints has a route that is balanced by hash. 0: it is not to be told of any more. Waits for nobody
  /// but a scrape that copies them.
  void pool(std::string_view uri, std::uint64_t endpoints);
  /// For a writer that starts anew.
  void forget_pools();
  void pruned(std::uint64_t endpoints) noexcept { add_alone(pruned_, endpoints); }
  /// How many routes the writer's slice has now, and how many endpoints, summed over the routes.
  void holds(std::uint64_t routes, std::uint64_t endpoints) noexcept {
    routes_.store(routes, std::memory_order_relaxed);
    endpoints_.store(endpoints, std::memory_order_relaxed);
  }
  /// Something was registered or unregistered.
  void heard(clock::time_point now) noexcept {
    heard_ns_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// Any thread.
  void add_to(registry_totals& sum) const;

private:
  struct alignas(64) cell {
    std::array<std::atomic<std::uint64_t>, registry_action_count> registered{};
    std::atomic<std::uint64_t> unregistered{0};
  };

  struct pool_cell {
    std::uint64_t endpoints = 0;
    bool shown = false; ///< By its own name, as long as it is there.
  };

  bool reserve_pool();

  cell& of(std::string_view component) {
    return components_.at(rules_.components.place_of(component));
  }

  registry_metrics_rules& rules_;
  labelled<cell> components_;
  latency_histogram latency_;
  mutable std::mutex pools_mutex_;
  std::map<std::string, pool_cell, std::less<>> pools_;
  alignas(64) std::atomic<std::uint64_t> pruned_{0};
  std::atomic<std::uint64_t> routes_registered_{0};
  std::atomic<std::uint64_t> routes_unregistered_{0};
  std::atomic<std::uint64_t> routes_{0};
  std::atomic<std::uint64_t> endpoints_{0};
  std::atomic<clock::rep> heard_ns_{0}; ///< 0: never.
};

} // namespace shunt::net
