// The router as a whole, from checked settings to an exit code: what is made in which order, and
// who is told of what. The map of the program.
#pragma once

#include "config/settings.hpp"
#include "net/component_log.hpp"

#include <exception>
#include <string>
#include <string_view>

namespace shunt::app {

/// Runs a router until a signal ends it: USR1 drains, TERM and INT stop, HUP reopens the access log
/// and reads `file` again, if it is not empty. Before anything has begun to serve, the first three end the process
/// themselves, with code 0. These signals must be blocked already. Returns the
/// exit code. Throws when it cannot start.
int run_router(const config::settings& settings, const std::string& file, net::component_log& log);

/// The signals that `run_router` waits for, blocked in the calling thread and those it will start.
void block_router_signals();

/// How the component log names a failed start.
std::string_view message_of(const std::exception& failed);

} // namespace shunt::app
