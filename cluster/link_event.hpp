// What the cluster node hears of its links: from the transport, and from the actor of each link.
#pragma once

#include "cluster/peer_transport.hpp"
#include "routing/membership.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace shunt::cluster {

/// The number of a link, and the peer it leads to.
struct link_name {
  std::uint64_t number = 0;
  routing::peer_id peer = routing::this_node;
};

struct stranger_left {
  std::string address;
  std::string reason;
};
struct link_opened {
  link_name link;
};
/// Nothing arrives any more.
struct link_closed {
  link_name link;
  std::string reason;
};
/// After it: all that had arrived was handed over, and every shard heard that it is over.
struct link_ended {
  link_name link;
};
/// A heartbeat is here. What it says comes by way of the link's actor, in the order of all that is said.
struct beat_seen {
  link_name link;
  std::shared_ptr<std::atomic<bool>> told; ///< Cleared before it is heeded: one of a link is enough.
};
struct beat_heard {
  link_name link;
  routing::node_heartbeat beat;
};
struct news_heard {
  link_name link;
  routing::node_news news;
};

struct counts_heard {
  link_name link;
  table_counts counts;
};

struct link_event {
  std::variant<greeting, dial_failure, stranger_left, link_opened, link_closed, link_ended, beat_seen, beat_heard,
               news_heard, counts_heard>
    what;
};

} // namespace shunt::cluster
