// What the component log says of the route table: the lines operators grep for, rate-limited,
// because a restart of a platform registers a million endpoints at once.
#pragma once

#include "net/component_log.hpp"
#include "net/log_limiter.hpp"
#include "routing/registration.hpp"
#include "routing/table_results.hpp"

#include <string_view>

namespace shunt {

/// One for each shard, and one for the registrar: none floods the log, and none keeps another silent.
/// Belongs to its actor.
class registry_log {
public:
  /// `to` outlives it.
  explicit registry_log(net::component_log& to, bool speaks_http2 = true) : http2{speaks_http2}, log_{to} {}

  bool http2; ///< See `protocol_with`.

  void registered(const routing::registration& heard, routing::register_result result);
  void unregistered(const routing::registration& heard, routing::unregister_result result);
  /// That a message asks to unregister; `payload` as it came.
  void unregister_asked(std::string_view payload);
  void failed(const routing::endpoint& endpoint, routing::failure_report report);
  void pruned(const routing::prune_result& result);

private:
  void endpoint_line(net::log_level level, std::string_view message,
                     const routing::registration& heard);
  void route_line(std::string_view message, std::string_view uri);

  net::component_log& log_;
  net::log_limiter lines_{64}; ///< A second; a node has eight shards.
};

} // namespace shunt
