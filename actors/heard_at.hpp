// When what NATS delivered counts as heard.
#pragma once

#include "net/nats_batch.hpp"
#include "routing/slice.hpp"

#include <algorithm>

namespace shunt {

/// A node that is alone takes all of it as said just now, like gorouter: nobody heard it otherwise. `from` may be null.
inline routing::time_point heard_at(const net::nats_batch* from, routing::time_point now, bool clustered) {
  if (from == nullptr || !from->waited_since || !clustered)
    return now;
  return std::min(now, routing::slice::heard_since(*from->waited_since));
}

} // namespace shunt
