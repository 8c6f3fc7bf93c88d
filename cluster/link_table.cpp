#include "cluster/link_table.hpp"

#include <algorithm>

namespace shunt::cluster {

link_table::verdict link_table::judge(const greeting& met, routing::time_point now) const {
  const auto* before = find(met.node.node);
  if (before == nullptr)
    return verdict::link;
  const bool silent = before->open && now - before->heard >= silence_;
  bool better = false;
  if (before->ending || met.node.incarnation != before->met.node.incarnation)
    better = before->ending || met.node.incarnation > before->met.node.incarnation;
  else if (dialler_of(met) == dialler_of(before->met))
    better = silent || !before->open;
  else // Whoever welcomed this node has decided already.
    better = silent || (dialler_of(met) < dialler_of(before->met) && (met.dialled || !before->open));
  return better ? verdict::wait : verdict::duplicate;
}

const linked_peer* link_table::find(routing::peer_id peer) const {
  const auto found = links_.find(peer);
  return found == links_.end() ? nullptr : &found->second;
}

linked_peer* link_table::find(routing::peer_id peer) {
  return const_cast<linked_peer*>(std::as_const(*this).find(peer));
}

const linked_peer* link_table::find(std::string_view node) const {
  const auto found = std::ranges::find_if(links_, [&](const auto& each) { return each.second.met.node.node == node; });
  return found == links_.end() ? nullptr : &found->second;
}

linked_peer* link_table::find(std::string_view node) {
  return const_cast<linked_peer*>(std::as_const(*this).find(node));
}

linked_peer* link_table::find(const link_name& name) {
  auto* const link = find(name.peer);
  return link != nullptr && link->met.link->number() == name.number ? link : nullptr;
}

} // namespace shunt::cluster
