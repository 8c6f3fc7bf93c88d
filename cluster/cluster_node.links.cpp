// Who may link with this node, and what it makes of what it hears by its links.
#include "cluster/cluster_node.work.hpp"

namespace shunt::cluster {

// -- What it hears of links.

void cluster_node_behaviour::hear(const link_news& m) const {
  std::visit([this](const auto& event) { happen(event); }, m.what->what);
  follow();
}

// -- Who may link.

void cluster_node_behaviour::refuse(const greeting& g, refusal_code code, const std::string& reason) const {
  state().transport->refuse(g.link, code, reason);
  if (g.dialled)
    state().book->failed(g.address, g.node.node, now());
}

void cluster_node_behaviour::drop(linked_peer& link, std::string reason) const {
  state().transport->close(link.met.link, std::move(reason));
}

void cluster_node_behaviour::happen(const greeting& g) const {
  if (g.node.node == self_hello().node && g.node.incarnation == self_hello().incarnation) {
    state().transport->refuse(g.link, refusal_code::itself, "this is the node itself");
    if (g.dialled)
      state().book->is_itself(g.address, now());
    return;
  }
  switch (state().links->judge(g, now())) {
    case link_table::verdict::link: return link(g);
    case link_table::verdict::wait: return wait(g);
    case link_table::verdict::duplicate:
      return refuse(g, refusal_code::duplicate, "the two nodes are linked already");
  }
}

void cluster_node_behaviour::wait(const greeting& g) const {
  if (auto& before = *state().links->find(g.node.node); !before.ending)
    drop(before, "another link to the same node takes its place");
  state().links->wait(g);
}

void cluster_node_behaviour::link(const greeting& g) const {
  auto& s = state();
  const auto welcome = s.members->connected(g.node, now());
  if (!welcome.peer) {
    log_->error(cluster_log_source, "peer-refused",
                {{"node", g.node.node}, {"address", g.address}, {"reason", welcome.refusal}});
    refuse(g, refusal_code::unfit, welcome.refusal);
    return;
  }
  if (!welcome.warning.empty())
    log_->warn(cluster_log_source, "peer-differs", {{"node", g.node.node}, {"difference", welcome.warning}});
  peer_link_options how{s.transport, g.link, g.version, *welcome.peer, s.shards, handle(), metrics_};
  auto actor = spawn_peer_link(self_->system(), std::move(how));
  self_->monitor(actor);
  s.links->add(*welcome.peer, linked_peer{g, actor, false, false, now()});
  s.transport->accept(g.link, listener_for(actor, handle(), {g.link->number(), *welcome.peer}));
}

// -- Events.

void cluster_node_behaviour::happen(const dial_failure& failure) const {
  if (failure.refused == refusal_code::itself && failure.node == self_hello().node) {
    state().book->is_itself(failure.address, now());
    return;
  }
  state().book->failed(failure.address, failure.node, now());
  if (failure.refused == refusal_code::duplicate || failure.refused == refusal_code::busy)
    return;
  const bool by_a_node = failure.refused.has_value();
  if (const auto suppressed = state().lines.admit())
    log_->write(by_a_node ? net::log_level::error : net::log_level::warn, cluster_log_source,
                by_a_node ? "peer-refused-this-node" : "peer-unreachable",
                {{"address", failure.address}, {"reason", failure.reason}, {"suppressed", *suppressed}});
}

void cluster_node_behaviour::happen(const stranger_left& m) const {
  if (const auto suppressed = state().lines.admit())
    log_->warn(cluster_log_source, "connection-refused",
               {{"address", m.address}, {"reason", m.reason}, {"suppressed", *suppressed}});
}

void cluster_node_behaviour::happen(const link_opened& m) const {
  auto* const link = state().links->find(m.link);
  if (link == nullptr)
    return;
  link->open = true;
  link->heard = now();
  state().peers_moved = true;
  state().book->linked(link->met.address, link->met.node.node);
  state().book->leads_to(link->met.node.address, link->met.node.node);
  log_->info(cluster_log_source, "link-opened",
             {{"node", link->met.node.node},
              {"address", link->met.address},
              {"dialled", link->met.dialled},
              {"frame_version", link->met.version}});
  beat_to(*link, encode(state().members->heartbeat()));
}

void cluster_node_behaviour::happen(const link_closed& m) const {
  auto* const link = state().links->find(m.link);
  if (link == nullptr)
    return;
  link->open = false;
  link->ending = true;
  state().peers_moved = true; // If it was drained, no state of a peer says so.
  log_->warn(cluster_log_source, "link-closed", {{"node", link->met.node.node}, {"reason", m.reason}});
  state().members->disconnected(m.link.peer, now());
  if (link->met.dialled)
    state().book->failed(link->met.address, link->met.node.node, now());
}

void cluster_node_behaviour::happen(const link_ended& m) const {
  auto* const link = state().links->find(m.link);
  if (link == nullptr)
    return;
  state().book->lost(link->met.node.node, now());
  state().tally.forget(m.link.peer);
  state().links->remove(m.link.peer);
  for (const auto& each : state().links->take_waiting())
    happen(each);
}

void cluster_node_behaviour::happen(const beat_seen& m) const {
  m.told->store(false);
  auto* const link = state().links->find(m.link);
  if (link == nullptr || link->ending)
    return;
  link->heard = now();
  state().members->lives(m.link.peer, now());
}

void cluster_node_behaviour::happen(const beat_heard& m) const {
  auto* const link = state().links->find(m.link);
  if (link == nullptr || link->ending)
    return;
  link->heard = now();
  state().members->heard(m.link.peer, m.beat, now());
  const bool agrees = m.beat.view == state().members->view_hash();
  if (std::exchange(link->agrees, agrees) != agrees)
    state().peers_moved = true;
}

void cluster_node_behaviour::happen(const news_heard& m) const {
  if (const auto* link = state().links->find(m.link); link == nullptr || link->ending)
    return;
  state().members->told(m.news, now());
  for (const auto& each : m.news.nodes)
    if (!each.left && !each.address.empty() && each.node != self_hello().node)
      state().book->add(each.address, false);
}

void cluster_node_behaviour::happen(const counts_heard& m) const {
  if (const auto* link = state().links->find(m.link); link != nullptr && !link->ending)
    state().tally.told(m.link.peer, m.counts);
}

void cluster_node_behaviour::bury(const caf::down_msg& m) const {
  for (auto& [id, link] : state().links->all())
    if (link.actor.address() == m.source) {
      drop(link, "its actor ended");
      for (const auto& shard : state().shards)
        self_->send(shard, peer_gone{id});
      const link_name name{link.met.link->number(), id};
      happen(link_closed{name, "its actor ended"});
      happen(link_ended{name});
      break;
    }
  follow();
}

} // namespace shunt::cluster
