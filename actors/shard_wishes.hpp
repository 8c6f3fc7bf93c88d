// Changes whose confirmation somebody asked for and another node is to give, until it must have: the node may stand
// still. Should it come to be this one's turn meanwhile, whoever asks is answered here. Perhaps a second time, but who
// waits for a reply takes the first. Part of the route shard's actor; single-threaded.
#pragma once

#include "actors/protocol.hpp"
#include "routing/time.hpp"

#include <cstddef>
#include <deque>
#include <vector>

namespace shunt {

class shard_wishes {
public:
  /// `patience`: after that nobody waits for the answer any more.
  explicit shard_wishes(routing::nanoseconds patience) : patience_{patience} {}
  void set_patience(routing::nanoseconds patience) { patience_ = patience; }

  bool empty() const { return kept_.empty(); }
  /// Of more than `kept_max` the oldest are forgotten.
  void keep(confirm_change wished, routing::time_point now);
  void forget_old(routing::time_point now);
  /// All that somebody still waits for, in the order in which they came, with the time that they have waited.
  std::vector<confirm_change> take(routing::time_point now);

  static constexpr std::size_t kept_max = 1'000;

private:
  struct kept {
    confirm_change wished;
    routing::time_point since{};
  };

  routing::nanoseconds patience_;
  std::deque<kept> kept_;
};

} // namespace shunt
