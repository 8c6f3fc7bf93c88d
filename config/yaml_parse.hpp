// YAML text to a tree, with bounds on everything: size, depth, number of nodes and what aliases
// expand to. One document per file.
#pragma once

#include "config/report.hpp"
#include "config/yaml_node.hpp"

#include <string_view>

namespace shunt::config {

/// The tree of `text`, or null when it is empty or cannot be used at all. Mistakes go to `out`;
/// duplicate keys are one, and leave a tree in which the first counts.
yaml_ptr parse_yaml(std::string_view text, report& out);

} // namespace shunt::config
