// Whose health is checked when. Routes say whom they want checked; an endpoint that several of them
// have checked the same way is checked once. Answers go in, judgements come out, one for each route
// concerned. Pure: the caller passes the time and does the asking.
#pragma once

#include "routing/health_check.hpp"
#include "routing/random.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace shunt::routing {

class health_plan {
public:
  /// `seed` spreads the checks over time.
  health_plan(health_check_rules rules, std::uint64_t seed) : rules_{rules}, random_{seed} {}

  // -- What is wanted

  /// From now on. Verdicts stay as they are until the next answer.
  void set_rules(health_check_rules rules, time_point now);
  /// Instead of what that route of `shard` wanted before. It is contradicted at once where it has
  /// another verdict than the checks.
  void put(std::size_t shard, const checked_route& wanted, time_point now);
  /// No route of `shard` wants anything.
  void drop(std::size_t shard);

  // -- What is to be done

  struct order {
    std::uint64_t id = 0; ///< Of the check, from order to order.
    endpoint_ptr target;
    std::string host; ///< Of a route: the smallest of those that have it checked.
    std::string path; ///< To be asked for.
  };
  /// The next check to begin: the one that is overdue most. None: nothing is due, or enough are
  /// under way.
  std::optional<order> next(time_point now);
  /// When `next` may have something, if nothing else happens; `time_point::max()`: never.
  time_point due() const;

  struct result {
    bool changed = false; ///< The verdict.
    bool healthy = true;
  };
  /// A check that `next` began is over. Of one that nobody wants any more nothing follows, nor of one without
  /// a result.
  result ended(std::uint64_t id, std::optional<bool> success, time_point now);

  /// For the shards that say so, in order; at most one call's worth.
  std::vector<std::pair<std::size_t, judgement>> take_judgements() {
    return std::exchange(judgements_, {});
  }
  /// Checks that nobody wants any more.
  std::vector<std::uint64_t> take_dropped() { return std::exchange(dropped_, {}); }

  /// How many endpoints were left unchecked since this was last asked: there were `checks_max` already.
  std::size_t take_refused() { return std::exchange(refused_, 0); }

  std::size_t check_count() const { return checks_.size(); }
  std::size_t unhealthy_count() const { return unhealthy_; }
  std::size_t running_count() const { return running_; }

private:
  using route_key = std::pair<std::string, std::string>; ///< Host and path.

  struct check {
    std::string key;
    endpoint_ptr target;
    std::string path;
    std::map<route_key, nanoseconds> wanted_by; ///< And how often.
    health_verdict verdict;
    time_point due{}; ///< Unless it is running.
    time_point began{};
    bool running = false;

    nanoseconds interval() const;
  };
  struct route {
    std::size_t shard = 0;
    std::uint64_t version = 0;
    health_check wish{};
    std::map<std::uint64_t, std::string> checks{}; ///< By id, the addresses.
  };

  /// None: there are enough.
  std::optional<std::uint64_t> check_of(const endpoint_ptr& target, const std::string& path, bool& made);
  void schedule(std::uint64_t id, check& c, time_point when);
  void leave(const route_key& who, std::uint64_t id);
  void judge(const route_key& who, const route& r, std::string_view address, bool healthy);
  nanoseconds varied(nanoseconds interval);

  health_check_rules rules_;
  rng random_;
  std::map<route_key, route> routes_;
  std::unordered_map<std::uint64_t, check> checks_;        ///< By id.
  std::unordered_map<std::string, std::uint64_t> by_key_; ///< Ids.
  std::set<std::pair<time_point, std::uint64_t>> waiting_; ///< Those that do not run.
  std::vector<std::pair<std::size_t, judgement>> judgements_;
  std::vector<std::uint64_t> dropped_;
  std::size_t refused_ = 0;
  std::uint64_t next_id_ = 1;
  std::size_t unhealthy_ = 0;
  std::size_t running_ = 0;
};

} // namespace shunt::routing
