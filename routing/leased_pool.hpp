// The endpoints of one route as one loop sees them, with where round robin stands. Changed only by
// the lease table that owns it; loop's thread only. A reference is good until the loop applies a
// change: look it up again for every attempt.
#pragma once

#include "routing/address_list.hpp"
#include "routing/host_change.hpp"
#include "routing/host_grant.hpp"
#include "routing/leased_endpoint.hpp"
#include "routing/maglev.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

class leased_pool {
public:
  leased_pool(std::string_view host, std::string_view path) : host_{host}, path_{path} {}
  leased_pool(const leased_pool&) = delete;
  leased_pool& operator=(const leased_pool&) = delete;

  const std::string& host() const { return host_; } ///< Of the key: "*.example.com" for a wildcard.
  const std::string& path() const { return path_; } ///< Of the key: no leading slash.
  const route_traits& traits() const { return traits_; }
  /// Whom the route is open to; null: to all.
  const route_policy* policy() const { return policy_.get(); }
  /// "/" and the path as it was first spelt: what the Path of a stickiness cookie says.
  std::string context_path() const;

  std::size_t size() const { return members_.size(); }
  bool empty() const { return members_.empty(); }
  /// Whether it serves its requests, and no shorter path or wildcard does.
  bool serves() const {
    return !members_.empty() || traits_.reserved == route_traits::reservation_kind::alone;
  }

  /// Positions in pool order, some of them holes; see `address_list`.
  std::size_t slot_count() const { return members_.slot_count(); }
  /// Null in a hole.
  leased_endpoint* at(std::size_t slot) const;
  leased_endpoint* find_address(std::string_view address) const;
  /// The last endpoint, in pool order, of that instance.
  leased_endpoint* find_instance(std::string_view instance_id) const;
  /// A request to `e`, one of the pool's, has ended. True if that made it be ejected.
  bool request_ended(leased_endpoint& e, bool success, time_point now,
                     const outlier_settings& settings);
  /// For balancing by hash: of the positions of `at`. Made when it is asked for after a change.
  const maglev& hash_table();
  template <class Visit>
  void for_each(Visit&& visit) const {
    members_.for_each([&](const member& m) { visit(*m.target); });
  }

  // -- For the lease table
  void reset(const path_grant& grant);
  void apply(const path_change& change);
  // -- For round robin
  static constexpr std::size_t not_started = static_cast<std::size_t>(-1);
  std::size_t cursor = not_started; ///< The position after the one used last.

private:
  struct member {
    leased_endpoint_ptr target;
    const endpoint* about() const { return target ? &target->about() : nullptr; }
  };
  void set_traits(const route_traits& traits);
  void put(const endpoint_ptr& about);
  void remove(const endpoint& about);
  void index_instance(leased_endpoint* target);
  void unindex_instance(leased_endpoint* target);

  static constexpr std::size_t instances_searched_most = 8;
  std::string host_;
  std::string path_;
  route_traits traits_;
  std::unique_ptr<const route_policy> policy_; ///< Made of `traits_.policies`.
  address_list<member> members_;
  std::unique_ptr<maglev> hash_table_; ///< Null: to be made.
  hash_index<leased_endpoint*> instances_; ///< By instance id; unused in small pools.
};

} // namespace shunt::routing
