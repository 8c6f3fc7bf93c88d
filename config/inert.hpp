// The single list of keys that are read and checked but do nothing yet. Whoever makes a key work
// removes it from inert.cpp; the warnings and docs/configuration.md follow from there.
#pragma once

#include <string_view>
#include <vector>

namespace shunt::config {

/// Why the key at `path` ("prometheus.port") does nothing, or empty if it works.
std::string_view inert_reason(std::string_view path);

/// Their paths.
std::vector<std::string_view> inert_keys();

} // namespace shunt::config
