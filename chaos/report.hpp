// What people and programs get to see of runs: a table, JSON, and a page per run that shows over
// time what was done and what became of the requests.
#pragma once

#include "chaos/run_scenario.hpp"

#include <nlohmann/json.hpp>

#include <ostream>
#include <string>
#include <vector>

namespace shunt::chaos {

/// One line per run, and the first failures of those that have some.
void print_table(std::ostream& out, const std::vector<run_result>& runs);

nlohmann::json to_json(const run_result& run);

/// An HTML page that needs nothing but itself.
std::string timeline_page(const run_result& run);

} // namespace shunt::chaos
