// Judges a history. What it demands of every answer, whatever happens to nodes:
//  - a route that is mapped is never answered with 404;
//  - a 2xx comes from an instance that was mapped then, so never for a route that is not.
// And besides, of connections to nodes that were in order: an answer in time, and a 2xx for every
// route that was mapped throughout.
#pragma once

#include "chaos/history.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace shunt::chaos {

struct expectations {
  /// Until all nodes must route by a change: before it, old and new are both right.
  nanoseconds settle = std::chrono::seconds{1};
  /// Of a request.
  nanoseconds deadline = std::chrono::seconds{2};
  /// How long after a node is back its clients may still feel it.
  nanoseconds grace = std::chrono::milliseconds{500};
  /// Statuses that a node may answer in an outage, besides 2xx.
  std::set<int> allowed_statuses = {503};
  /// When parts of the table are lost until they are heard again: a node may answer 503 to a lost route
  /// that it has never served before, and some must meet with that.
  struct loss {
    nanoseconds from{};
    nanoseconds to{};
    nanoseconds shared{}; ///< From then on whatever some node in order has served is known to all.
    std::set<int> routes{}; ///< Of which nobody holds a copy.
  };
  std::optional<loss> unheard;
};

enum class outcome { good, excused, failed };

struct judgement {
  outcome what = outcome::good;
  std::string why; ///< Unless good.
};

/// Something that must not have been.
struct failure {
  nanoseconds at{};
  int node = -1;
  std::string what;
};

struct verdict {
  std::vector<outcome> outcomes; ///< Of the requests, in their order.
  std::vector<failure> failures; ///< In order of time.
  std::size_t excused = 0;
  std::size_t unheard = 0; ///< Of the excused, those for `expectations::unheard`.
  nanoseconds worst{};     ///< The longest request that was answered and not excused.
  bool passed() const { return failures.empty(); }
};

judgement judge(const request& asked, const history& all, const expectations& wanted);
verdict check(const history& all, const expectations& wanted);
/// A run that asked hardly anything proves hardly anything: nodes that got fewer requests per second than that, in the
/// time in which they were in order.
std::vector<failure> asked_too_little(const history& all, int rate_min);

} // namespace shunt::chaos
