// What happens to a simulated cluster: a list of faults and of changes to routes, drawn from a seed. A history
// is all that a run depends on, so the same one gives the same run, and a shorter one can be tried.
#pragma once

#include "routing/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::simulation {

using routing::nanoseconds;

enum class fault_kind : std::uint8_t {
  crash,       ///< Node `a` ends and starts again `lasts` later, empty; never, if that is 0.
  leave,       ///< The same, announced: it says so, drains for a second, and then ends.
  pause,       ///< Node `a` does not run, as after SIGSTOP.
  cut,         ///< Nothing passes between `a` and `b`.
  cut_one_way, ///< Nothing passes from `a` to `b`.
  split,       ///< Nothing passes between the nodes of `mask` and the others.
  slow,        ///< Whatever `a` says and hears takes half a second more.
  reset,       ///< The link between `a` and `b` breaks once.
  nats_cut,    ///< `a` has no NATS.
  nats_silent, ///< The same, and `a` notices by pings alone that it hears nothing; if `silent`, only at its end.
  nats_down,   ///< Nobody has.
  nats_lose,   ///< `a` misses the next message, and does not know.
  nats_double, ///< It hears the next one twice.
  nats_drops,  ///< It misses many, and is soon told that there were some.
  nats_late,   ///< It reads what NATS says up to a third of a second late.
  api_cut,     ///< `a` does not reach the Routing API.
  unregister,  ///< The app behind route `a` says that it goes.
  vanish,      ///< It goes without a word.
  reregister,  ///< It comes back, or for the first time.
  change,      ///< It says other things of itself.
};

/// What was said long ago has been read by everybody who reads at all.
inline constexpr nanoseconds nats_late_max = std::chrono::milliseconds{320};

struct fault {
  nanoseconds at{0};
  fault_kind kind = fault_kind::crash;
  std::size_t a = 0, b = 0;
  nanoseconds lasts{0};
  std::uint64_t mask = 0;
  bool silent = false; ///< Of a crash: it closes no link, the machine is gone. Of `nats_silent`: see there.
};

struct history {
  std::uint64_t seed = 0;
  std::size_t nodes = 5;
  std::size_t routes = 40; ///< 0: membership and placement alone.
  std::size_t shards = 8;
  std::size_t holders = 3; ///< 0 = all.
  nanoseconds rebalance_after{0};
  std::size_t zones = 0;
  bool has_api = false; ///< Some of the routes come by the Routing API instead of NATS.
  bool begins_empty = false; ///< Apps come when they come back.
  std::vector<fault> faults{};

  nanoseconds last_fault() const; ///< The end of whatever ends last.
};

/// `nodes` is at least 2; more than 64 are never split.
history draw_history(std::uint64_t seed, std::size_t nodes, std::size_t routes);

std::string text_of(fault_kind kind);
/// One line: "12.3s pause 2 for 4.5s".
std::string text_of(const fault& f);

} // namespace shunt::simulation
