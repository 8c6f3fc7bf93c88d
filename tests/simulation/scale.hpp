// What a cluster costs, by its size: the real membership of all nodes, and the real replicas of some of the shards, in
// virtual time and without faults; whatever they say to each other is written by the real codec and counted.
//
// What is sampled is scaled up: a few of the shards stand for all, and of the nodes that borrow a shard a few for
// all. Heartbeats and news are not sampled. Of a message its own bytes are counted: messages that are under way at
// once share a frame (11 bytes), and a TLS record.
#pragma once

#include "routing/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::simulation {

struct scale_options {
  std::size_t nodes = 3;
  std::size_t routes = 100'000; ///< Hosts with one endpoint each.
  std::size_t shards = 256;
  std::size_t holders = 3;      ///< 0 = all.
  double changed_per_mille = 1; ///< Of the routes, each second, while they change.
  /// Hosts for which clients ask at every node: one in so many, but not more than a loop leases.
  std::size_t one_active_of = 10;
  std::size_t active_max = 100'000;
  std::size_t sampled_routes_max = 50'000;
  std::size_t sampled_shards_max = 16;
  std::size_t sampled_borrowers_max = 6; ///< Of each sampled shard.
};

enum class traffic : std::uint8_t {
  heartbeats,
  news,     ///< Whom a node knows.
  digests,
  repair,   ///< Of what digests showed to differ.
  leases,   ///< Begun, given back, and granted.
  filters,  ///< Of the hosts that exist, for those who borrow.
  pushes,   ///< Changes of leased hosts, hosts that appeared, and their acknowledgement.
  transfer, ///< To a new holder.
};
inline constexpr std::array<std::string_view, 8> traffic_names{"heartbeats", "news",    "digests", "repair",
                                                               "leases",     "filters", "pushes",  "transfer"};

struct flow {
  double messages = 0, bytes = 0;
};

/// Per node and second, on average; as much is sent as is received. Of `joins`: what the new node sent and received in
/// all until it knew everything.
struct scale_phase {
  std::string name;
  double seconds = 0;
  std::array<flow, traffic_names.size()> flows{};
  flow nats;                  ///< That every node hears.
  double nats_for_it = 0;     ///< Messages of it about shards that it holds.
  double hosts_held = 0, hosts_borrowed = 0, tombstones = 0; ///< At the end.
  double filter_bytes = 0;    ///< Likewise; lent and borrowed.
  double repairs = 0;         ///< Rounds in which digests differed.
  std::size_t doubts = 0;     ///< Looks at which a holder was not in sync.
};

struct scale_result {
  scale_options what;
  std::size_t sampled_shards = 0, sampled_borrowers = 0;
  std::size_t shards_held_max = 0; ///< By one node.
  /// `still`: registrations come every 20 s and nothing changes. `changes`: half of the changes replace an endpoint,
  /// half a host by another. `one link cut`: of the busier of the two nodes that it parts. `joins`.
  std::vector<scale_phase> phases;
};

/// `note` hears what it is about, now and then.
scale_result measure_scale(const scale_options& what, const std::function<void(const std::string&)>& note);

} // namespace shunt::simulation
