// What was kept of a shard over a restart, and how it comes into the table: a host when somebody wants it, the rest in
// pieces, and all of it before what is not in the table counts as nowhere. Part of the route shard's actor.
#pragma once

#include "actors/protocol.hpp"
#include "routing/shard_replica.hpp"

#include <memory>
#include <string_view>
#include <utility>

namespace shunt {

class kept_slice {
public:
  explicit kept_slice(routing::shard_replica& replica) : replica_{&replica} {}

  void take(std::shared_ptr<slice_source> from) { from_ = std::move(from); }

  // What was read went into the table. False: there was nothing to read.

  bool restore_host(std::string_view host, routing::time_point now);
  /// What a peer asks for: nobody may know it but this file.
  bool restore_asked(const routing::replica_message& what, routing::time_point now);
  bool restore_some(routing::time_point now);
  bool restore_all(routing::time_point now);
  /// For when time passes: nothing is left when what is not in the table counts as nowhere.
  bool restore_in_time(routing::time_point now) { return replica_->is_certain_at(now) && restore_all(now); }

private:
  routing::shard_replica* replica_;
  std::shared_ptr<slice_source> from_; ///< Not all of it read yet; null: nothing is left.
};

} // namespace shunt
