// What the replicas of one shard on two nodes say to each other. Values without pointers but for endpoints,
// which are interned where they arrive. Ages travel, never times: clocks differ. Between two nodes `slice_told`
// and `transfer_piece` keep their order, and so does everything else, but a piece may come later than what was said after
// it. Nothing is doubled, and what is lost is lost together with the link, whose end both replicas hear of.
// How it is written on the wire is the business of `cluster/`.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/route_traits.hpp"
#include "routing/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace shunt::routing {

// -- The contents of a table.

struct told_member {
  endpoint_ptr target{}; ///< Never null.
  std::string spelling{}; ///< As `registration::spelling`.
  nanoseconds age{0};   ///< Since it was heard.
  bool provisional = false; ///< Not heard by any node that tells it, but from others or a file.
};

/// An endpoint that left: a tombstone, or in a change of a host merely that it is not there any more.
struct told_end {
  std::string address{};
  nanoseconds age{0}; ///< Since it left.
  /// How long before it left it had been heard for the last time. Nothing: that is not known.
  std::optional<nanoseconds> heard_before{};
};

struct told_path {
  std::string path{};
  bool whole = true;  ///< Members that are not named are not there. Otherwise they are as they were.
  bool known = true;  ///< False: there is no such route; `ended` may still say who left it.
  std::vector<told_member> members{}; ///< In pool order.
  std::vector<told_end> ended{};
  nanoseconds empty_for{0};    ///< Without any member: since when.
  route_traits last{};           ///< Without any member: `route_derivation::last`.
  std::string last_app{};        ///< Likewise.
};

struct told_host {
  std::string host{};
  bool whole = true; ///< Paths that are not named are not there. Otherwise they are as they were.
  std::vector<told_path> paths{};
};

/// Nothing has to seem older; with it, no peer's word makes times overflow.
inline constexpr nanoseconds oldest = std::chrono::hours{365 * 24};

/// It was told so long ago.
inline void grow_older(told_host& host, nanoseconds by) {
  for (auto& path : host.paths) {
    for (auto& each : path.members)
      each.age += by;
    for (auto& each : path.ended)
      each.age += by;
    path.empty_for += by;
  }
}

/// One endpoint of one route.
struct endpoint_key {
  std::string host{};
  std::string path{};
  std::string address{};

  bool operator==(const endpoint_key&) const = default;
  auto operator<=>(const endpoint_key&) const = default;
};

// -- A borrower and the holder it leases from.

/// From now on the sender leases from this holder: all wildcards, and these hosts. Answered by `lease_granted`
/// messages, the last of which is `complete`, and `known_hosts`.
struct lease_start {
  std::vector<std::string> hosts{};
  /// Differs from that of the borrower's leases before, of which news may still be on its way. 0, here and below:
  /// of a node that does not number them.
  std::uint64_t lease = 0;
};
struct lease_end {}; ///< Of all that.
/// Leases one more. Answered by `lease_granted`.
struct lease_more {
  std::string host{};
};
struct lease_less {
  std::string host{};
};
struct lease_granted {
  std::uint64_t sequence = 0; ///< Of the pushes to this borrower; this one counts as one.
  bool in_sync = true;        ///< Whether what is not there does not exist.
  bool complete = false;
  std::vector<told_host> hosts{}; ///< Whole.
  std::uint64_t lease = 0; ///< As it was started with.
};
/// What changed on leased hosts and wildcards; at most 10 ms of changes. Answered by `lease_applied`.
struct lease_changed {
  std::uint64_t sequence = 0;
  bool in_sync = true;
  std::vector<told_host> hosts{};
  std::vector<std::uint64_t> appeared{}; ///< `host_hash` of hosts that the borrower's filter may not know.
  std::uint64_t lease = 0;
};
struct lease_applied {
  std::uint64_t sequence = 0;
};
/// A filter of the hosts that exist (existence_filter.hpp), anew. What appears later comes by `lease_changed`.
struct known_hosts {
  std::string filter{};
  std::uint64_t lease = 0;
};

// -- Repair between holders. Digests cover endpoints and tombstones, never ages or marks.

struct slice_digest {
  std::uint64_t sum = 0;
  bool in_sync = true; ///< Of the holder that tells, at this moment, as far as it says so: else what it is known to be.
};
/// Of each bucket; in answer to a digest that differed twice.
struct bucket_digests {
  std::vector<std::uint64_t> sums{};
};
struct host_digest {
  std::uint64_t host = 0; ///< `host_hash`.
  std::uint64_t sum = 0;

  bool operator==(const host_digest&) const = default;
};
/// Of the hosts of buckets that differed.
struct host_digests {
  std::vector<std::uint16_t> buckets{};
  std::vector<host_digest> hosts{};
};
/// Answered by `slice_told`: hosts that differ; those the asker has come along, unasked.
struct slice_pull {
  std::vector<std::uint64_t> hosts{}; ///< `host_hash`; what goes beyond `shard_replica::pulled_together` is not told.
};
/// To be merged.
struct slice_told {
  std::vector<told_host> hosts{};
  bool last = true; ///< Of those that were pulled.
};

// -- Transfer to a new holder, which asks for one piece after the other: so it goes at the pace of both.

struct transfer_pull {
  std::uint64_t cursor = 0; ///< 0 = from the beginning.
};
struct transfer_piece {
  std::uint64_t cursor = 0; ///< As it was asked for.
  std::uint64_t next = 0;   ///< To ask with next; the same as `slice::walk_end` at the end.
  bool in_sync = false;     ///< Of the holder that tells, at this moment.
  std::vector<told_host> hosts{};
  /// By whoever tells. Otherwise there is nothing to go by: it says so by `lease_end`, too, but that may come later.
  bool held = true;
};

// -- Ageing. Nobody prunes what another holder hears.

/// How long ago were these heard? Answered by `ages_told`, in the same order.
struct ages_asked {
  std::uint64_t round = 0;
  std::vector<endpoint_key> of{};
  /// Which of them an attempt of the asker's failed on, so that they are not to be spared for their TLS. Where it ends
  /// early, the rest did not. Round 0: only to say so.
  std::vector<bool> failed{};
};
struct ages_told {
  std::uint64_t round = 0;
  std::vector<nanoseconds> ages{}; ///< `never` if it is not there, 0 while the teller keeps it.
  static constexpr nanoseconds never = nanoseconds::max();
};
/// Every holder that is alive was asked, and nobody heard these in time: they go.
struct endpoints_pruned {
  std::vector<endpoint_key> which{};
};

// -- Confirmation: whoever changes a route may ask when all nodes route by it.

/// Does your node route by this? Answered once, when it does and nothing is under way any more on what was removed,
/// or when `within` is over.
struct change_asked {
  std::uint64_t change = 0; ///< As the asker numbers them.
  endpoint_key which;
  bool present = true;       ///< Or: not there any more.
  std::uint64_t content = 0; ///< `endpoint::content_hash` of what is present.
  nanoseconds within{0};
};
struct change_told {
  std::uint64_t change = 0;
  bool applied = false; ///< No attempt begins by the old state.
  bool drained = false; ///< And none that had begun is under way.

  bool operator==(const change_told&) const = default;
};

/// Append kinds, never renumber them: the position is the kind on the wire.
using replica_message =
  std::variant<lease_start, lease_end, lease_more, lease_less, lease_granted, lease_changed,
               lease_applied, known_hosts, slice_digest, bucket_digests, host_digests, slice_pull,
               slice_told, transfer_pull, transfer_piece, ages_asked, ages_told, endpoints_pruned,
               change_asked, change_told>;

} // namespace shunt::routing
