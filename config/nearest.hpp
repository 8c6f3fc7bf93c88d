// Finds what an operator meant who mistyped a key.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace shunt::config {

/// The known path that `path` most likely stands for, or empty when none is close. Knows mistyped
/// names (`nats.host`) and names at the wrong place (`max_conns` for `backends.max_conns`).
std::string nearest_key(std::string_view path, const std::set<std::string, std::less<>>& known);

} // namespace shunt::config
