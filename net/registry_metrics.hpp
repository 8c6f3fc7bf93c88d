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
#include <optional>
#include <string>
#include <string_view>

namespace shunt::net {

/// What became of one uri of a registration.
enum class registry_action : std::uint8_t { added, refreshed, updated, unmodified };
inline constexpr std::size_t registry_action_count = 4;
/// Nothing for what nobody is to hear of: registrations meant for other routers.
std::optional<registry_action> action_of(routing::register_outcome outcome) noexcept;

/// What the writers share. One a process; outlives them.
struct registry_metrics_rules {
  explicit registry_metrics_rules(const config::settings& settings);

  const histogram_bounds latency; ///< Milliseconds.
  label_table components;
};

/// What all writers have counted.
struct registry_totals {
  struct component {
    std::array<std::uint64_t, registry_action_count> registered{};
    std::uint64_t unregistered = 0;
  };
  std::map<std::string, component, std::less<>> components; ///< By the endpoint's tag.
  histogram_values latency{};
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

  // Of whoever writes, one at a time:

  /// `uris` of a message were registered with this outcome. `component`: the endpoint's tag.
  void registered(std::string_view component, registry_action action, std::uint64_t uris = 1);
  void unregistered(std::string_view component, std::uint64_t uris = 1);
  /// An endpoint is in the table so long after it came into being where its stamp was made.
  void registered_after(std::chrono::nanoseconds latency) noexcept { latency_.record(latency); }
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

  cell& of(std::string_view component) {
    return components_.at(rules_.components.place_of(component));
  }

  registry_metrics_rules& rules_;
  labelled<cell> components_;
  latency_histogram latency_;
  alignas(64) std::atomic<std::uint64_t> pruned_{0};
  std::atomic<std::uint64_t> routes_{0};
  std::atomic<std::uint64_t> endpoints_{0};
  std::atomic<clock::rep> heard_ns_{0}; ///< 0: never.
};

} // namespace shunt::net
