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
  kill_instance,   ///< Its port is closed, whoever is connected.
  start_instance,  ///< Listens on its port again.
  silence_emitter, ///< Nothing is registered any more but by steps, not even for a router that
                   ///< asks.
  resume_emitter,  ///< All is registered at once, and again and again.
  // The steps that follow come when this is over, and `within` is the most it may take.
  await_confirmation, ///< Of the change that was asked for with `confirm: later`.
  await_placement,    ///< Each shard has all its holders among the nodes that are in order.
  await_order,        ///< Besides, these hear NATS and say 404 to what nobody mapped.
  await_snapshots,    ///< Each node in order has written its snapshot since this began.
  ask_all,            ///< Each node in order, when none is about to be, answers 2xx for each of `routes`.
};

/// Whether a change of routes is sent as a request, which is answered when all nodes route by it.
enum class confirmation_wish {
  none,
  now,   ///< The next step comes when it is confirmed.
  later, ///< await_confirmation does so.
};

struct step {
  nanoseconds at{};
  action what = action::kill;
  std::optional<int>
    node; ///< Absent where the file says `any`: the seed picks one that is in order.
  int instance = -1;
  std::vector<int> routes; ///< For map, unmap and ask_all.
  std::chrono::milliseconds by{0};
  confirmation_wish confirm = confirmation_wish::none; ///< Once confirmed, nothing has to settle.
  bool drained = false; ///< Nor may a request be under way on what was unmapped.
  /// After `continue`: for so long what its clients get does not count, since the others had taken it for dead.
  nanoseconds excused{0};
  /// Until what is awaited must be. A confirmation is asked for again and again until then; without
  /// it, once.
  nanoseconds within{0};
};

struct scenario {
  std::string name;   ///< Of the file.
  std::string proves; ///< One sentence.
  bool quick = false; ///< Part of the short run.

  int nodes = 3;
  bool cluster = true; ///< false: routers that know nothing of each other.
  bool snapshot = false; ///< Each node keeps what it knows in a file, `cluster.snapshot`.
  int shards = 256;
  int holders = 3; ///< 0: all.
  std::string suspect_after = "1s", remove_after = "5s", rebalance_after = "60s";

  int routes = 30;         ///< Mapped from the beginning.
  int spare_routes = 0;    ///< Asked for as well, but only mapped by steps. Their numbers follow.
  int instances = 6;       ///< Mapped from the beginning.
  int spare_instances = 0; ///< Only mapped by steps. Their numbers follow.
  int instances_per_route = 2;
  int asked_routes = 0;     ///< How many of `routes` clients ask for, the first ones; 0: all.
  int churn = 0;            ///< Spare routes that are mapped or unmapped by chance, per second.
  int uris_per_message = 0; ///< Of registrations; 0: all that an instance has.
  /// In which everything is registered once.
  nanoseconds heartbeat = std::chrono::seconds{2};
  nanoseconds stale_after = std::chrono::seconds{60}; ///< `droplet_stale_threshold`

  int rate = 200;      ///< Requests per second and node,
  int rate_min = 0;    ///< and how many of these must come about while it is in order. 0: half of them.
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
