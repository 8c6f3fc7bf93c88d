// What the settings say about the cluster, in the terms of the cluster node; and how a cluster looks, for people and programs.
#pragma once

#include "cluster/cluster_node.hpp"
#include "config/settings.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace shunt::app {

/// `tls` is what `settings` say of it.
cluster_node_options cluster_node_options_of(const config::settings& settings,
                                             std::shared_ptr<const cluster::peer_tls> tls);

/// Nodes find each other over NATS (`cluster.discovery`): what says where the node of `options` is, and what the
/// node makes of what others say.
std::function<void(const std::string& address)>
beacon_of(const cluster_node_options& options, std::function<void(std::string_view json)> publish);
std::function<void(std::string_view json)> beacon_ear_of(const config::settings& settings,
                                                         const cluster_node_actor& node);

/// Asks the node how the cluster looks and calls `done`, on some thread, with the JSON object of `/cluster`; with nothing
/// if it did not answer.
void show_cluster(caf::actor_system& system, const cluster_node_actor& node,
                  std::function<void(std::optional<std::string>)> done);

/// Asks the router that runs with `settings` and prints what it answers: a table, or as it came. The exit code.
int print_cluster_status(const config::settings& settings, bool json);

} // namespace shunt::app
