// How its peers look to a node: for the confirmer, and for people.
#pragma once

#include "actors/protocol.hpp"
#include "cluster/link_table.hpp"
#include "routing/membership.hpp"

#include <vector>

namespace shunt {

/// Those who may route by an older state than this node's.
peers_changed peers_to_ask(const routing::membership& members, const cluster::link_table& links,
                           routing::time_point now);

/// All of whom anything is known.
std::vector<cluster_status::node> peers_to_show(const routing::membership& members, const cluster::link_table& links);

} // namespace shunt
