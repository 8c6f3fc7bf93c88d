#include "actors/demand_publisher.hpp"

#include <caf/all.hpp>

#include <nlohmann/json.hpp>

namespace shunt {

namespace {

constexpr auto stale_after = std::chrono::seconds{2};

} // namespace

demand_publisher_actor spawn_demand_publisher(caf::actor_system& system, publish_function publish) {
  return system.spawn<caf::detached>(
    [](demand_publisher_actor::pointer, publish_function send) -> demand_publisher_actor::behavior_type {
      return {[send = std::move(send)](const route_demand& each) {
        // What waited behind a server that took no more will be said again, if it is still so.
        if (std::chrono::steady_clock::now() - each.said > stale_after)
          return;
        const nlohmann::ordered_json said{
          {"uri", each.uri}, {"app", each.app}, {"waiting", each.waiting}};
        send("router.demand",
             said.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
      }};
    },
    std::move(publish));
}

} // namespace shunt
