// Requests that wait, at a shard, for the first endpoint of their route: who is sent off when, and whom the world is
// told of. Who may wait and who goes first `routing::hold_queue` decides. Part of the route shard's actor; single-
// threaded.
#pragma once

#include "actors/protocol.hpp"
#include "routing/hold_queue.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace shunt {

class shard_holds {
public:
  /// What it needs of its shard, whose life contains its own.
  struct surroundings {
    const routing::slice& table;
    demand_publisher_actor demand; ///< Null: nobody is told for which routes requests wait.
    std::function<bool()> in_sync;
    std::function<void()> push; ///< Lets all loops know what changed.
    std::function<void(const routing::hold_ticket&, bool refused)> send_off;
    std::function<void(std::chrono::nanoseconds)> announce_after; ///< Calls `announce_all` then.
  };

  shard_holds(routing::hold_limits limits, std::size_t conns_per_endpoint,
              std::shared_ptr<routing::hold_room> room, surroundings around);

  void set_limits(routing::hold_limits limits, std::size_t conns_per_endpoint) {
    queue_.set_limits(limits, conns_per_endpoint);
  }
  bool empty() const { return queue_.empty(); }
  void hold(const hold_request& asked, routing::hold_ticket who);
  void release(const release_hold& over, routing::hold_ticket who);
  /// A first endpoint of that route is there.
  void awake(std::string_view host, std::string_view path);
  /// Routes may have been forgotten: nobody waits for those.
  void dismiss_strays();
  void announce_all();

private:
  void let_go(std::string_view host, std::string_view path);
  void send_off(const std::vector<routing::hold_ticket>& off);
  void announce(std::string_view uri, std::string_view app, std::size_t waiting);
  void look_again_soon();

  surroundings around_;
  std::shared_ptr<routing::hold_room> room_;
  routing::hold_queue queue_;
  std::unordered_set<std::string> announced_; ///< Routes, since the last `announce_all`.
  std::string announced_last_; ///< Up to which route the last round came; empty: all.
  bool announcing_ = false;    ///< `announce_all` will be called.
};

} // namespace shunt
