// Which changes somebody waits for at a shard: until this node's loops route by them, and nothing is under way any more
// on what was removed. Part of the route shard's actor; single-threaded.
#pragma once

#include "actors/protocol.hpp"
#include "routing/endpoint_stats.hpp"
#include "routing/shard_replica.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace shunt {

class shard_changes {
public:
  struct answer {
    routing::peer_id to = routing::this_node;
    routing::change_told told;
  };

  /// More than `open_max` at a time are answered at once, by "not yet".
  void ask(routing::peer_id from, routing::change_asked question, routing::time_point now);
  bool empty() const { return open_.empty(); }
  /// What can be answered now. `push` sends all changes to the loops and returns the number of the last push;
  /// `applied` is the last one that all loops have applied, if they route by what this shard pushes at all.
  template <class Push>
  std::vector<answer> look(const routing::shard_replica& replica, std::optional<std::uint64_t> applied,
                           routing::time_point now, Push&& push);
  void forget(routing::peer_id from);

  static constexpr std::size_t open_max = 10'000;
  static constexpr auto look_every = std::chrono::milliseconds{10};

private:
  struct waiting {
    routing::peer_id from = routing::this_node;
    routing::change_asked question;
    routing::time_point until{};
    routing::endpoint_stats_ptr stats{}; ///< Of the address.
    std::optional<std::uint64_t> pushed{}; ///< With which push it went out; none: it is not known here yet.
  };
  static bool is_drained(const waiting& change) {
    return change.question.present || change.stats->in_flight.load(std::memory_order_relaxed) == 0;
  }

  std::vector<waiting> open_;
  std::vector<answer> refused_;
};

template <class Push>
std::vector<shard_changes::answer> shard_changes::look(const routing::shard_replica& replica,
                                                       std::optional<std::uint64_t> applied,
                                                       routing::time_point now, Push&& push) {
  auto answers = std::exchange(refused_, {});
  std::erase_if(open_, [&](waiting& each) {
    if (!each.pushed && replica.is_as(each.question))
      each.pushed = push();
    const bool is_applied = each.pushed && each.pushed <= applied;
    const bool drained = is_applied && is_drained(each);
    if (!drained && now < each.until)
      return false;
    answers.push_back({each.from, {each.question.change, is_applied, drained}});
    return true;
  });
  return answers;
}

} // namespace shunt
