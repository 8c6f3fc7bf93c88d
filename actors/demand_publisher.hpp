// Publishes `router.demand`: for which routes requests wait, so that whoever scales apps can wake them.
#pragma once

#include "actors/protocol.hpp"

#include <functional>
#include <string_view>

namespace shunt {

/// Sends `payload` on `subject`; may wait, and says whether it was taken.
using publish_function = std::function<bool(std::string_view subject, std::string_view payload)>;

/// Has a thread of its own. `publish` must work until the actor has ended.
demand_publisher_actor spawn_demand_publisher(caf::actor_system& system, publish_function publish);

} // namespace shunt
