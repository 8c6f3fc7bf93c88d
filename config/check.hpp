// What must hold between keys: the rules that no single key can be checked by.
#pragma once

#include "config/found_keys.hpp"
#include "config/report.hpp"
#include "config/settings.hpp"

namespace shunt::config {

/// Fills in defaults that depend on other keys (`drain_timeout`), then checks `s`. `keys` are those
/// of the file, for the lines in messages.
void complete_and_check(settings& s, const found_keys& keys, report& out);

// -- Its larger parts, each in a file of its own

void check_cluster(const settings& s, const found_keys& keys, report& out);
void check_tls(const settings& s, const found_keys& keys, report& out);

} // namespace shunt::config
