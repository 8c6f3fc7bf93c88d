// The links of a node, one to a peer at most, and which of two between the same nodes stays. Pure; of the cluster
// node's actor.
#pragma once

#include "actors/protocol.hpp"
#include "cluster/link_event.hpp"
#include "routing/time.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::cluster {

/// One link, from the moment it was accepted until its end has been heard everywhere.
struct linked_peer {
  greeting met;
  peer_link_actor actor;
  bool open = false;
  bool ending = false;
  routing::time_point heard{};
  bool agrees = false; ///< It saw the same nodes then as this one does now.
};

class link_table {
public:
  /// `self`: this node's name. A link that was not heard for `silence` is not well.
  link_table(std::string self, routing::nanoseconds silence) : self_{std::move(self)}, silence_{silence} {}

  enum class verdict {
    link,      ///< There is no other.
    wait,      ///< It takes the place of another, when that one has ended.
    duplicate, ///< The other stays.
  };
  /// Of two links between the same two nodes, one that is open stays as long as its peer is heard, and whoever is
  /// connected to says so. Of two that both began, the one that the node with the smaller name opens stays; of two that
  /// the same node opened, the first.
  verdict judge(const greeting& met, routing::time_point now) const;

  void add(routing::peer_id peer, linked_peer link) { links_.insert_or_assign(peer, std::move(link)); }
  void remove(routing::peer_id peer) { links_.erase(peer); }
  std::map<routing::peer_id, linked_peer>& all() { return links_; }
  const std::map<routing::peer_id, linked_peer>& all() const { return links_; }

  linked_peer* find(routing::peer_id peer);
  const linked_peer* find(routing::peer_id peer) const;
  linked_peer* find(std::string_view node);
  const linked_peer* find(std::string_view node) const;
  /// Null if that link is not the one to the peer any more.
  linked_peer* find(const link_name& name);

  void wait(greeting met) { waiting_.push_back(std::move(met)); }
  std::vector<greeting> take_waiting() { return std::exchange(waiting_, {}); }

private:
  const std::string& dialler_of(const greeting& met) const { return met.dialled ? self_ : met.node.node; }

  std::string self_;
  routing::nanoseconds silence_;
  std::map<routing::peer_id, linked_peer> links_;
  std::vector<greeting> waiting_; ///< For the end of an earlier link to the same node.
};

} // namespace shunt::cluster
