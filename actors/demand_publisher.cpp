#include "actors/demand_publisher.hpp"

#include <caf/all.hpp>

#include <nlohmann/json.hpp>

namespace shunt {

demand_publisher_actor spawn_demand_publisher(caf::actor_system& system, publish_function publish) {
  return system.spawn<caf::detached>(
    [](demand_publisher_actor::pointer, publish_function send) -> demand_publisher_actor::behavior_type {
      return {[send = std::move(send)](const route_demand& each) {
        const nlohmann::ordered_json said{
          {"uri", each.uri}, {"app", each.app}, {"waiting", each.waiting}};
        send("router.demand",
             said.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
      }};
    },
    std::move(publish));
}

} // namespace shunt
