// Pieces of the table as `/routes` shows them: of a slice that is held here, and of one that is borrowed, of which a
// holder is asked. Part of the route shard's actor; single-threaded.
#pragma once

#include "actors/protocol.hpp"

#include <caf/typed_response_promise.hpp>

#include <cstdint>
#include <vector>

namespace shunt {

/// Some hundred hosts of `table`, from `cursor` on.
route_list list_some(const routing::slice& table, std::uint64_t cursor);

class foreign_lists {
public:
  using promise = caf::typed_response_promise<route_list>;

  /// That peer was asked for a piece of its slice from `cursor` on, with which `answer` is kept.
  void expect(routing::peer_id from, std::uint64_t cursor, promise answer);
  /// What was too large for the piece itself comes before it, in parts. Not of a list alone, perhaps: others are to
  /// hear of it, too.
  void collect(routing::peer_id from, const routing::slice_told& part);
  /// False if nobody expects it.
  bool show(routing::peer_id from, const routing::transfer_piece& told,
            const routing::table_rules& rules, routing::time_point now);
  /// It will not answer any more: the link is gone, or it holds no copy.
  void lose(routing::peer_id from);

private:
  struct open_list {
    routing::peer_id from = routing::this_node;
    std::uint64_t cursor = 0;
    promise answer;
    std::vector<routing::told_host> parts{}; ///< Of its piece.
    std::size_t told = 0; ///< How many parts.
  };
  std::vector<open_list> open_;
};

} // namespace shunt
