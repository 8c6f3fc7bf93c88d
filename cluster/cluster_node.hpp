// The cluster node: knows which other nodes there are and how they are, by what routing/membership makes of it;
// connects to them and lets them connect; says several times a second that it lives; tells the shards who holds
// them, and carries what they say to each other to the links. Runs on a thread of its own, so that nothing
// holds up a heartbeat.
#pragma once

#include "actors/protocol.hpp"
#include "actors/replica_board.hpp"
#include "cluster/dial_book.hpp"
#include "cluster/peer_transport.hpp"
#include "net/component_log.hpp"
#include "routing/membership.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace shunt {

struct cluster_node_options {
  routing::membership_rules rules;
  /// Of it only `node`, `zone`, `address` and `incarnation` count. An address with port 0 gets the port that is
  /// listened on.
  routing::node_hello hello;
  std::string listen_address = "127.0.0.1"; ///< An IP literal.
  std::uint16_t listen_port = 0;            ///< 0: any.
  std::vector<std::string> peers; ///< "host:port"; this node may be among them, and a name may stand for several.
  std::string name_servers;       ///< That know them, "ip:port", comma between; empty: the system's.
  std::shared_ptr<const cluster::peer_tls> tls; ///< Null: loopback only.
  routing::nanoseconds heartbeat_interval{0}; ///< 0: four in each `suspect_after`.
  cluster::dial_delays delays;
  std::uint32_t frame_version = cluster::frame_version; ///< The highest that it speaks.
  std::size_t queue_bytes_max = 32 * 1024 * 1024; ///< That wait to be sent, for each connection.
  /// Asks everybody to register. Called by the node, at most once a second.
  std::function<void()> ask_for_registrations;
  std::shared_ptr<const replica_board> board; ///< Whom shards borrow from. Null: ages of leases are not told.
  change_confirmer_actor confirmer; ///< Is told of the peers. Null: nobody is.
  supervisor_actor supervisor;      ///< Is told when all shards are in sync for the first time. Null: nobody is.
  /// Whether no peer is heard although there should be some, each time that changes. Called by the node.
  std::function<void(bool)> isolated;
  /// Says to whoever may listen that a node of this cluster is at that address; `peers_found` is what listeners
  /// make of it. Called by the node, seldom. Empty: nodes know each other by `peers`.
  std::function<void(const std::string& address)> beacon;
  routing::nanoseconds beacon_interval = std::chrono::seconds{5};
};

/// Listens from now on, and links after `start_cluster`. Throws boost::system::system_error if it cannot listen.
/// `log` outlives the actor.
cluster_node_actor spawn_cluster_node(caf::actor_system& system, cluster_node_options options,
                                      net::component_log& log,
                                      std::shared_ptr<cluster::cluster_metrics> metrics);

} // namespace shunt
