// Scale curves for people and for programs.
#pragma once

#include <cstddef>
#include <vector>

namespace shunt::simulation {

struct scale_wishes {
  std::vector<std::size_t> nodes{3, 6, 12, 25, 50, 100, 200};
  std::vector<std::size_t> routes{100'000, 1'000'000, 10'000'000};
  std::size_t holders = 3, shards = 256;
  double changed_per_mille = 1;
  bool json = false;
};

/// Prints to stdout; says on stderr what it is about. All its figures are the same in each run.
void report_scale(const scale_wishes& wishes);

} // namespace shunt::simulation
