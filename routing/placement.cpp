// See placement.hpp.
#include "routing/placement.hpp"

#include "routing/uri.hpp"

#include <algorithm>
#include <map>
#include <numeric>

namespace shunt::routing {

namespace {

/// No name holds a zero byte, so that "a" + "bc" is not "ab" + "c".
std::uint64_t name_hash(std::string_view cluster, std::string_view node) {
  std::string text{cluster};
  text.push_back('\0');
  text.append(node);
  return host_hash(text);
}

std::uint64_t weight_of(std::uint64_t name_hash, std::size_t shard) {
  return murmur_mix(name_hash ^ murmur_mix(static_cast<std::uint64_t>(shard) + 1));
}

} // namespace

std::uint64_t murmur_mix(std::uint64_t h) {
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 33);
}

std::uint64_t placement_weight(std::string_view cluster, std::string_view node, std::size_t shard) {
  return weight_of(name_hash(cluster, node), shard);
}

placement::placement(std::string_view cluster, std::span<const placed_node> nodes) {
  std::vector<std::uint16_t> order(nodes.size());
  std::iota(order.begin(), order.end(), std::uint16_t{0});
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return nodes[a].name < nodes[b].name; });
  nodes_.resize(nodes.size());
  std::map<std::string_view, std::uint16_t> zones;
  std::uint16_t zone_count = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& from = nodes[order[i]];
    auto& to = nodes_[order[i]];
    to.name_hash = name_hash(cluster, from.name);
    to.by_name = static_cast<std::uint16_t>(i);
    const auto known = from.zone.empty() ? zones.end() : zones.find(from.zone);
    to.zone = known == zones.end() ? zone_count++ : known->second;
    if (!from.zone.empty())
      zones.emplace(from.zone, to.zone);
  }
}

std::vector<std::uint16_t> placement::rank(std::size_t shard) const {
  struct candidate {
    std::uint64_t weight;
    std::uint16_t position;
  };
  std::vector<candidate> all(nodes_.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = {weight_of(nodes_[i].name_hash, shard), static_cast<std::uint16_t>(i)};
  std::sort(all.begin(), all.end(), [this](const candidate& a, const candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight
                                : nodes_[a.position].by_name < nodes_[b.position].by_name;
  });
  // The first of each zone, then the others, both by weight.
  std::vector<std::uint16_t> ranked, others;
  ranked.reserve(all.size());
  std::vector<bool> seen(nodes_.size());
  for (const auto& c : all) {
    const auto zone = nodes_[c.position].zone;
    (seen[zone] ? others : ranked).push_back(c.position);
    seen[zone] = true;
  }
  ranked.insert(ranked.end(), others.begin(), others.end());
  return ranked;
}

std::vector<std::uint16_t> rank_holders(std::string_view cluster, std::size_t shard,
                                        std::span<const placed_node> nodes) {
  return placement{cluster, nodes}.rank(shard);
}

} // namespace shunt::routing
