// What a router's Prometheus endpoint says. Its configuration has `prometheus: {enabled: true}`.
#pragma once

#include "tests/process/harness/stage.hpp"

#include <map>
#include <string>

namespace shunt::test {

/// Values by name and labels, as the text has them.
using metric_values = std::map<std::string, double>;

metric_values scrape(const router& of);
inline metric_values scrape(const stage& of) {
  return scrape(of.under_test);
}
/// 0 for what is not there.
double value(const metric_values& all, const std::string& name);

} // namespace shunt::test
