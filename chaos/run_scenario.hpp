// Runs one scenario from beginning to end: starts its world, keeps up the load, does what the steps
// say when they say it, and has the history judged.
#pragma once

#include "chaos/scenario.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace shunt::chaos {

struct run_result {
  scenario plan;
  std::uint64_t seed = 0;
  history all;
  verdict judged;
};

/// Says what happens, a line at a time.
using progress = std::function<void(const std::string&)>;

/// `directory` gets what the nodes write. Where the world does not even start, that is the failure.
/// On the main thread: nodes die with the thread that starts them.
run_result run_scenario(const scenario& plan, std::uint64_t seed, const std::string& directory,
                        const progress& tell);

} // namespace shunt::chaos
