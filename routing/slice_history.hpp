// What a slice keeps because there are equal copies of it on other nodes: a digest of its endpoints and
// tombstones, by which two copies see whether they differ; the tombstones, which keep what was
// unregistered from coming back by way of a copy that did not hear it; and which hosts have appeared.
// Digests are the same on all nodes and in all versions.
#pragma once

#include "routing/replica_message.hpp"
#include "routing/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace shunt::routing {

struct history_rules {
  /// Tombstones, and how long ago an event may have been that is still merged.
  nanoseconds tombstone_life = std::chrono::minutes{10};
  std::size_t tombstones_max = 50'000; ///< The oldest go first. Likewise of pruned ones.
};

/// What is left of an endpoint that was unregistered.
struct tombstone {
  static constexpr auto unknown = time_point::min();
  time_point at{};            ///< When it left.
  time_point heard = unknown; ///< The last registration before that.
};

class slice_history {
public:
  static constexpr std::size_t bucket_count = 64;
  static std::size_t bucket_of(std::uint64_t host_hash) { return (host_hash >> 32) % bucket_count; }

  explicit slice_history(history_rules rules) : rules_{rules} {}
  slice_history(const slice_history&) = delete;
  slice_history& operator=(const slice_history&) = delete;
  const history_rules& rules() const { return rules_; }
  void set_rules(history_rules rules) { rules_ = rules; }

  // -- What happens to the slice.
  void joined(std::string_view host, std::string_view path, const endpoint& e); ///< Ends its tombstone.
  void left(std::string_view host, std::string_view path, const endpoint& e);
  /// It left then; an earlier time than is known changes nothing.
  void bury(std::string_view host, std::string_view path, std::string_view address, tombstone end);
  /// It went because no copy had heard it since then. That is no tombstone: copies need not have it to be equal.
  void prune(std::string_view host, std::string_view path, std::string_view address, time_point heard);
  void appeared(std::uint64_t host_hash) { appeared_.push_back(host_hash); }
  void vanished() { ++vanished_; }
  /// Tombstones, and what is known of pruned ones, that have had their time.
  void expire(time_point now);

  // -- Looking.
  std::optional<tombstone> ended(std::string_view host, std::string_view path,
                                 std::string_view address) const;
  /// When an endpoint that was pruned had been heard last.
  std::optional<time_point> pruned(std::string_view host, std::string_view path, std::string_view address) const;
  std::uint64_t digest() const;
  const std::array<std::uint64_t, bucket_count>& bucket_digests() const { return sums_; }
  std::size_t tombstone_count() const { return graves_.size(); }
  /// `host_hash` of hosts that had no route before, since the last call.
  std::vector<std::uint64_t> take_appeared() { return std::exchange(appeared_, {}); }
  bool has_appeared() const { return !appeared_.empty(); }
  /// How many hosts lost their last route, ever.
  std::uint64_t vanished_count() const { return vanished_; }

  static std::uint64_t digest_of(std::string_view host, std::string_view path, const endpoint& e);
  /// Whatever the endpoint says of itself.
  static std::uint64_t digest_of_key(std::string_view host, std::string_view path, std::string_view address);
  static std::uint64_t digest_of_grave(const endpoint_key& key);

  /// In the order of `host_hash`: `visit(hash, key, tombstone)` from the hash `from` on, until it says false.
  template <class Visit>
  void for_each_grave(std::uint64_t from, Visit&& visit) const {
    for (auto at = graves_.lower_bound({from, {}}); at != graves_.end(); ++at)
      if (!visit(at->first.hash, at->first.what, at->second))
        return;
  }

private:
  struct grave_key {
    std::uint64_t hash = 0; ///< `host_hash`.
    endpoint_key what;
    auto operator<=>(const grave_key&) const = default;
  };
  using graves = std::map<grave_key, tombstone>;
  void erase(graves::iterator grave);
  void forget_pruned(std::uint64_t key);

  history_rules rules_;
  std::array<std::uint64_t, bucket_count> sums_{};
  graves graves_;
  std::set<std::pair<time_point, const grave_key*>> by_age_;
  std::unordered_map<std::uint64_t, time_point> pruned_; ///< By `digest_of_key`: when they had been heard.
  std::set<std::pair<time_point, std::uint64_t>> pruned_by_age_;
  std::vector<std::uint64_t> appeared_;
  std::uint64_t vanished_ = 0;
};

} // namespace shunt::routing
