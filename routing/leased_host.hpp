// The replica of one host in a lease table: its pools by path. Nearly all hosts have only the root
// path, which needs no index. Matching looks at prefixes from the longest to the shortest, but only
// at depths at which the host has routes; dots and percent signs have no meaning here.
#pragma once

#include "routing/hash_index.hpp"
#include "routing/leased_pool.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shunt::routing {

class leased_host {
public:
  leased_host(std::string_view host, std::uint64_t hash) : hash_{hash}, host_{host} {}
  ~leased_host();
  leased_host(const leased_host&) = delete;
  leased_host& operator=(const leased_host&) = delete;

  const std::string& host() const { return host_; }
  std::size_t path_count() const { return (root_ ? 1 : 0) + (deep_ ? deep_->pools.size() : 0); }
  /// Nothing is known under this host: neither endpoints nor a route that lost them.
  bool is_miss() const { return path_count() == 0; }
  /// The pool of exactly this path, or null.
  leased_pool* pool(std::string_view path) const;
  template <class Visit>
  void for_each(Visit&& visit) const {
    if (root_)
      visit(*root_);
    if (deep_)
      deep_->pools.for_each([&](leased_pool* p) { visit(*p); });
  }

  /// What a path meets here: the longest prefix with endpoints, and the longest known without any.
  struct meeting {
    leased_pool* live = nullptr;
    leased_pool* empty = nullptr;
  };
  meeting meet(std::string_view path) const;
  /// Whether some route lies at, or below, a prefix of `path` that is longer than `shorter`: then a
  /// segment-wise walk would have got deeper than `shorter`. Looks at every path of the host.
  bool reaches_below(std::string_view path, std::string_view shorter) const;

private:
  friend class lease_table;

  struct deep_paths {
    hash_index<leased_pool*> pools; ///< Owned.
    std::uint64_t depths = 0;       ///< Bit n: there is a path of n segments.
    std::uint32_t counts[64] = {};  ///< How many, by segments.
  };
  leased_pool& make_pool(std::string_view path);
  void erase(std::string_view path);
  meeting meet_deep(std::string_view path) const;

  std::uint64_t hash_;
  std::unique_ptr<leased_pool> root_;
  std::unique_ptr<deep_paths> deep_;
  // For the lease table: where it stands among the least recently used.
  leased_host* older_ = nullptr;
  leased_host* newer_ = nullptr;
  time_point used_{};
  time_point checked_{};
  bool referenced_ = false;
  bool in_misses_ = false;
  std::string host_;
};

} // namespace shunt::routing
