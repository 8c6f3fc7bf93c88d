// What the values of the file mean where 0 or an absent key stands for something else.
#include "config/settings.hpp"

#include <algorithm>

namespace shunt::config {

namespace {

constexpr std::int64_t mebibyte = 1 << 20;

} // namespace

bool settings::legacy_empty_pools() const {
  return empty_pool.keep == 0s || empty_pool_response_code_503 == false;
}

std::int64_t settings::request_header_bytes_max() const {
  return max_request_header_bytes < 1 ? mebibyte : std::min(max_request_header_bytes, mebibyte);
}

std::int64_t settings::response_header_bytes_max() const {
  return max_response_header_bytes == 0 ? 10 * mebibyte : max_response_header_bytes;
}

std::int64_t settings::backend_attempts_max() const {
  return std::max<std::int64_t>(backends.max_attempts, 1);
}

std::int64_t settings::idle_conns_per_host_max() const {
  // Go's transport, which gave the key its meaning, takes 0 for its own default.
  return max_idle_conns_per_host == 0 ? 2 : max_idle_conns_per_host;
}

nanoseconds settings::endpoint_timeout_for(int http_major) const {
  const auto own = http_major >= 2 ? http_2_endpoint_timeout : http_1_endpoint_timeout;
  return own == 0s ? endpoint_timeout : own;
}

std::size_t settings::loop_count(std::size_t cpus) const {
  return go_max_procs > 0 ? static_cast<std::size_t>(go_max_procs) : std::max<std::size_t>(cpus, 1);
}

bool settings::routing_api_enabled() const {
  return !routing_api.uri.empty() && routing_api.port != 0;
}

bool settings::prometheus_served() const {
  return prometheus.enabled || prometheus.port != 0;
}

} // namespace shunt::config
