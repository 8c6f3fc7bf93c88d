// What was kept of a shard over a restart, and how it comes into the table: a host when somebody wants it, the rest in
// pieces, and all of it before what is not in the table counts as nowhere. Part of the route shard's actor.
#pragma once

#include "actors/protocol.hpp"
#include "routing/shard_replica.hpp"

#include <memory>
#include <string_view>

namespace shunt {

class kept_slice {
public:
  explicit kept_slice(routing::shard_replica& replica) : replica_{&replica} {}

  /// `until`: then all of it is to be read.
  void take(std::shared_ptr<slice_source> from, routing::time_point until);

  // What was read went into the table. False: there was nothing to read.

  bool restore_host(std::string_view host, routing::time_point now);
  bool restore_some(routing::time_point now);
  bool restore_all(routing::time_point now);
  bool restore_when_due(routing::time_point now) { return now >= until_ && restore_all(now); }

private:
  routing::shard_replica* replica_;
  std::shared_ptr<slice_source> from_; ///< Not all of it read yet; null: nothing is left.
  routing::time_point until_{};
};

} // namespace shunt
