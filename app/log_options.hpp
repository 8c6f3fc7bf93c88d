// What the settings, and whoever asks while the router runs, say of the component log, in its own terms.
#pragma once

#include "config/settings.hpp"
#include "net/component_log.hpp"

#include <optional>
#include <string_view>

namespace shunt::app {

net::log_options log_options_of(const config::settings& settings);

/// The level that a request to `/log-level` names: `debug`, `info`, `warn`, `error` or `fatal`, its first letter, in either
/// case, or 0 to 3 for all but `warn`. Nothing if it names none.
std::optional<net::log_level> log_level_of(std::string_view text);

} // namespace shunt::app
