// What one loop knows of the route table: replicas of the hosts it leased and of all wildcard
// hosts. Finding and matching take a few cache misses, no lock, no atomic and no allocation,
// whatever the size of the table. Single-threaded; asking the shard and acknowledging pushes is the
// caller's business.
#pragma once

#include "routing/leased_host.hpp"
#include "routing/segmented_index.hpp"
#include "routing/uri.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

struct lease_rules {
  std::size_t hosts_max = 100'000; ///< Leased hosts that have a route; the least used go first.
  std::size_t misses_max = 10'000; ///< Leased hosts without a route; clients make these up.
  bool legacy = false;             ///< As in `table_rules`.
  bool response_503 = false;       ///< As in `table_rules`.
};

struct match_result {
  enum class kind : std::uint8_t {
    found, ///< `pool` has endpoints.
    empty, ///< The route is known and has no endpoints; `pool` is that route's.
    none,  ///< No such route, if whoever granted the leases is in sync.
  };
  kind what = kind::none;
  leased_pool* pool = nullptr;
};

class lease_table {
public:
  /// `seed` keys the hashes: it should differ from loop to loop and not be guessable.
  lease_table(lease_rules rules, std::uint64_t seed);
  ~lease_table();
  lease_table(const lease_table&) = delete;
  lease_table& operator=(const lease_table&) = delete;

  /// Starts a lease, or replaces it. Endpoints that stay keep their objects and marks.
  leased_host& grant(const host_grant& granted, time_point now);
  /// The same for a host of very many paths, whose pools were made before, some at a time: a host that
  /// is leased with paths already must be granted as above. `staged` comes from `stage`.
  leased_host& grant(leased_host_ptr staged, time_point now);
  leased_host_ptr stage(std::string_view host) const;
  /// Whether there is a lease on `host` with paths.
  bool has_paths(std::string_view host);
  /// Follows the shard. Changes of hosts that are not leased are ignored, wildcards are always
  /// taken.
  void apply(const host_change& change);
  /// Ends a lease; false if there is none.
  bool drop(std::string_view host);

  /// The lease of `host` (a normalised key), or null: ask the shard. Good until the next change.
  leased_host* find(std::string_view host);
  /// The route for `path` (normalised) among `leased`, which may be null, and the wildcards.
  match_result match(std::string_view host, leased_host* leased, std::string_view path);

  /// Ends leases that were not used for `idle`, at most twice that, and tells `dropped` each host.
  /// Looks at about `most` leases; false when there may be more to look at.
  bool expire_idle(time_point now, nanoseconds idle,
                   const std::function<void(const std::string&)>& dropped, std::size_t most);
  /// What has ended is destroyed some at a time. Destroys about `most` pools; false when some are left.
  bool bury(std::size_t most);
  /// Hosts whose leases ended for want of room since the last call: the shards must be told.
  std::vector<std::string> take_dropped();

  void set_rules(lease_rules rules) { rules_ = rules; }
  std::size_t host_count() const { return hosts_.size(); } ///< Without wildcards.
  std::size_t miss_count() const { return misses_.count; }
  std::size_t wildcard_count() const { return wildcards_.size(); }

private:
  /// Leases by when they were last looked at for eviction, oldest first.
  struct queue {
    leased_host* oldest = nullptr;
    leased_host* newest = nullptr;
    std::size_t count = 0;
    void push(leased_host& h);
    void remove(leased_host& h);
  };
  queue& queue_of(const leased_host& h) { return h.in_misses_ ? misses_ : used_; }
  segmented_index<leased_host*>& index_of(std::string_view host) {
    return is_wildcard(host) ? wildcards_ : hosts_;
  }

  leased_host* look_up(std::string_view host);
  leased_host& make_host(std::string_view host);
  void enter(leased_host& h);
  void destroy(leased_host* h);
  void apply_path(leased_host& h, const path_change& change);
  leased_host& settle(leased_host& h);
  void make_room(queue& q, std::size_t most);
  bool expire(queue& q, time_point now, nanoseconds idle,
              const std::function<void(const std::string&)>& dropped, std::size_t& most);
  void count_wildcard(std::string_view host, int change);
  match_result judge(leased_host& h, std::string_view path, leased_pool*& met_empty) const;
  match_result match_wildcards(std::string_view host, std::string_view path,
                               leased_pool*& met_empty);

  lease_rules rules_;
  std::uint64_t seed_;
  time_point now_{};
  segmented_index<leased_host*> hosts_;     ///< Owned.
  segmented_index<leased_host*> wildcards_; ///< Owned; never evicted.
  std::uint64_t wildcard_depths_ = 0; ///< Bit n: some wildcard has n dots (63: that many or more).
  std::uint32_t wildcard_counts_[64] = {};
  leased_host_ptr no_wildcard_ =
    leased_host::make("*.", 0); ///< Stands for every wildcard host that is not known.
  queue used_, misses_;
  std::vector<std::string> dropped_;
  std::vector<leased_host_ptr> ended_; ///< Large ones, to be buried.
};

} // namespace shunt::routing
