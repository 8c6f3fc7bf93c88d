// Which endpoint of a pool the next attempt goes to, and whether there may be another attempt.
// Between attempts the pool may change, so what a request remembers of them is values only.
#pragma once

#include "routing/balancing_choice.hpp"
#include "routing/leased_pool.hpp"
#include "routing/random.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace shunt::routing {

/// `backends.max_conns_counts`: which count is held against `max_conns`.
enum class conns_counter : std::uint8_t { awaiting_headers, in_flight };

struct balance_rules {
  routing::algorithm algorithm = algorithm::round_robin; ///< For routes that ask for none.
  std::uint32_t max_conns = 0;                           ///< Per endpoint; 0 = unlimited.
  conns_counter max_conns_counts = conns_counter::awaiting_headers;
  bool prefer_zone = false; ///< `locally-optimistic`: the first attempt stays in `zone` if it can.
  std::string_view zone;    ///< The router's own.
};

/// Restricts a choice to the instances a request asks for by header; empty fields restrict nothing.
struct instance_filter {
  std::string_view app;     ///< X-CF-App-Instance.
  std::string_view process; ///< X-CF-Process-Instance: the tag `process_id`.
  std::string_view index;

  bool accepts(const endpoint& e) const;
};

/// What one request knows of its attempts.
struct attempt_state {
  std::uint32_t attempts = 0;            ///< Selections so far.
  std::size_t position = 0;              ///< Where its own round robin goes on.
  std::vector<std::uint32_t> tried{};    ///< Address hashes, but for the last selection's.
  std::uint32_t last = 0;                ///< Address hash of the last selection.
  const instance_filter* only = nullptr; ///< Must outlive the request; null: any instance.
  std::string_view hash_value{}; ///< Of the route's `hash_header`; outlives the request.
  std::size_t hash_slot = maglev::nowhere; ///< Where the last selection by hash was made.
};

/// Chooses an endpoint and notes it in `state`; null if none can take the request. Round robin
/// steps through the pool in order, one cursor for all requests of the loop, and costs O(1) as long
/// as few endpoints are marked or full; a retry goes on from its own position. Least connection
/// looks at all endpoints, however many: a sample would be wrong exactly when it matters. By hash,
/// requests of one value go to one endpoint, or to the next in the table when that is marked, full
/// or has more than its share; a request without a value is balanced as the router does by default.
/// All avoid marked endpoints; if all that could take the request are marked, they are used, and all
/// marks of the pool are cleared but verdicts of health checks.
leased_endpoint* pick(leased_pool& pool, attempt_state& state, const balance_rules& rules,
                      time_point now, rng& random);

/// Whether a sticky request may go to `wanted`, and if so notes the selection.
bool pick_pinned(leased_endpoint& wanted, attempt_state& state, const balance_rules& rules);

bool is_overloaded(const leased_endpoint& e, const balance_rules& rules);
/// Every endpoint has `max_conns`: the answer is 503. False for an empty pool.
bool all_overloaded(const leased_pool& pool, const balance_rules& rules);

/// Whether the endpoint just picked may be tried, the selection counted: after more attempts than
/// the pool has endpoints, one that was tried before ends the request. `attempts_max` is at
/// least 1.
bool may_try(const attempt_state& state, std::size_t pool_size);
/// Whether there may be an attempt after those made.
bool may_try_again(const attempt_state& state, std::uint32_t attempts_max);

} // namespace shunt::routing
