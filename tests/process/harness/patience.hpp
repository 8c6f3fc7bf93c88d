// How long tests wait. A test waits for a condition and never for time to pass, so only failing
// tests wait long. SHUNT_TEST_SLOW=N multiplies everything, for sanitizers and busy machines.
#pragma once

#include <chrono>
#include <string>
#include <thread>

namespace shunt::test {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// SHUNT_TEST_SLOW, at least 1.
int slowness();

/// `time` on a machine as slow as this one.
inline milliseconds slowed(milliseconds time) {
  return time * slowness();
}

/// The same as the configuration file spells it: `300ms`.
inline std::string slowed_text(milliseconds time) {
  return std::to_string(slowed(time).count()) + "ms";
}

/// When a single step (a response, a log line) has taken too long.
inline constexpr milliseconds step_time = 10s;
inline clock::time_point step_deadline(milliseconds time = step_time) {
  return clock::now() + slowed(time);
}

/// Asks `condition` again and again until it is true. False when that takes longer than `time`.
template <class Condition>
bool eventually(Condition&& condition, milliseconds time = step_time) {
  const auto deadline = step_deadline(time);
  while (!condition()) {
    if (clock::now() >= deadline)
      return false;
    std::this_thread::sleep_for(3ms); // Between two questions only; the answer decides.
  }
  return true;
}

} // namespace shunt::test
