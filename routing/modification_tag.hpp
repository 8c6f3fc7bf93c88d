// Modification tags of the Routing API: which of two reports about the same route is the later one.
// The guid lives as long as the route does there; the index grows with each change.
#pragma once

#include <cstdint>
#include <string_view>

namespace shunt::routing {

struct modification_tag {
  std::string_view guid; ///< Empty: no tag, as with everything that comes over NATS.
  std::uint32_t index = 0;

  bool operator==(const modification_tag&) const = default;
};

/// Whether a report with `fresh` may replace one with `stored`. Another guid is another life of the
/// route, and may always.
inline bool succeeds(const modification_tag& fresh, const modification_tag& stored) {
  return stored.guid.empty() || fresh.guid != stored.guid || stored.index < fresh.index;
}

/// Whether a report with `fresh` may remove what was stored with `stored`.
inline bool removes(const modification_tag& fresh, const modification_tag& stored) {
  return fresh == stored || succeeds(fresh, stored);
}

} // namespace shunt::routing
