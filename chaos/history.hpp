// What happened in one run: every request, what was mapped when, and when a node was out of order.
// Plain values; times count from the beginning of the load. checker.hpp judges them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shunt::chaos {

using std::chrono::nanoseconds;

inline constexpr nanoseconds for_ever = nanoseconds::max();

/// One request and what became of it.
struct request {
  nanoseconds start{};
  nanoseconds end{};
  int node = 0;
  int route = 0;
  int status = 0;    ///< 0: no answer, and `error` says why.
  int instance = -1; ///< Which one answered, as its body says; -1: none did.
  std::string error;
};

/// An instance of a route, from its first registration until it was unregistered.
struct mapping {
  int route = 0;
  int instance = 0;
  nanoseconds from{};
  nanoseconds to = for_ever;
  std::optional<nanoseconds> known; ///< Confirmed; absent: to be known when it may have settled.
  std::optional<nanoseconds> gone;  ///< The same of its end.
};

/// A time in which a node was killed, stopped or not yet ready again, so that its clients may fail.
struct outage {
  int node = 0;
  nanoseconds from{};
  nanoseconds to = for_ever;
  std::optional<nanoseconds> went_on{}; ///< Absent: it did not stand still, or still does.
};

/// Something that was done to the cluster, for people to read.
struct mark {
  nanoseconds at{};
  int node = -1; ///< -1: none in particular.
  std::string what;
};

struct history {
  int nodes = 0;
  int routes = 0; ///< Numbers below it may be asked for; whether they are mapped, `mappings` says.
  nanoseconds length{};
  std::vector<request> requests;
  std::vector<mapping> mappings;
  std::vector<outage> outages;
  std::vector<mark> marks;
};

} // namespace shunt::chaos
