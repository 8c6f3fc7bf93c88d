// Maps and unmaps spare routes by chance, all the time.
#pragma once

#include "chaos/emitter.hpp"
#include "chaos/journal.hpp"

#include <cstdint>
#include <map>
#include <random>

namespace shunt::chaos {

class churn {
public:
  churn(const scenario& plan, emitter& bus, journal& notes, std::uint64_t seed);

  /// What is due by now. To be called often.
  void go_on();

private:
  void change_one();

  const scenario& plan_;
  emitter& bus_;
  journal& notes_;
  std::mt19937_64 chance_;
  std::map<int, int> mapped_; ///< Spare routes, and their instances.
  nanoseconds next_{};
};

} // namespace shunt::chaos
