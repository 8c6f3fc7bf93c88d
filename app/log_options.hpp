// What the settings say of the component log, in its own terms.
#pragma once

#include "config/settings.hpp"
#include "net/component_log.hpp"

namespace shunt::app {

net::log_options log_options_of(const config::settings& settings);

} // namespace shunt::app
