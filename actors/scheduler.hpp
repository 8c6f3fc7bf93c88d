// CAF's scheduler as the router uses it: two threads that share one queue, and a clock that actors on
// loops do not have to wake.
#pragma once

#include <caf/actor_system_config.hpp>

namespace shunt {

/// Makes the actor system of `config` use it.
void use_router_scheduler(caf::actor_system_config& config);

} // namespace shunt
