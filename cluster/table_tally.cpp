#include "cluster/table_tally.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace shunt::cluster {

namespace {

bool counts_it(const routing::shard_view& view, bool in_sync, std::string_view self,
               const std::map<routing::peer_id, std::string>& names) {
  if (!view.held && !in_sync)
    return false;
  return std::ranges::none_of(view.others, [&](const routing::shard_view::holder& other) {
    const auto name = names.find(other.peer);
    if (name == names.end())
      return false; // It leaves, and nobody asks it any more.
    return other.in_sync == in_sync ? name->second < self : other.in_sync;
  });
}

} // namespace

void table_tally::count(const routing::membership& members, const std::vector<bool>& in_sync, const counter& of) {
  std::map<routing::peer_id, std::string> names;
  for (const auto& peer : members.peers())
    if (peer.state == routing::peer_state::alive)
      names.emplace(peer.peer, peer.hello.node);
  own_ = {};
  for (std::size_t shard = 0; shard < in_sync.size(); ++shard)
    if (counts_it(members.view_of(shard), in_sync[shard], members.self().node, names)) {
      const auto some = of(shard);
      own_.routes += some.routes;
      own_.endpoints += some.endpoints;
    }
}

bool table_tally::is_news_to(routing::peer_id peer) {
  const auto [at, first] = said_.try_emplace(peer, own_);
  return std::exchange(at->second, own_) != own_ || first;
}

table_counts table_tally::whole(const routing::membership& members) const {
  auto sum = own_;
  for (const auto& peer : members.peers())
    if (const auto at = told_.find(peer.peer); at != told_.end() && peer.state == routing::peer_state::alive) {
      sum.routes += at->second.routes;
      sum.endpoints += at->second.endpoints;
    }
  return sum;
}

} // namespace shunt::cluster
