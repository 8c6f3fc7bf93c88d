// Active health checks: what a route asks for, and when the answers of an endpoint make it
// unhealthy or healthy again. Values and rules; who is asked when is `health_plan`'s business, and
// asking is the network layer's.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/time.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

/// What a failure mark that is a verdict says instead of a time: it stays until the checks end it.
inline constexpr time_point unhealthy_until = time_point::max();

inline constexpr std::size_t check_path_bytes_max = 512;

/// Whether `text` can be asked for: it begins with "/", is short enough, and consists of visible
/// ASCII without "#", so that it is the whole target of a request line (RFC 9112, section 3.2.1).
bool is_check_path(std::string_view text);

/// What a route asks for. Of several wishes the smallest counts, so that all nodes agree.
struct health_check {
  std::string path; ///< Empty: no checks.
  std::uint32_t interval_ms = 0; ///< 0 = the router's.

  explicit operator bool() const { return !path.empty(); }
  auto operator<=>(const health_check&) const = default;
};

inline bool asks_for_check(const endpoint& e) {
  return !e.health_check_path().empty();
}
/// What `e` asks for on behalf of its route.
inline health_check check_asked_by(const endpoint& e) {
  return {std::string{e.health_check_path()}, e.health_check_interval_ms()};
}

struct health_check_rules {
  nanoseconds interval = std::chrono::seconds{10}; ///< For routes that ask for none.
  std::uint32_t unhealthy_after = 3; ///< Failures in a row.
  std::uint32_t healthy_after = 2;   ///< Successes in a row.
  std::size_t running_max = 64;      ///< Checks at a time.
  std::size_t checks_max = 10'000;   ///< Endpoints checked at all, each path by itself.
};

/// From check to check. Nothing shorter than a second is done, nor longer than an hour.
nanoseconds interval_of(const health_check& wish, const health_check_rules& rules);

/// One endpoint's. It is innocent until enough checks failed.
class health_verdict {
public:
  /// A check ended. True if that changed the verdict.
  bool heard(bool success, const health_check_rules& rules);
  bool healthy() const { return healthy_; }

private:
  std::uint32_t against_ = 0; ///< Results in a row that speak against the verdict.
  bool healthy_ = true;
};

/// One route whose endpoints are, or no longer are, to be checked.
struct checked_route {
  struct member {
    endpoint_ptr target;
    bool unhealthy = false; ///< As the route has it.
  };
  std::string host; ///< Of the key; perhaps a wildcard.
  std::string path; ///< Of the key.
  health_check wish; ///< None: nothing is to be checked any more.
  std::uint64_t version = 0; ///< Grows. A verdict that rests on an older one does not count.
  std::vector<member> members;
};

/// A verdict on an endpoint, as it is told to one route.
struct judgement {
  std::string host, path; ///< Of the route's key.
  std::string address;
  std::uint64_t version = 0; ///< Of the `checked_route` that it rests on.
  bool healthy = true;

  bool operator==(const judgement&) const = default;
};

} // namespace shunt::routing
