// How each part of the router follows the configuration file when it is read again; see `reloader`.
#pragma once

#include "actors/access_log_writer.hpp"
#include "actors/protocol.hpp"
#include "app/metron_reporter.hpp"
#include "app/reloader.hpp"
#include "app/status_server.hpp"
#include "net/nats_bus.hpp"
#include "net/routing_api_client.hpp"

#include <memory>

namespace shunt::app {

/// Loops, shards and whoever else is an actor: the supervisor tells them.
settings_follower follow_by_actors(supervisor_actor supervisor);
settings_follower follow_by_cluster(cluster_node_actor cluster);
/// What is passed by reference outlives the followers.
settings_follower follow_by_status(status_server& status);
/// `start`: what the router says of itself, of which the id stays.
settings_follower follow_by_nats(net::nats_bus& bus, net::router_start start);
settings_follower follow_by_routing_api(net::routing_api_client& api);
/// Other files or servers are opened first, and those that there were written out before they are left.
settings_follower follow_by_access_log(const config::settings& started, std::shared_ptr<access_log_queue> queue,
                                       access_log_writer_actor writer, net::log_trouble trouble,
                                       std::shared_ptr<net::metron> loggregator);
/// Its agent may be another one, and what it is told other than before.
settings_follower follow_by_loggregator(metron_reporter& reporter);

} // namespace shunt::app
