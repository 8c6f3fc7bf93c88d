// What a shard has to do with other nodes, and with who waits for a change everywhere.
#include "actors/heap_room.hpp"
#include "actors/route_shard.work.hpp"

#include <algorithm>

namespace shunt {

// -- Other nodes.

void shard_behaviour::hear(const from_peer& m) const {
  auto& s = state();
  if (!s.unheard.contains(m.from) && !s.pace.is_enough(m.from, now()))
    return heed(m);
  s.unheard[m.from].push_back(m);
}

void shard_behaviour::hear_unheard() const {
  auto& s = state();
  for (auto at = s.unheard.begin(); at != s.unheard.end();) {
    auto& [peer, said] = *at;
    for (; !said.empty() && !s.pace.is_enough(peer, now()); said.pop_front()) {
      heed(said.front());
      send_outgoing();
    }
    at = said.empty() ? s.unheard.erase(at) : std::next(at);
  }
}

void shard_behaviour::heed(const from_peer& m) const {
  note_restored(state().kept->restore_asked(*m.what, now()));
  if (const auto* part = std::get_if<routing::slice_told>(m.what.get()))
    state().lists.collect(m.from, *part);
  if (std::holds_alternative<routing::lease_end>(*m.what))
    state().lists.lose(m.from);
  if (const auto* asked = std::get_if<routing::change_asked>(m.what.get()))
    state().changes.ask(m.from, *asked, now());
  else if (const auto* told = std::get_if<routing::change_told>(m.what.get()))
    tell_confirmer(m.from, *told);
  else if (const auto* piece = std::get_if<routing::transfer_piece>(m.what.get());
           piece != nullptr && state().lists.show(m.from, *piece, options_.rules, now()))
    return;
  else {
    if (piece != nullptr)
      make_heap_room();
    state().replica->receive(m.from, *m.what, now(), m.composed ? now() - *m.composed : routing::nanoseconds{0});
  }
  changed_by_peers();
}

void shard_behaviour::see(const shard_view_changed& m) const {
  state().replica->see(m.view, now());
  changed_by_peers();
}

void shard_behaviour::lose(const peer_gone& m) const {
  state().replica->peer_gone(m.peer, now());
  state().changes.forget(m.peer);
  state().lists.lose(m.peer);
  state().unheard.erase(m.peer);
  state().pace.forget(m.peer);
  changed_by_peers();
}

// -- Changes that somebody waits for.

void shard_behaviour::confirm(const confirm_change& wished) const {
  if (options_.confirmer)
    state().wishes->keep(wished, now());
}

void shard_behaviour::hand_on_wishes() const {
  auto& wishes = *state().wishes;
  if (wishes.empty())
    return;
  if (!state().replica->answers())
    return wishes.forget_old(now());
  for (auto& each : wishes.take(now()))
    self_->send(options_.confirmer, std::move(each));
}

void shard_behaviour::ask(const ask_change& m) const {
  state().changes.ask(routing::this_node, m.question, now());
}

void shard_behaviour::note_applied(const changes_applied& m) const {
  if (m.incarnation == options_.incarnation)
    state().leases.note_applied(m.holder, m.sequence);
}

void shard_behaviour::look_at_waiting_changes() const {
  auto& s = state();
  if (s.changes.empty())
    return;
  for (const auto& each : s.changes.look(*s.replica, s.leases.applied_by_all(s.sequence), now(), [this] {
         push();
         return state().sequence;
       }))
    if (each.to == routing::this_node)
      tell_confirmer(each.to, each.told);
    else
      self_->send(options_.cluster,
                  to_peer{each.to, options_.index,
                          std::make_shared<const routing::replica_message>(each.told)});
  if (!s.changes.empty() && !std::exchange(s.looking_at_changes, true))
    self_->delayed_send(self_, shard_changes::look_every, look_at_changes{});
}

void shard_behaviour::tell_confirmer(routing::peer_id by, const routing::change_told& told) const {
  if (options_.confirmer)
    self_->send(options_.confirmer, change_answered{by, options_.index, told});
}

void shard_behaviour::tick(const shard_tick&) const {
  auto& at = state().tick_at;
  if (at && now() < *at)
    return; // That one is still to come. (Each brings the next about: two would go on for ever.)
  at.reset();
  note_restored(state().kept->restore_in_time(now()));
  state().replica->tick(now());
  changed_by_peers();
  hear_unheard();
}

void shard_behaviour::changed_by_peers() const {
  state().lines->pruned(state().replica->take_pruned());
  for (const auto& host : state().replica->take_answered())
    if (const auto awaiting = state().leases.take_awaiting(host); !awaiting.empty()) {
      push();
      for (const auto position : awaiting)
        grant(state().leases.holders()[position], table().grant(host));
    }
  count_routes();
  tell_checker();
  state().holds->dismiss_strays();
  push_soon();
}

void shard_behaviour::follow() const {
  auto& s = state();
  hand_on_wishes();
  look_at_waiting_changes();
  if (options_.cluster) {
    send_outgoing();
    const shard_sync sync{options_.index, s.replica->holds_in_sync(), s.replica->has_caught_up()};
    if (sync.in_sync != s.sync_told.in_sync || sync.ready != s.sync_told.ready)
      self_->send(options_.cluster, s.sync_told = sync);
    if (options_.roles)
      options_.roles->set(options_.index, s.replica->holds());
    if (options_.board)
      options_.board->set(options_.index, *s.replica, s.counted_before);
    if (s.replica->take_wish_for_registrations())
      self_->send(options_.cluster, registrations_wished{});
  }
  auto due = s.replica->due();
  if (!s.unheard.empty())
    due = std::min(due.value_or(clock::time_point::max()), now() + routing::peer_pace::window);
  if (!due || (s.tick_at && *s.tick_at <= *due))
    return;
  s.tick_at = std::max(*due, now());
  self_->delayed_send(self_, *s.tick_at - now(), shard_tick{});
}

void shard_behaviour::send_outgoing() const {
  for (auto& each : state().replica->take_outgoing()) {
    state().pace.said(each.to, each.what, now());
    self_->send(options_.cluster,
                to_peer{each.to, options_.index,
                        std::make_shared<const routing::replica_message>(std::move(each.what))});
  }
}

routing::replica_rules shard_behaviour::replica_rules() const {
  return {.clustered = options_.cluster != nullptr,
          .in_sync = options_.in_sync,
          .register_interval = options_.register_interval,
          .return_interval = options_.return_interval,
          .suspend_pruning_without_nats = options_.suspend_pruning_without_nats,
          .history = {.tombstone_life = options_.tombstone_life}};
}

} // namespace shunt
