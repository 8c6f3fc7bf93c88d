// Between the actors and those who hear of routes, on threads of their own: the NATS bus and the client
// of the Routing API. Calls become messages. Also the translation of settings into the bus's own terms.
#pragma once

#include "actors/protocol.hpp"
#include "config/settings.hpp"
#include "net/nats_options.hpp"
#include "net/registry_handler.hpp"
#include "net/routing_api_handler.hpp"

#include <functional>
#include <mutex>
#include <string_view>
#include <vector>

namespace shunt::app {

class registry_bridge : public net::registry_handler, public net::routing_api_handler {
public:
  /// Names the receivers. Called before the bus starts.
  void open(registrar_actor registrar, std::vector<route_shard_actor> shards,
            supervisor_actor supervisor);
  void replace_registrar(registrar_actor successor);
  /// Who else hears of NATS coming and going.
  void tell_cluster(cluster_node_actor node) { cluster_ = std::move(node); }
  /// Who hears beacons of other nodes, on the bus's thread. Called before the bus starts.
  void hear_beacons(std::function<void(std::string_view)> ear) { ear_ = std::move(ear); }
  /// Who hears where somebody waits for `vcap.component.discover` to be answered, on the bus's thread. Called before the
  /// bus starts.
  void hear_discoveries(std::function<void(std::string_view)> answers) { answers_ = std::move(answers); }
  /// Who hears of reservations from now on. Until then nobody does.
  void keep_reservations(reservation_keeper_actor keeper);
  /// Lets the successor know what its predecessor was told of NATS and the Routing API.
  void replace_shard(std::size_t shard, route_shard_actor successor);
  /// The shards as they are now. Any thread.
  std::vector<route_shard_actor> shards();

  void on_messages(net::nats_batch batch) noexcept override;
  void on_reservations(net::nats_batch batch) noexcept override;
  void on_beacon(std::string_view payload) noexcept override;
  void on_discover(std::string_view reply) noexcept override;
  void on_dropped(std::uint64_t messages) noexcept override;
  void on_connected() noexcept override;
  void on_disconnected() noexcept override;
  void on_closed() noexcept override;

  void on_registrations(std::vector<routing::registration> registrations,
                        net::nats_batch hold) noexcept override;
  void on_synchronised() noexcept override;
  void on_out_of_date() noexcept override;

private:
  void tell_shards(nats_changed change) noexcept;
  void follow_routing_api(bool followed) noexcept;

  std::function<void(std::string_view)> ear_; ///< The bus's thread alone. Empty: nobody listens.
  std::function<void(std::string_view)> answers_; ///< So with this.
  std::mutex mutex_; ///< Guards the actors, which may be replaced, and what the shards know.
  registrar_actor registrar_;
  reservation_keeper_actor keeper_;
  std::vector<route_shard_actor> shards_;
  cluster_node_actor cluster_; ///< Null: this node is alone.
  supervisor_actor supervisor_;
  bool nats_connected_ = true; ///< As the shards believe from their start on.
  bool nats_drops_ = false;    ///< Messages, and it is not over yet.
  bool api_followed_ = true;   ///< As the shards believe.
  bool began_ = false;         ///< Something was heard of the connection. Never by two at once.
};

/// What the router says of itself on `router.start`: a new id, its address, its intervals.
net::router_start router_start_of(const config::settings& settings);

/// Of `start`, what the settings may change while the router runs.
void say_intervals(net::router_start& start, const config::settings& settings);

net::nats_options nats_options_of(const config::settings& settings, net::router_start start);

} // namespace shunt::app
