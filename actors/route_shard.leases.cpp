// What a shard lends to the loops, and shows to whoever asks.
#include "actors/route_shard.work.hpp"

#include <algorithm>

namespace shunt {

namespace {

constexpr auto push_every = std::chrono::milliseconds{10};
constexpr std::size_t told_together = 256;  ///< Hosts in a piece of a snapshot.
constexpr auto restore_pause = std::chrono::milliseconds{10};
constexpr std::chrono::nanoseconds restored_within = std::chrono::seconds{10}; ///< By all shards, of what nobody waits for.

} // namespace

// -- Leases.

void shard_behaviour::lease(const lease_host& wanted) const {
  note_restored(state().kept->restore_host(wanted.host, now()));
  push();
  const auto holder = know(wanted.holder);
  state().leases.add(wanted.host, holder);
  if (state().replica->want(wanted.host, now()))
    grant(wanted.holder, table().grant(wanted.host));
  else
    state().leases.await(wanted.host, holder);
}

void shard_behaviour::restore(const restore_slice& m) const {
  state().kept->take(m.from);
  if (in_sync()) {
    note_restored(state().kept->restore_all(now()));
    return;
  }
  restore_leased();
  self_->delayed_send(self_, after_half(m.turn), read_slice{}); // At first whoever asks has the processor.
}

/// What loops asked for before there was a file to look into. They were told that it is not here.
void shard_behaviour::restore_leased() const {
  auto& kept = *state().kept;
  bool any = !state().leases.holders().empty() && kept.restore_host({}, now()); // Wildcards.
  state().leases.each_host([&](const std::string& host) { any = kept.restore_host(host, now()) || any; });
  note_restored(any);
}

std::chrono::nanoseconds shard_behaviour::after_half(double turn) const {
  const auto half = std::min(options_.register_interval / 2, restored_within);
  return half + std::chrono::duration_cast<std::chrono::nanoseconds>(half * turn);
}

void shard_behaviour::read(const read_slice&) const {
  if (!state().kept->restore_some(now()))
    return;
  note_restored(true);
  self_->delayed_send(self_, restore_pause, read_slice{});
}

void shard_behaviour::note_restored(bool any) const {
  if (!any)
    return;
  count_routes();
  push_soon();
}

slice_piece shard_behaviour::tell(const tell_slice& from) const {
  note_restored(state().kept->restore_all(now()));
  auto hosts = std::make_shared<std::vector<routing::told_host>>();
  auto next = routing::slice::tell_end;
  if (state().replica->holds() && options_.cluster)
    next = table().tell_piece(from.cursor, told_together, now(), *hosts);
  return {std::move(hosts), next, state().replica->is_being_taken(now())};
}

void shard_behaviour::drop(const drop_lease& dropped) const {
  if (state().leases.drop(dropped.host, dropped.holder))
    state().replica->release(dropped.host, now());
}

void shard_behaviour::lease_wildcard_hosts(const lease_wildcards& wanted) const {
  note_restored(state().kept->restore_host({}, now()));
  push();
  know(wanted.holder);
  for (auto& each : table().grant_wildcards())
    grant(wanted.holder, std::move(each));
  self_->send(wanted.holder, host_granted{options_.index, options_.incarnation, state().sequence,
                                          in_sync(), nullptr});
  push_soon();
}

void shard_behaviour::push_soon() const {
  if (state().push_scheduled || !anything_to_push())
    return;
  const auto wait = state().push_not_before - now();
  if (wait.count() <= 0) {
    push();
    return;
  }
  state().push_scheduled = true;
  self_->delayed_send(self_, wait, push_changes{});
}

void shard_behaviour::push() const {
  state().push_scheduled = false;
  if (!anything_to_push())
    return;
  state().push_not_before = now() + push_every;
  auto changes = std::make_shared<const std::vector<routing::host_change>>(
    state().replica->take_changes(now()));
  if (changes->empty())
    changes = nullptr;
  ++state().sequence;
  if (in_sync())
    state().leases.note_pushed(state().sequence);
  for (const auto& holder : state().leases.holders())
    self_->send(holder, hosts_changed{options_.index, options_.incarnation, state().sequence,
                                      in_sync(), changes});
  if (changes && !state().holds->empty())
    awake(*changes);
}

void shard_behaviour::awake(const std::vector<routing::host_change>& changes) const {
  for (const auto& host : changes)
    for (const auto& path : host.paths)
      if (path.now == routing::path_change::state::live)
        state().holds->awake(host.host, path.path);
}

// -- Doubt.

void shard_behaviour::nats(const nats_changed& change) const {
  state().replica->nats(change.connected, change.dropped, now());
  push_soon();
}

void shard_behaviour::routing_api(const routing_api_changed& change) const {
  state().replica->routing_api(change.followed, now());
  push_soon();
}

void shard_behaviour::doubt(const registrations_asked&) const {
  state().replica->doubt(now());
  push_soon();
}

caf::typed_response_promise<route_list> shard_behaviour::list(const list_routes& from) const {
  note_restored(state().kept->restore_all(now()));
  auto promise = self_->make_response_promise<route_list>();
  const auto lender = state().replica->lender();
  if (state().replica->holds())
    promise.deliver(list_some(table(), from.cursor));
  else if (!lender)
    promise.deliver(caf::make_error(caf::sec::request_receiver_down));
  else
    list_foreign(*lender, from.cursor, promise);
  return promise;
}

void shard_behaviour::list_foreign(routing::peer_id lender, std::uint64_t cursor,
                  caf::typed_response_promise<route_list> promise) const {
  state().lists.expect(lender, cursor, std::move(promise));
  self_->send(options_.cluster,
              to_peer{lender, options_.index,
                      std::make_shared<const routing::replica_message>(
                        routing::transfer_pull{cursor})});
}

bool shard_behaviour::anything_to_push() const {
  return state().replica->has_changes() || (in_sync() && state().leases.wants_renewal());
}

std::uint16_t shard_behaviour::know(const lease_cache_actor& holder) const {
  return state().leases.know(holder, state().sequence);
}

void shard_behaviour::grant(const lease_cache_actor& holder, routing::host_grant granted) const {
  self_->send(
    holder, host_granted{options_.index, options_.incarnation, state().sequence, in_sync(),
                         std::make_shared<routing::host_grant>(std::move(granted))});
}

} // namespace shunt
