#include "cluster/peers_seen.hpp"

namespace shunt {

using enum routing::peer_state;

peers_changed peers_to_ask(const routing::membership& members, const cluster::link_table& links,
                           routing::time_point now) {
  peers_changed result;
  const bool counts_the_dead = !members.sees_most(now);
  const auto view = members.view_hash();
  for (const auto& peer : members.peers()) {
    if (peer.state == left) { // While it drains it serves. Whom it sees does not matter: nobody new comes to it.
      if (const auto* link = links.find(peer.peer); link != nullptr && link->open)
        result.peers.push_back({peer.peer, peer.hello.node, true, true});
    } else if (peer.state != dead || counts_the_dead) {
      result.peers.push_back({peer.peer, peer.hello.node, peer.state == alive, peer.view == view});
    }
  }
  return result;
}

std::vector<cluster_status::node> peers_to_show(const routing::membership& members, const cluster::link_table& links) {
  std::vector<cluster_status::node> result;
  const auto view = members.view_hash();
  for (const auto& peer : members.peers()) {
    cluster_status::node seen;
    seen.name = peer.hello.node;
    seen.zone = peer.hello.zone;
    seen.address = peer.hello.address;
    seen.state = name_of(peer.state);
    seen.incarnation = peer.hello.incarnation;
    seen.hears_nats = peer.hears_nats;
    seen.view_equal = peer.view == view;
    seen.shards_held = peer.shards_held;
    seen.shards_in_sync = peer.shards_in_sync;
    seen.warning = peer.warning;
    if (const auto* link = links.find(peer.peer); link != nullptr && link->open) {
      const auto& handle = *link->met.link;
      seen.frame_version = link->met.version;
      seen.queued_bytes = handle.queued_bytes(cluster::link_lane::main);
      seen.queued_slice_bytes = handle.queued_bytes(cluster::link_lane::slices);
    }
    result.push_back(std::move(seen));
  }
  return result;
}

} // namespace shunt
