// What the component log says of the route table: the lines operators grep for, rate-limited,
// because a restart of a platform registers a million endpoints at once.
#pragma once

#include "net/component_log.hpp"
#include "routing/registration.hpp"
#include "routing/table_results.hpp"

#include <string_view>

namespace shunt {

void log_registered(net::component_log& log, const routing::registration& heard,
                    routing::register_result result);
void log_unregistered(net::component_log& log, const routing::registration& heard,
                      routing::unregister_result result);
/// That a message asks to unregister; `payload` as it came.
void log_unregister(net::component_log& log, std::string_view payload);
void log_failure(net::component_log& log, const routing::endpoint& failed,
                 routing::failure_report report);
void log_pruned(net::component_log& log, const routing::prune_result& pruned);

} // namespace shunt
