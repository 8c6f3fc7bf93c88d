// A scenario: what is started, what is done to it when, and what must hold nevertheless. Read from
// chaos/scenarios/NAME.yml, strictly: a wrong key is an error, never a scenario that proves
// nothing.
#pragma once

#include "chaos/checker.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace shunt::chaos {

struct scenario_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class action {
  kill,    ///< SIGKILL.
  start,   ///< After a kill or a drain: same name, same ports, new process.
  stop,    ///< SIGSTOP.
  go_on,   ///< `continue`: SIGCONT.
  drain,   ///< SIGUSR1; its clients leave when its health says so, as a load balancer's would.
  restart, ///< `drain`, and `start` as soon as it has ended.
  stop_nats,
  start_nats,
  cut_nats, ///< The node's connection to NATS, by its relay.
  stall_nats,
  heal_nats,
  cut_peers, ///< All the node's connections to its peers, in both directions.
  stall_peers,
  delay_peers, ///< By `by`.
  heal_peers,
  map, ///< `instance` for `routes`.
  unmap,
};

struct step {
  nanoseconds at{};
  action what = action::kill;
  std::optional<int>
    node; ///< Absent where the file says `any`: the seed picks one that is in order.
  int instance = -1;
  std::vector<int> routes; ///< For map and unmap.
  std::chrono::milliseconds by{0};
  bool confirm =
    false; ///< Asks the cluster to confirm the change, and waits; then nothing has to settle.
};

struct scenario {
  std::string name;   ///< Of the file.
  std::string proves; ///< One sentence.
  bool quick = false; ///< Part of the short run.

  int nodes = 3;
  bool cluster = true; ///< false: routers that know nothing of each other.
  int shards = 256;
  int holders = 3; ///< 0: all.
  std::string suspect_after = "1s", remove_after = "5s", rebalance_after = "60s";

  int routes = 30;         ///< Mapped from the beginning.
  int spare_routes = 0;    ///< Asked for as well, but only mapped by steps. Their numbers follow.
  int instances = 6;       ///< Mapped from the beginning.
  int spare_instances = 0; ///< Only mapped by steps. Their numbers follow.
  int instances_per_route = 2;
  nanoseconds heartbeat = std::chrono::seconds{2};    ///< Of registrations.
  nanoseconds stale_after = std::chrono::seconds{60}; ///< `droplet_stale_threshold`

  int rate = 200;      ///< Requests per second and node.
  int connections = 4; ///< Per node.
  nanoseconds length{};
  nanoseconds ready_within = std::chrono::seconds{10}; ///< Of a start, until /health says so.
  std::vector<step> steps;                             ///< In order of time.
  expectations expected;
  nlohmann::json router = nlohmann::json::object(); ///< Merged into every router's configuration.

  int all_routes() const { return routes + spare_routes; }
  int all_instances() const { return instances + spare_instances; }
};

/// Throws scenario_error, which names the file and the key.
scenario read_scenario(const std::string& path);
scenario parse_scenario(const std::string& name, const std::string& yaml);

/// As timelines and logs show it: `kill`, `continue`.
std::string name_of(action what);

} // namespace shunt::chaos
