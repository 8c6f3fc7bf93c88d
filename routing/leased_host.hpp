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

class leased_host;
struct leased_host_deleter {
  void operator()(leased_host* h) const;
};
using leased_host_ptr = std::unique_ptr<leased_host, leased_host_deleter>;

class leased_host {
public:
  /// The text stands behind the object: in a large table every cache miss is a third of a lookup.
  static leased_host_ptr make(std::string_view host, std::uint64_t hash);
  static void destroy(leased_host* h);
  leased_host(const leased_host&) = delete;
  leased_host& operator=(const leased_host&) = delete;

  /// Adds a path to one that is not in use yet.
  void add(const path_grant& path) {
    make_pool(path.path).reset(path);
    settle();
  }
  /// Destroys some pools of one that nobody uses any more: about `most`. True when none is left.
  bool dismantle(std::size_t most);

  std::string_view host() const { return {reinterpret_cast<const char*>(this + 1), host_bytes_}; }
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

  /// What a path meets here: the longest prefix that serves its requests, with endpoints or because it is
  /// reserved, and the longest known that does not.
  struct meeting {
    leased_pool* live = nullptr;
    leased_pool* empty = nullptr;
    bool vacant = false; ///< `live` has no endpoints: it is reserved.
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
    std::vector<leased_pool*> left; ///< While it is dismantled: all that are still to go.
  };
  leased_pool& make_pool(std::string_view path);
  /// To be called when pools have changed.
  void settle() {
    root_live_ = root_ && root_->serves();
    root_vacant_ = root_live_ && root_->empty();
  }
  void erase(std::string_view path);
  meeting meet_deep(std::string_view path) const;

  explicit leased_host(std::uint64_t hash) : hash_{hash} {}
  ~leased_host();

  // For the lease table: where it stands among the least recently used.
  leased_host* older_ = nullptr;
  leased_host* newer_ = nullptr;
  time_point checked_{};
  // From here on: what a lookup touches.
  std::uint64_t hash_;
  time_point used_{};
  std::unique_ptr<leased_pool> root_;
  std::unique_ptr<deep_paths> deep_;
  bool referenced_ = false;
  bool in_misses_ = false;
  bool root_live_ = false; ///< The root pool serves; so it need not be looked at.
  bool root_vacant_ = false; ///< It serves without endpoints.
  std::uint32_t host_bytes_ = 0;
};

} // namespace shunt::routing
