// How much one shard says to one peer at a time. A few bytes can ask for a whole slice, again and again: whoever has
// been told enough for now is heard again a moment later, and what it says meanwhile waits where it came from. Pure;
// time is an argument.
#pragma once

#include "routing/peer.hpp"
#include "routing/replica_message.hpp"
#include "routing/time.hpp"

#include <cstddef>
#include <map>

namespace shunt::routing {

/// About so many bytes it occupies, here and on its way.
std::size_t weight_of(const replica_message& message);

class peer_pace {
public:
  static constexpr std::size_t bytes_max = std::size_t{1} << 20; ///< In each `window`, and what exceeds it last.
  static constexpr nanoseconds window = std::chrono::milliseconds{50};

  void said(peer_id to, const replica_message& what, time_point now) {
    auto& lately = lately_[to];
    if (now - lately.since >= window)
      lately = {now, 0};
    lately.bytes += weight_of(what);
  }
  bool is_enough(peer_id to, time_point now) const {
    const auto at = lately_.find(to);
    return at != lately_.end() && at->second.bytes >= bytes_max && now - at->second.since < window;
  }
  void forget(peer_id peer) { lately_.erase(peer); }

private:
  struct told {
    time_point since{};
    std::size_t bytes = 0;
  };
  std::map<peer_id, told> lately_;
};

} // namespace shunt::routing
