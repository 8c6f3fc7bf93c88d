// The node's behaviour, which is told apart by what it is about: what it is told, what time brings and what follows
// (cluster_node.cpp), links (cluster_node.links.cpp).
#pragma once

#include "cluster/cluster_node.hpp"
#include "cluster/lease_ages.hpp"
#include "cluster/link_table.hpp"
#include "cluster/peer_link.hpp"
#include "cluster/peers_seen.hpp"
#include "cluster/table_tally.hpp"
#include "net/log_limiter.hpp"

#include <caf/all.hpp>

#include <unistd.h>

#include <map>
#include <optional>

namespace shunt::cluster {

using routing::peer_id;
using routing::time_point;

inline constexpr std::string_view cluster_log_source = ".cluster";

/// What a node knows of itself and of its peers.
struct cluster_node_state {
  static constexpr const char* name = "cluster-node";
  std::optional<routing::membership> members;
  std::shared_ptr<peer_transport> transport;
  std::vector<route_shard_actor> shards;
  std::vector<bool> in_sync;
  std::optional<link_table> links;
  std::optional<dial_book> book;
  std::optional<lease_ages> leases;
  table_tally tally;
  std::vector<bool> ready; ///< Shards of which this node knows all that there is to know.
  std::size_t ready_count = 0;
  bool was_ready = false; ///< All of them, some time.
  bool was_isolated = false;
  std::vector<peers_changed::peer> peers_told; ///< To the confirmer.
  std::uint64_t view_said = 0; ///< In the last heartbeat.
  bool peers_moved = false; ///< What the confirmer was told of them may not hold any more.
  time_point asked_at{}; ///< Everybody, to register.
  bool hears_nats = false;
  bool leaving = false;
  time_point next_beacon{};
  int listening_socket = -1; ///< Until the transport has it.
  net::log_limiter lines{50};

  ~cluster_node_state() {
    if (transport)
      transport->stop();
    if (listening_socket >= 0)
      ::close(listening_socket);
  }
};

using cluster_node_self = cluster_node_actor::stateful_pointer<cluster_node_state>;

/// What a node says to shards and peers, and what it makes of what they say.
class cluster_node_behaviour {
public:
  cluster_node_behaviour(cluster_node_self self, std::shared_ptr<const cluster_node_options> options,
                         int listening_socket, net::component_log* log, std::shared_ptr<cluster_metrics> metrics);

  // -- What it is told.
  void start(const start_cluster& m) const;
  void send(const to_peer& m) const;
  void sync(const shard_sync& m) const;
  void note_ready(std::size_t shard, bool ready) const;
  void note_asked_for() const;
  void nats(const nats_changed& m) const;
  /// Many shards may wish it at once.
  void wish() const;
  void replace(const shard_replaced& m) const;
  void leave() const;
  void find(const peers_found& m) const;
  void use_tls(const use_cluster_tls& m) const;

  // -- What time brings.
  void tend() const;

  // -- What it hears of links.
  void hear(const link_news& m) const;
  cluster_status status() const;

private:
  cluster_node_state& state() const { return self_->state; }
  cluster_node_actor handle() const { return caf::actor_cast<cluster_node_actor>(self_); }
  time_point now() const { return self_->clock().now(); }
  const routing::node_hello& self_hello() const { return state().members->self(); }
  std::uint64_t routing_seed() const {
    return std::hash<std::string>{}(options_->hello.node) ^ options_->hello.incarnation;
  }
  routing::nanoseconds interval() const {
    return options_->heartbeat_interval.count() > 0 ? options_->heartbeat_interval
                                                    : options_->rules.suspect_after / 4;
  }

  // -- Who may link.
  void refuse(const greeting& g, refusal_code code, const std::string& reason) const;
  void drop(linked_peer& link, std::string reason) const;
  void happen(const greeting& g) const;
  void wait(const greeting& g) const;
  void link(const greeting& g) const;

  // -- Events.
  void happen(const dial_failure& failure) const;
  void happen(const stranger_left& m) const;
  void happen(const link_opened& m) const;
  void happen(const link_closed& m) const;
  void happen(const link_ended& m) const;
  void happen(const beat_seen& m) const;
  void happen(const beat_heard& m) const;
  void happen(const news_heard& m) const;
  void happen(const counts_heard& m) const;

public:
  /// The actor of a link died: for want of memory, say.
  void bury(const caf::down_msg& m) const;

private:
  // -- What follows.
  void beat() const;
  void beat_to(const linked_peer& link, const std::string& frame) const;
  void follow() const;
  void note_leases() const;
  void tell_counts() const;
  void tell_of_peers() const;

  cluster_node_self self_;
  std::shared_ptr<const cluster_node_options> options_;
  net::component_log* log_;
  std::shared_ptr<cluster_metrics> metrics_;
};

} // namespace shunt::cluster
