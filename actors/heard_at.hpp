// When what NATS delivered counts as heard.
#pragma once

#include "net/nats_batch.hpp"
#include "routing/slice.hpp"

#include <algorithm>

namespace shunt {

/// When NATS brought it: an actor that comes to it later, after the process was stopped perhaps, makes it no younger.
/// `from` may be null, or of somebody else.
inline routing::time_point brought_at(const net::nats_batch* from, routing::time_point now) {
  return from == nullptr || !from->pulled_at ? now : std::min(now, *from->pulled_at);
}

/// As `brought_at`, unless it waited for the process.
inline routing::time_point heard_at(const net::nats_batch& from, routing::time_point now) {
  return from.waited_since ? routing::slice::heard_since(*from.waited_since) : brought_at(&from, now);
}

} // namespace shunt
