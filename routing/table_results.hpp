// What the operations of a slice report: for logs, metrics and confirmations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace shunt::routing {

enum class register_outcome : std::uint8_t {
  added,        ///< A new address.
  updated,      ///< Something changed; replaced in place.
  refreshed,    ///< Nothing changed; its age is 0 again.
  unmodified,   ///< Ignored: the stored modification tag is not older. Its age stays.
  older,        ///< Ignored: the stored stamp is newer.
  not_accepted, ///< Ignored: an isolation segment of others, or an impossible uri.
};

struct register_result {
  register_outcome outcome = register_outcome::not_accepted;
  bool route_added = false; ///< The route was unknown, or known without endpoints.
};

enum class unregister_outcome : std::uint8_t {
  removed,
  not_found,    ///< No such route or address there, or the stored modification tag is newer.
  not_accepted, ///< Ignored: an isolation segment of others.
};

struct unregister_result {
  unregister_outcome outcome = unregister_outcome::not_accepted;
  bool route_emptied = false; ///< It was the last endpoint.
  bool route_gone = false;    ///< The route is not known any more.
};

struct pruned_route {
  std::string uri; ///< The key: "host/path".
  std::vector<std::string> addresses;
  std::string isolation_segment; ///< Of the first of them.
};

struct prune_result {
  std::vector<pruned_route> routes;
  std::size_t endpoints = 0;   ///< Removed altogether.
  std::size_t routes_gone = 0; ///< Routes forgotten altogether, kept ones that timed out included.
};

/// A route whose endpoints are chosen by hash.
struct hash_pool {
  std::string uri;           ///< The key: "host/path".
  std::size_t endpoints = 0; ///< 0: none, or they are chosen otherwise now.
  bool operator==(const hash_pool&) const = default;
};

enum class failure_report : std::uint8_t { unknown, marked, pruned };

} // namespace shunt::routing
