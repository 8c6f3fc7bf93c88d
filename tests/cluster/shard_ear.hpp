// A shard that does nothing but listen, and actors to run it.
#pragma once

#include "actors/protocol.hpp"

#include <caf/all.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace shunt {

/// A system of actors for a test in real time.
struct two_threads : caf::actor_system_config {
  two_threads() {
    add_message_types<caf::id_block::shunt>();
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", 2);
    set("logger.verbosity", caf::atom("quiet"));
  }
};

/// What a shard heard. Any thread.
struct shard_ear {
  std::mutex mutex;
  std::vector<from_peer> messages;
  std::vector<routing::peer_id> gone;
  std::vector<routing::shard_view> views;
  std::vector<restore_slice> restored;
  /// What it tells of its slice; nothing if it is empty. Set before it is asked.
  std::function<slice_piece(const tell_slice&)> tell{};

  template <class Look>
  auto with(Look look) {
    const std::lock_guard lock{mutex};
    return look(*this);
  }
};

inline route_shard_actor spawn_ear(caf::actor_system& system, std::shared_ptr<shard_ear> ear) {
  return system.spawn([](std::shared_ptr<shard_ear> in) -> route_shard_actor::behavior_type {
    const auto heard = [in](auto add) { in->with([&](auto& all) { add(all); }); };
    return {
      [](const registration_batch&) {},
      [](const reserve_routes&) {},
      [](const unreserve_routes&) {},
      [](const lease_host&) {},
      [](const drop_lease&) {},
      [](const lease_wildcards&) {},
      [](const changes_applied&) {},
      [](const hold_request&) {},
      [](const release_hold&) {},
      [](announce_demand) {},
      [](const endpoint_failed&) {},
      [](const check_health&) {},
      [](const endpoint_judged&) {},
      [](const nats_changed&) {},
      [](const routing_api_changed&) {},
      [](registrations_asked) {},
      [](const list_routes&) { return route_list{}; },
      [](const prune_routes&) {},
      [](push_changes) {},
      [](shard_tick) {},
      [heard](const from_peer& m) { heard([&](shard_ear& all) { all.messages.push_back(m); }); },
      [heard](const shard_view_changed& m) { heard([&](shard_ear& all) { all.views.push_back(m.view); }); },
      [heard](const peer_gone& m) { heard([&](shard_ear& all) { all.gone.push_back(m.peer); }); },
      [](const confirm_change&) {},
      [](const ask_change&) {},
      [](look_at_changes) {},
      [heard](const restore_slice& m) { heard([&](shard_ear& all) { all.restored.push_back(m); }); },
      [](read_slice) {},
      [](const use_policy&) {},
      [in](const tell_slice& m) {
        return in->tell ? in->tell(m) : slice_piece{std::make_shared<const std::vector<routing::told_host>>()};
      },
    };
  }, std::move(ear));
}

} // namespace shunt
