// The actor of one link: packs what shards say to the peer into frames, many small messages together, and hands
// on what arrives, to shards and to the cluster node. It ends when the link is over and all shards have
// heard so: what a shard said before that never gets into a later link to the same peer.
#pragma once

#include "actors/protocol.hpp"
#include "cluster/link_event.hpp"
#include "cluster/peer_transport.hpp"

#include <vector>

namespace shunt {

struct peer_link_options {
  std::shared_ptr<cluster::peer_transport> transport;
  cluster::link_ptr link;
  std::uint32_t version = cluster::frame_version; ///< Of the frames.
  routing::peer_id peer = routing::this_node;
  std::vector<route_shard_actor> shards;
  cluster_node_actor node;
  std::shared_ptr<cluster::cluster_metrics> metrics;
};

peer_link_actor spawn_peer_link(caf::actor_system& system, peer_link_options options);

/// Hands what the transport says of a link to its actor and to the node.
std::shared_ptr<cluster::link_listener> listener_for(peer_link_actor actor, cluster_node_actor node,
                                                     cluster::link_name link);

/// Hands what the transport says of whoever greets it, or does not, to the node.
std::shared_ptr<cluster::transport_listener> transport_listener_for(cluster_node_actor node);

} // namespace shunt
