// One host of a slice in one allocation, its text behind it: the root route, and a pointer to the
// rest for the hosts that have more paths or are leased.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/hash_index.hpp"
#include "routing/slice_route.hpp"
#include "routing/uri.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace shunt::routing {

/// A route below the root of a host, its path behind it.
struct path_route : slice_route {
  static path_route* make(slice_host& host, std::string_view path, std::uint32_t hash);
  static void destroy(path_route* r);
  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), path_bytes}; }

  slice_host* owner;
  std::uint32_t hash;
  std::uint16_t path_bytes;

private:
  path_route() : slice_route{false} {}
};

/// What has happened to one endpoint since the last `take_changes`.
struct endpoint_dirt {
  endpoint_ptr first; ///< Its address is the key, so it has to stay.
  bool removed = false;
  bool put = false;
  bool marked = false;
};

struct path_dirt {
  bool traits = false;
  std::unordered_map<std::string_view, endpoint_dirt> endpoints;

  endpoint_dirt& of(const endpoint_ptr& e);
};

using host_dirt = std::unordered_map<std::string, path_dirt>;

struct slice_host : slice_route {
  static slice_host* make(std::string_view text, std::uint64_t full_hash);
  static void destroy(slice_host* h);

  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), text_bytes}; }
  slice_route* find(std::string_view path);
  /// The route of `path`, made and `known` if need be.
  slice_route& make_route(std::string_view path, bool& made);
  /// Forgets a route of this host, which is in no list of ages.
  void erase(slice_route& r);

  /// What only some hosts have.
  struct more_state {
    hash_index<path_route*> paths; ///< Owned.
    std::unique_ptr<host_dirt> dirt;
    bool watched = false;
    bool queued = false; ///< Among the slice's dirty hosts.
  };
  more_state& more_of();
  bool watched() const { return more && more->watched; }
  bool is_without_routes() const { return !known && (!more || more->paths.empty()); }
  /// Nothing would be lost with it. A wildcard host is watched always, so that does not hold it.
  bool is_idle() const {
    return is_without_routes()
           && (!more || (!more->queued && (!more->watched || is_wildcard(text()))));
  }
  template <class Visit>
  void for_each_route(Visit&& visit) {
    if (known)
      visit(static_cast<slice_route&>(*this));
    if (more)
      more->paths.for_each([&](path_route* p) { visit(static_cast<slice_route&>(*p)); });
  }

  std::unique_ptr<more_state> more;
  std::uint32_t hash;
  std::uint16_t text_bytes;

private:
  slice_host() : slice_route{true} {}
  ~slice_host() = default;
};

} // namespace shunt::routing
