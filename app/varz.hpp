// The document of `/varz`, which gorouter's operators read before there was Prometheus: one flat
// JSON object, keys sorted. Pure.
#pragma once

#include "app/metrics.hpp"
#include "app/request_history.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace shunt::app {

/// What the document says besides what was counted.
struct varz_facts {
  std::uint64_t index = 0;
  std::string id;   ///< `<index>-<uuid>`
  std::string host; ///< Where the document is served, host:port.
  std::string user;
  std::string pass;
  std::chrono::system_clock::time_point start;
  std::chrono::seconds uptime{0};
  unsigned cores = 1;
  std::uint64_t resident_kib_max = 0;
  double cpu = 0;             ///< Of one CPU, within the last second.
  std::uint64_t urls = 0;     ///< Routes; in a cluster, as the next one, of the whole table.
  std::uint64_t droplets = 0; ///< Endpoints, once for each of their routes.
};

/// The document and a newline. Bad UTF-8 in it becomes U+FFFD.
std::string varz_json(const metrics_snapshot& snapshot, const request_history& history,
                      const varz_facts& facts);

} // namespace shunt::app
