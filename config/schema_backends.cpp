// Keys of backends: connections, timeouts, balancing, cookies, empty pools.
#include "config/schema.hpp"

#define KEY(member, ...) SHUNT_CONFIG_KEY(settings, member, __VA_ARGS__)

namespace shunt::config {

schema_of<settings> backend_fields() {
  return {
    KEY(backends.max_conns, number{0, std::numeric_limits<std::int64_t>::max()}),
    KEY(backends.max_attempts, number{}),
    KEY(backends.max_conns_counts, choice<max_conns_counts>{}),
    KEY(backends.cert_chain, text{}),
    KEY(backends.private_key, text{}),
    KEY(endpoint_timeout, period{}),
    KEY(http_1_endpoint_timeout, period{}),
    KEY(http_2_endpoint_timeout, period{}),
    KEY(endpoint_dial_timeout, period{}),
    KEY(websocket_dial_timeout, period{}),
    KEY(endpoint_keep_alive_probe_interval, positive),
    KEY(disable_keep_alives, flag{}),
    KEY(max_idle_conns, number{}),
    KEY(max_idle_conns_per_host, number{}),
    KEY(keep_alive_100_continue_requests, flag{}),
    KEY(balancing_algorithm, choice<balancing_algorithm>{}),
    KEY(balancing_algorithm_az_preference, choice<balancing_algorithm_az_preference>{}),
    KEY(zone, text{}),
    KEY(secure_cookies, flag{}),
    KEY(sticky_session_cookie_names, texts{}),
    KEY(sticky_sessions_for_auth_negotiate, flag{}),
    KEY(empty_pool_response_code_503, flag{}),
    KEY(empty_pool_timeout, period{}),
    KEY(empty_pool.status, number{400, 599}),
    KEY(empty_pool.body, text{}),
    KEY(empty_pool.content_type, text{}),
    KEY(empty_pool.retry_after, period{}),
    KEY(empty_pool.keep, period{}),
    KEY(empty_pool.keep_routes_max, number{0, 100'000'000}),
    KEY(hold.requests_per_route, number{0, 1'000'000}),
    KEY(hold.bytes_per_route, number{0, 1LL << 40}),
    KEY(hold.requests, number{0, 1'000'000}),
    KEY(hold.bytes, number{0, 1LL << 40}),
    KEY(outlier_ejection.consecutive_failures, number{0, 10'000}),
    KEY(outlier_ejection.error_rate_percent, number{0, 100}),
    KEY(outlier_ejection.requests_min, number{1, 1'000'000}),
    KEY(outlier_ejection.interval, period{1s}),
    KEY(outlier_ejection.base_ejection_time, period{1s}),
    KEY(outlier_ejection.max_ejection_time, period{1s}),
    KEY(outlier_ejection.max_ejected_percent, number{0, 100}),
    KEY(health_checks.enabled, flag{}),
    KEY(health_checks.interval, period{1s}),
    KEY(health_checks.timeout, period{1ms}),
    KEY(health_checks.unhealthy_after, number{1, 1'000}),
    KEY(health_checks.healthy_after, number{1, 1'000}),
  };
}

} // namespace shunt::config
