#include "actors/loop_context.hpp"

#include "actors/exchange.hpp"

namespace shunt {

namespace {

constexpr auto flush_after = std::chrono::milliseconds{100};

net::upstream_limits upstream_limits_of(const config::settings& settings) {
  auto idle = static_cast<std::size_t>(settings.idle_conns_per_host_max());
  if (settings.max_idle_conns > 0)
    idle = std::min(idle, static_cast<std::size_t>(settings.max_idle_conns));
  return {.idle_per_backend_max = idle};
}

lease_cache_options lease_options_of(const config::settings& settings, std::uint64_t seed) {
  lease_cache_options options;
  options.rules.legacy = settings.legacy_empty_pools();
  options.rules.response_503 = settings.empty_pool_response_code_503.value_or(false);
  options.seed = seed;
  return options;
}

routing::balance_rules balance_rules_of(const config::settings& settings) {
  routing::balance_rules rules;
  rules.algorithm = settings.balancing_algorithm == config::balancing_algorithm::least_connection
                      ? routing::algorithm::least_connection
                      : routing::algorithm::round_robin;
  rules.max_conns = static_cast<std::uint32_t>(settings.backends.max_conns);
  if (settings.backends.max_conns_counts == config::max_conns_counts::whole_response)
    rules.max_conns_counts = routing::conns_counter::in_flight;
  rules.prefer_zone = settings.balancing_algorithm_az_preference
                      == config::balancing_algorithm_az_preference::locally_optimistic;
  rules.zone = settings.zone;
  return rules;
}

} // namespace

loop_context::loop_context(router_context& shared, loop& on)
  : router{shared}, home{on}, counters{*shared.counters[on.events().index()]},
    leases{on, lease_options_of(shared.settings, ids.random())},
    upstreams{upstream_limits_of(shared.settings)}, balancing{balance_rules_of(shared.settings)},
    attempts_max{static_cast<std::size_t>(shared.settings.backend_attempts_max())},
    flush_{on.events().deadlines(),
           [](void* self) { static_cast<loop_context*>(self)->flush_access_log(); }, this} {
  if (router.access_log != nullptr)
    batch_ = router.access_log->take();
}

loop_context::~loop_context() = default;

void loop_context::log_access(const routing::access_record& record) {
  batch_->append(record);
  if (batch_->bytes() >= access_log_queue::batch_bytes)
    flush_access_log();
  else if (!flush_.armed())
    flush_.expires_after(flush_after);
}

void loop_context::flush_access_log() {
  flush_.disarm();
  if (batch_ && !batch_->empty())
    router.access_log->try_submit(batch_);
}

} // namespace shunt
