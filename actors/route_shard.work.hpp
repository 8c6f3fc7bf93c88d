// The shard's behaviour, which is told apart by what it is about: the table itself (route_shard.cpp), the leases of
// loops (route_shard.leases.cpp), other nodes and changes that are waited for (route_shard.peers.cpp).
#pragma once

#include "actors/heard_at.hpp"
#include "actors/kept_slice.hpp"
#include "actors/registry_log.hpp"
#include "actors/route_shard.hpp"
#include "actors/shard_changes.hpp"
#include "actors/shard_holds.hpp"
#include "actors/shard_leases.hpp"
#include "actors/shard_lists.hpp"
#include "actors/shard_wishes.hpp"
#include "routing/peer_pace.hpp"
#include "routing/shard_replica.hpp"

#include <caf/all.hpp>

#include <deque>
#include <map>

namespace shunt {

/// What a shard knows, and whom it tells.
struct route_shard_state {
  static constexpr const char* name = "route-shard";

  std::optional<routing::shard_replica> replica;
  std::optional<registry_log> lines;
  std::optional<shard_holds> holds;
  health_checker_actor checker; ///< Null: nobody checks.
  shard_leases leases;
  shard_changes changes;
  std::optional<shard_wishes> wishes;
  bool looking_at_changes = false; ///< `look_at_changes` is on its way.
  std::uint64_t sequence = 0; ///< Of pushes.
  caf::actor_clock::time_point push_not_before{};
  bool push_scheduled = false;
  std::optional<kept_slice> kept;
  foreign_lists lists;
  routing::peer_pace pace;
  std::map<routing::peer_id, std::deque<from_peer>> unheard; ///< Until these have been told less. Links wait with them.
  std::optional<caf::actor_clock::time_point> tick_at; ///< When `shard_tick` comes.
  shard_sync sync_told{}; ///< To the cluster.
  routing::replica_counters counted_before{}; ///< By predecessors.
  caf::actor_clock::time_point cycle_began{};
  std::uint64_t beat = 0; ///< Of pruning; another one with each interval.
};

using shard_self = route_shard_actor::stateful_pointer<route_shard_state>;

/// Each handler makes one call into the slice.
class shard_behaviour {
public:
  using clock = caf::actor_clock; // The steady clock, unless a test moves it.

  shard_behaviour(shard_self self, route_shard_options options, net::component_log& log,
                  net::registry_metrics* metrics);

  /// What it shares with others stays as it is.
  void follow(const policy& rules);
  /// Before every message: this may be the first thing that happens since the process stood still. Whoever relies on
  /// this shard hears of the doubt before anything else.
  void note_standstills() const;

  // -- What is heard.

  void apply(const registration_batch& batch) const;
  void reserve(const reserve_routes& reservations) const;
  void unreserve(const unreserve_routes& reservations) const;
  void fail(const endpoint_failed& failed) const;

  // -- Health checks.

  void have_checked(const check_health& m) const;
  void judge(const endpoint_judged& m) const;

  // -- Requests that wait for a first endpoint.

  void hold(const hold_request& asked) const;
  void release(const release_hold& over) const;
  void announce_all() const { state().holds->announce_all(); }

  // -- Leases.

  void lease(const lease_host& wanted) const;
  void restore(const restore_slice& m) const;
  void restore_leased() const;
  std::chrono::nanoseconds after_half(double turn) const;
  void read(const read_slice&) const;
  void note_restored(bool any) const;
  slice_piece tell(const tell_slice& from) const;
  void drop(const drop_lease& dropped) const;
  void lease_wildcard_hosts(const lease_wildcards& wanted) const;
  /// Pushes at once after a quiet time, and at most every 10 ms while things change.
  void push_soon() const;
  void push_now(const push_changes&) const { push(); }
  void push() const;
  /// Whoever waits for one of these, wherever it was heard.
  void awake(const std::vector<routing::host_change>& changes) const;

  // -- Doubt.

  void nats(const nats_changed& change) const;
  void routing_api(const routing_api_changed& change) const;
  void doubt(const registrations_asked&) const;

  // -- Other nodes.

  void hear(const from_peer& m) const;
  void hear_unheard() const;
  void heed(const from_peer& m) const;
  void see(const shard_view_changed& m) const;
  void lose(const peer_gone& m) const;

  // -- Changes that somebody waits for.

  void confirm(const confirm_change& wished) const;
  void hand_on_wishes() const;
  void ask(const ask_change& m) const;
  void note_applied(const changes_applied& m) const;
  void look(const look_at_changes&) const { state().looking_at_changes = false; }
  void look_at_waiting_changes() const;
  void tell_confirmer(routing::peer_id by, const routing::change_told& told) const;
  void tick(const shard_tick&) const;
  void changed_by_peers() const;
  /// What the replica has to say, and when it wants to be asked next. After every message.
  void follow() const;

  // -- Ageing.

  void prune(const prune_routes& step) const;
  /// What is borrowed here a holder shows.
  caf::typed_response_promise<route_list> list(const list_routes& from) const;

private:
  void send_outgoing() const;
  routing::replica_rules replica_rules() const;
  void prune_later() const;
  route_shard_state& state() const { return self_->state; }
  routing::slice& table() const { return state().replica->table(); }
  bool in_sync() const { return state().replica->in_sync(); }
  clock::time_point now() const { return self_->clock().now(); }
  void list_foreign(routing::peer_id lender, std::uint64_t cursor,
                    caf::typed_response_promise<route_list> promise) const;

  // -- What is counted.

  void count(const routing::registration& heard, routing::register_result result,
             clock::time_point now, std::int64_t now_ns) const;
  void count(const routing::registration& heard, routing::unregister_result result,
             clock::time_point now) const;
  void count_routes() const;
  /// Before a push: routes that are not checked any more lose their verdicts here.
  void tell_checker() const;
  bool anything_to_push() const;
  std::uint16_t know(const lease_cache_actor& holder) const;
  void grant(const lease_cache_actor& holder, routing::host_grant granted) const;

  shard_self self_;
  route_shard_options options_;
  net::component_log* log_;
  net::registry_metrics* metrics_;
};

} // namespace shunt
