// The configuration loader on arbitrary bytes: it either loads or throws config_error, and what it
// loads keeps the bounds that the rest of the router relies on.
#include "config/load.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

void check_bounds(const shunt::config::settings& s) {
  using namespace std::chrono_literals;
  require(s.endpoint_timeout >= 0s && s.endpoint_timeout <= 87'600h);
  require(s.droplet_stale_threshold >= s.start_response_delay_interval);
  require(s.empty_pool.status >= 400 && s.empty_pool.status <= 599);
  require(s.request_header_bytes_max() >= 1 && s.request_header_bytes_max() <= 1 << 20);
  require(s.backend_attempts_max() >= 1 && s.loop_count(1) >= 1);
  require(!s.nats.hosts.empty() && s.nats.hosts.front().port != 0);
  require(s.limits.connections >= 1 && s.access_log.queue_records >= 1);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  try {
    check_bounds(shunt::config::load(text, "fuzz.yml").settings);
  } catch (const shunt::config::config_error& e) {
    require(!e.problems().empty() && e.problems().size() <= 101);
  }
  return 0;
}
