// The history of a run while it is written: what was done, what is mapped, when nodes are out of
// order, and what went wrong besides requests. On the thread of the director.
#pragma once

#include "chaos/load.hpp"
#include "chaos/run_scenario.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace shunt::chaos {

class journal {
public:
  /// Everything that is mapped from the beginning stands in it. `clock` outlives it.
  journal(const scenario& plan, const load& clock, progress tell);

  nanoseconds now() const { return clock_.now(); }
  /// For whoever looks on.
  void tell(const std::string& what) const;
  /// What was done to a node; -1: to none in particular.
  void note(int node, const std::string& what);
  void fail(int node, const std::string& what);
  /// A change begins now. Which mappings it concerns; those that are so already are left out.
  std::vector<std::size_t> map(const std::vector<int>& routes, int instance);
  std::vector<std::size_t> unmap(const std::vector<int>& routes, int instance);
  bool is_mapped(int route, int instance) const { return open_.contains({route, instance}); }
  /// Of these, the beginning or the end was known everywhere at that time.
  void confirm(const std::vector<std::size_t>& changed, bool maps, nanoseconds at);
  /// Returns its number. It has no end yet.
  std::size_t begin_outage(int node);
  void go_on_in_outage(std::size_t number) { all.outages[number].went_on = now(); }
  void end_outage(std::size_t number) { all.outages[number].to = now(); }

  history all; ///< Without requests.
  std::vector<failure> failures;

private:
  void open(int route, int instance, nanoseconds from);

  const load& clock_;
  progress tell_;
  std::map<std::pair<int, int>, std::size_t> open_; ///< By route and instance.
};

} // namespace shunt::chaos
