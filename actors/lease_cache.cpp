#include "actors/lease_cache.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace shunt {

namespace {

constexpr auto expire_every = std::chrono::seconds{1};

struct lease_cache_state {
  static constexpr const char* name = "lease-cache";
};
using lease_cache_self = pinned_actor<lease_cache_actor, lease_cache_state>;

lease_cache_actor::behavior_type behave(lease_cache_self* self, lease_cache* cache) {
  self->delayed_send(self, expire_every, expire_leases{});
  return {
    [cache](const host_granted& message) { cache->granted(message); },
    [cache](const hosts_changed& message) { cache->changed(message); },
    [cache](const shard_replaced& message) { cache->shard_replaced_by(message); },
    [self, cache](expire_leases again) {
      cache->expire();
      self->delayed_send(self, expire_every, again);
    },
  };
}

} // namespace

lease_cache::asked::asked(lease_cache& cache, std::string of)
  : owner{cache}, host{std::move(of)},
    limit{cache.home_.events().deadlines(),
          [](void* self) {
            auto& late = *static_cast<asked*>(self);
            late.owner.answer(late.host, false);
          },
          this} {}

lease_cache::lease_cache(loop& home, lease_cache_options options)
  : home_{home}, options_{options}, table_{options.rules, options.seed} {}

lease_cache_actor lease_cache::open(std::vector<route_shard_actor> shards) {
  for (auto& each : shards)
    shards_.push_back({std::move(each)});
  self_ = spawn_pinned<lease_cache_actor, lease_cache_state>(home_, behave, this);
  for (const auto& each : shards_)
    caf::anon_send(each.actor, lease_wildcards{self_});
  return self_;
}

std::size_t lease_cache::shard_index(std::string_view host) const {
  return routing::shard_of(host, shards_.size());
}

bool lease_cache::may_deny() const {
  return std::all_of(shards_.begin(), shards_.end(),
                     [](const auto& shard) { return shard.in_sync; });
}

// -- Asking.

bool lease_cache::ask(std::string_view host, waiter& who) {
  auto found = asked_.find(host);
  if (found == asked_.end()) {
    if (asked_.size() >= options_.hosts_asked_max)
      return false;
    found = asked_.try_emplace(std::string{host}, std::make_unique<asked>(*this, std::string{host}))
              .first;
    found->second->limit.expires_after(options_.wait_max);
    caf::anon_send(shards_[shard_index(host)].actor, lease_host{std::string{host}, self_});
  }
  found->second->waiters.push_back(&who);
  return true;
}

void lease_cache::answer(std::string_view host, bool granted) {
  const auto found = asked_.find(host);
  if (found == asked_.end())
    return;
  const auto done = std::move(found->second); // Whoever is resumed may ask again.
  asked_.erase(found);
  for (auto* each : done->waiters) {
    each->granted = granted;
    each->awaiting.resume();
  }
}

void lease_cache::give_back(std::string_view host) {
  caf::anon_send(shards_[shard_index(host)].actor, drop_lease{std::string{host}, self_});
}

// -- What the shards say.

void lease_cache::granted(const host_granted& message) {
  auto& shard = shards_[message.shard];
  if (message.incarnation < shard.incarnation)
    return;
  shard.incarnation = message.incarnation;
  shard.sequence = message.sequence;
  shard.in_sync = message.in_sync;
  if (message.grant == nullptr)
    return; // Only the shard's word that it has no more wildcards.
  table_.grant(*message.grant, std::chrono::steady_clock::now());
  for (const auto& dropped : table_.take_dropped())
    give_back(dropped);
  answer(message.grant->host, true);
}

void lease_cache::changed(const hosts_changed& message) {
  auto& shard = shards_[message.shard];
  if (message.incarnation != shard.incarnation || message.sequence <= shard.sequence)
    return;
  shard.sequence = message.sequence;
  shard.in_sync = message.in_sync;
  if (message.changes != nullptr)
    for (const auto& each : *message.changes)
      table_.apply(each);
  caf::anon_send(shard.actor, changes_applied{message.incarnation, message.sequence, self_});
}

void lease_cache::shard_replaced_by(const shard_replaced& message) {
  auto& shard = shards_[message.shard];
  shard.actor = message.successor;
  shard.in_sync = false; // What is leased stays in use; nothing new is denied.
  caf::anon_send(shard.actor, lease_wildcards{self_});
  for (const auto& [host, pending] : asked_)
    if (shard_index(host) == message.shard)
      caf::anon_send(shard.actor, lease_host{host, self_});
}

void lease_cache::expire() {
  table_.expire_idle(std::chrono::steady_clock::now(), options_.idle_max,
                     [this](const std::string& host) { give_back(host); });
}

void lease_cache::endpoint_failed(std::string_view host, std::string_view path,
                                  std::string_view address, bool prune_tls) {
  caf::anon_send(shards_[shard_index(host)].actor,
                 shunt::endpoint_failed{std::string{host}, std::string{path}, std::string{address},
                                        prune_tls});
}

} // namespace shunt
