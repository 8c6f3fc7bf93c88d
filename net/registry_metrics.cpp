#include "net/registry_metrics.hpp"

#include "net/loop_metrics.hpp"

#include <algorithm>

namespace shunt::net {

using namespace std::chrono_literals;

std::optional<registry_action> action_of(routing::register_outcome outcome) noexcept {
  using enum routing::register_outcome;
  switch (outcome) {
    case added: return registry_action::added;
    case updated: return registry_action::updated;
    case refreshed: return registry_action::refreshed;
    case unmodified:
    case older: return registry_action::unmodified;
    case not_accepted: break;
  }
  return std::nullopt;
}

registry_metrics_rules::registry_metrics_rules(const config::settings& settings)
  : latency{settings.prometheus.meters.route_registration_latency_histogram_buckets, 1ms},
    components{component_labels_max} {}

void registry_metrics::registered(std::string_view component, registry_action action,
                                  std::uint64_t uris) {
  add_alone(of(component).registered[static_cast<std::size_t>(action)], uris);
}

void registry_metrics::unregistered(std::string_view component, std::uint64_t uris) {
  add_alone(of(component).unregistered, uris);
}

void registry_metrics::pool(std::string_view uri, std::uint64_t endpoints) {
  const std::lock_guard lock{pools_mutex_};
  auto at = pools_.find(uri);
  if (endpoints == 0) {
    if (at == pools_.end())
      return;
    rules_.pools_shown -= at->second.shown;
    pools_.erase(at);
    return;
  }
  if (at == pools_.end())
    at = pools_.emplace(uri, pool_cell{.shown = uri.size() <= label_table::text_bytes_max && reserve_pool()}).first;
  at->second.endpoints = endpoints;
}

bool registry_metrics::reserve_pool() {
  if (rules_.pools_shown.fetch_add(1) < pool_labels_max)
    return true;
  --rules_.pools_shown;
  return false;
}

void registry_metrics::forget_pools() {
  const std::lock_guard lock{pools_mutex_};
  for (const auto& [uri, pool] : pools_)
    rules_.pools_shown -= pool.shown;
  pools_.clear();
}

void registry_metrics::add_to(registry_totals& sum) const {
  components_.for_each([&](std::string_view name, const cell& counted) {
    auto& component = sum.components[std::string{name}];
    for (std::size_t i = 0; i < registry_action_count; ++i)
      component.registered[i] += counted.registered[i].load(std::memory_order_relaxed);
    component.unregistered += counted.unregistered.load(std::memory_order_relaxed);
  });
  {
    const std::lock_guard lock{pools_mutex_};
    for (const auto& [uri, pool] : pools_)
      sum.pools[pool.shown ? uri : std::string{label_table::other_text}] += pool.endpoints;
  }
  sum.latency += latency_.read();
  sum.routes_registered += routes_registered_.load(std::memory_order_relaxed);
  sum.routes_unregistered += routes_unregistered_.load(std::memory_order_relaxed);
  sum.pruned += pruned_.load(std::memory_order_relaxed);
  sum.routes += routes_.load(std::memory_order_relaxed);
  sum.endpoints += endpoints_.load(std::memory_order_relaxed);
  if (const auto heard = heard_ns_.load(std::memory_order_relaxed); heard != 0) {
    const clock::time_point when{clock::duration{heard}};
    sum.last_update = std::max(sum.last_update.value_or(when), when);
  }
}

} // namespace shunt::net
