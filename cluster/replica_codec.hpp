// How what replicas say to each other is written in frames, and read; and how a message that is larger than
// a frame should be is said in several.
#pragma once

#include "cluster/msgpack.hpp"
#include "routing/replica_message.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace shunt::cluster {

/// The kind of a message on the wire: its place among those of `replica_message`.
inline std::size_t kind_of(const routing::replica_message& message) {
  return message.index();
}
inline constexpr std::uint32_t newest_version = std::numeric_limits<std::uint32_t>::max();
/// Without its kind; as frames of that version have it (peer_frame.hpp).
void write(msgpack_writer& out, const routing::replica_message& message,
           std::uint32_t version = newest_version);
/// Nothing if this version does not know the kind (then the message was skipped), or if reading failed.
std::optional<routing::replica_message> read_replica_message(msgpack_reader& in, std::size_t kind);

/// What pieces of a slice should come to in a frame: no transfer holds up a heartbeat for long.
inline constexpr std::size_t piece_bytes_max = 256 * 1024;

/// The hosts in pieces of at most `bytes_max`. A host that is larger is told in several: the first is `whole`
/// if it was, those that go on with it are not, and so it is with a path. What cannot be divided, the
/// options of one route or one endpoint, stays well below the largest frame.
std::vector<std::vector<routing::told_host>> in_pieces(std::vector<routing::told_host> hosts,
                                                       std::size_t bytes_max = piece_bytes_max);

/// The message as one or several, in the order in which they must arrive:
/// - `lease_granted` and `slice_told`: only the last is `complete` or `last`, if the message was;
/// - pushes (`lease_granted`, `lease_changed`): parts before the last carry the sequence before theirs, so
///   that nobody acknowledges more than has arrived;
/// - `transfer_piece`: what does not fit goes before it, as `slice_told` that is not `last`;
/// - `lease_start`: further hosts follow as `lease_more`;
/// - `endpoints_pruned`: several of them.
/// Others go as they are: who makes them keeps them small.
std::vector<routing::replica_message> in_parts(routing::replica_message message,
                                               std::size_t bytes_max = piece_bytes_max);

} // namespace shunt::cluster
