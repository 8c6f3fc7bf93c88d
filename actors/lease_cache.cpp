#include "actors/lease_cache.hpp"

#include "actors/policy.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <limits>

namespace shunt {

namespace {

constexpr auto expire_every = std::chrono::seconds{1};
constexpr std::size_t paths_at_once_max = 32;   ///< Made or destroyed in one turn of the loop.
constexpr std::size_t leases_at_once_max = 256; ///< Looked at for their idleness.

struct lease_cache_state {
  static constexpr const char* name = "lease-cache";
};
using lease_cache_self = pinned_actor<lease_cache_actor, lease_cache_state>;

lease_cache_actor::behavior_type lease_cache_behavior(lease_cache_self* self, lease_cache* cache) {
  self->delayed_send(self, expire_every, expire_leases{});
  return {
    [cache](const host_granted& message) { cache->granted(message); },
    [cache](const hosts_changed& message) { cache->changed(message); },
    [cache](const hold_over& message) { cache->held().over(message); },
    [cache](const shard_replaced& message) { cache->shard_replaced_by(message); },
    [cache](const use_policy& message) { cache->follow(*message.rules); },
    [self, cache](expire_leases again) {
      cache->expire();
      self->delayed_send(self, expire_every, again);
    },
  };
}

} // namespace

routing::lease_rules lease_rules_of(const config::settings& settings) {
  routing::lease_rules rules;
  rules.legacy = settings.legacy_empty_pools();
  rules.response_503 = settings.empty_pool_response_code_503.value_or(false);
  return rules;
}

void lease_cache::follow(const policy& rules) {
  table_.set_rules(lease_rules_of(rules.settings));
}

lease_cache::asked::asked(lease_cache& cache, std::string of)
  : owner{cache},
    host{std::move(of)},
    limit{cache.home_.events().deadlines(), [](void* late) { give_up(*static_cast<asked*>(late)); },
          this} {
}

lease_cache::lease_cache(loop& home, lease_cache_options options)
  : home_{home}, options_{options}, table_{options.rules, options.seed}, asked_{0, routing::keyed_hash{options.seed}},
    held_{home.events().deadlines(),
          [this](std::string_view host) { return shards_[shard_index(host)].actor; }},
    beat_{home.events().deadlines(), [](void* self) { static_cast<lease_cache*>(self)->beat(); }, this} {
}

lease_cache_actor lease_cache::open(std::vector<route_shard_actor> shards) {
  for (auto& each : shards)
    shards_.emplace_back().actor = std::move(each);
  shards_in_doubt_ = shards_.size();
  self_ = spawn_pinned<lease_cache_actor, lease_cache_state>(home_, lease_cache_behavior, this);
  held_.open(self_);
  for (auto& each : shards_)
    await_word(each);
  if (options_.pauses)
    home_.events().post([this] { beat(); });
  return self_;
}

std::size_t lease_cache::shard_index(std::string_view host) const {
  return routing::shard_of(host, shards_.size());
}

void lease_cache::set_in_sync(shard_view& shard, bool in_sync) {
  if (shard.in_sync == in_sync)
    return;
  shard.in_sync = in_sync;
  in_sync ? --shards_in_doubt_ : ++shards_in_doubt_;
}

// -- Asking.

bool lease_cache::ask(std::string_view host, waiter& who) {
  auto found = asked_.find(host);
  if (found == asked_.end()) {
    if (asked_.size() >= options_.hosts_asked_max)
      return false;
    found = asked_.try_emplace(std::string{host}, std::make_unique<asked>(*this, std::string{host}))
              .first;
    caf::anon_send(shards_[shard_index(host)].actor, lease_host{std::string{host}, self_});
  }
  auto& open = *found->second;
  if (open.waiters.empty())
    open.limit.expires_after(options_.wait_max);
  open.waiters.push_back(&who);
  return true;
}

void lease_cache::answer(std::string_view host) {
  const auto found = asked_.find(host);
  if (found == asked_.end())
    return;
  const auto done = std::move(found->second); // Whoever is resumed may ask again.
  asked_.erase(found);
  for (auto* each : done->waiters) {
    each->granted = true;
    each->awaiting.resume();
  }
}

/// Nobody waits any longer, but the question stays open: its answer is still on the way, and
/// whoever asks meanwhile waits for that one.
void lease_cache::give_up(asked& late) {
  for (auto* each : std::exchange(late.waiters, {}))
    each->awaiting.resume();
}

void lease_cache::give_back(std::string_view host) {
  caf::anon_send(shards_[shard_index(host)].actor, drop_lease{std::string{host}, self_});
}

// -- What the shards say.

void lease_cache::granted(const host_granted& message) {
  auto& shard = shards_[message.shard];
  if (shard.grows)
    shard.later.emplace_back(message);
  else
    take(message);
}

void lease_cache::changed(const hosts_changed& message) {
  auto& shard = shards_[message.shard];
  if (shard.grows)
    shard.later.emplace_back(message);
  else
    take(message);
}

void lease_cache::take(const host_granted& message) {
  auto& shard = shards_[message.shard];
  if (message.incarnation < shard.incarnation)
    return;
  heard(shard, message.incarnation, message.sequence, message.in_sync);
  if (message.grant == nullptr) { // The shard's word that it has no more wildcards.
    forget_unconfirmed(shard);
    had_word(shard);
    return;
  }
  if (grow(shard, message))
    return;
  table_.grant(*message.grant, std::chrono::steady_clock::now());
  finish_grant(shard, message.grant->host);
}

void lease_cache::finish_grant(shard_view& shard, const std::string& host) {
  note_wildcard(shard, host);
  shard.unconfirmed.erase(host);
  for (const auto& dropped : table_.take_dropped())
    give_back(dropped);
  bury_soon();
  answer(host);
}

void lease_cache::take(const hosts_changed& message) {
  auto& shard = shards_[message.shard];
  if (message.incarnation != shard.incarnation || message.sequence <= shard.sequence)
    return;
  heard(shard, message.incarnation, message.sequence, message.in_sync);
  if (message.changes != nullptr)
    for (const auto& each : *message.changes) {
      table_.apply(each);
      note_wildcard(shard, each.host);
    }
  caf::anon_send(shard.actor, changes_applied{message.incarnation, message.sequence, self_});
}

// -- Large hosts. Ten thousand paths in one go would hold the loop for twenty milliseconds.

/// Whether `message` is applied in portions, from the next turn on. A host that is leased with paths
/// is not: its pools keep what they have, and grants of such are rare.
bool lease_cache::grow(shard_view& shard, const host_granted& message) {
  if (message.grant->paths.size() <= paths_at_once_max || table_.has_paths(message.grant->host))
    return false;
  shard.grows.emplace(growing{message, table_.stage(message.grant->host)});
  home_.events().post([this, index = message.shard] { grow_on(index); });
  return true;
}

void lease_cache::grow_on(std::size_t index) {
  auto& shard = shards_[index];
  if (!shard.grows) // The shard died.
    return;
  auto& [message, staged, next] = *shard.grows;
  auto& paths = message.grant->paths;
  const auto end = std::min(paths.size(), next + paths_at_once_max);
  for (; next < end; ++next) {
    if (routing::is_acceptable(message.grant->host, paths[next].path))
      staged->add(paths[next]);
    paths[next] = {}; // The holder's: else it would all be freed at once at the end.
  }
  if (next < paths.size()) {
    home_.events().post([this, index] { grow_on(index); });
    return;
  }
  const auto host = message.grant->host;
  table_.grant(std::move(staged), std::chrono::steady_clock::now());
  shard.grows.reset();
  finish_grant(shard, host);
  while (!shard.grows && !shard.later.empty()) {
    const auto next_said = std::move(shard.later.front());
    shard.later.pop_front();
    std::visit([this](const auto& m) { take(m); }, next_said);
  }
}

void lease_cache::bury_soon() {
  if (!std::exchange(burying_, true))
    home_.events().post([this] {
      burying_ = false;
      if (!table_.bury(paths_at_once_max))
        bury_soon();
    });
}

void lease_cache::heard(shard_view& shard, std::uint64_t incarnation, std::uint64_t sequence,
                        bool in_sync) {
  shard.incarnation = incarnation;
  shard.sequence = sequence;
  set_in_sync(shard, in_sync);
  if (shard.outlived && in_sync)
    renew(shard);
}

// -- After the process stood still: what is leased is as it was before, and others have gone on.

/// All of its wildcards, and its word that these were all, behind whatever else it had to say.
void lease_cache::await_word(shard_view& shard) {
  ++shard.words_due;
  ++words_due_;
  caf::anon_send(shard.actor, lease_wildcards{self_});
}

void lease_cache::had_word(shard_view& shard) {
  if (shard.words_due == 0)
    return;
  --shard.words_due;
  if (--words_due_ == 0)
    up_to_date_with_ = asked_after_;
}

bool lease_cache::is_up_to_date() const {
  return !options_.pauses || options_.pauses->count(std::chrono::steady_clock::now()) == up_to_date_with_;
}

/// Shards are asked once they can have heard what was said meanwhile.
void lease_cache::beat() {
  const auto now = std::chrono::steady_clock::now();
  options_.pauses->beat(now);
  const auto times = options_.pauses->count(now);
  if (times != asked_after_ && options_.pauses->has_caught_up(times)) {
    asked_after_ = times;
    for (auto& each : shards_)
      await_word(each);
  }
  beat_.expires_after(times == asked_after_ ? net::standstill::beat_every : net::deadline_wheel::tick);
}

// -- A shard that died.

void lease_cache::shard_replaced_by(const shard_replaced& message) {
  auto& shard = shards_[message.shard];
  shard.actor = message.successor;
  ++shard.incarnation;   // Whatever its predecessor still says counts no more.
  set_in_sync(shard, false); // What is leased stays in use; nothing new is denied.
  shard.outlived = true;
  shard.grows.reset();
  shard.later.clear();
  words_due_ -= std::exchange(shard.words_due, 0); // Those its predecessor owed.
  await_word(shard);
  for (const auto& [host, pending] : asked_)
    if (shard_index(host) == message.shard)
      caf::anon_send(shard.actor, lease_host{host, self_});
  held_.ask_again([&](std::string_view host) { return shard_index(host) == message.shard; });
}

/// The successor is in sync: from now on it knows better than what is leased. It was never asked
/// for those hosts, so it pushes nothing about them; each is leased anew when a request wants it.
/// (All hosts, because the table has no list of one shard's. Shards hardly ever die.)
void lease_cache::renew(shard_view& shard) {
  shard.outlived = false;
  shard.unconfirmed = shard.wildcards;
  table_.expire_idle(
    std::chrono::steady_clock::now(), std::chrono::nanoseconds{0},
    [this](const std::string& host) { give_back(host); }, std::numeric_limits<std::size_t>::max());
  bury_soon();
  await_word(shard);
}

void lease_cache::note_wildcard(shard_view& shard, const std::string& host) {
  if (!routing::is_wildcard(host))
    return;
  if (table_.find(host)->is_miss())
    shard.wildcards.erase(host);
  else
    shard.wildcards.insert(host);
}

/// All wildcards were granted: what a predecessor granted besides is gone.
void lease_cache::forget_unconfirmed(shard_view& shard) {
  for (const auto& host : std::exchange(shard.unconfirmed, {})) {
    table_.grant({host, {}}, std::chrono::steady_clock::now());
    shard.wildcards.erase(host);
  }
}

void lease_cache::expire() {
  const bool all = table_.expire_idle(
    std::chrono::steady_clock::now(), options_.idle_max,
    [this](const std::string& host) { give_back(host); }, leases_at_once_max);
  bury_soon();
  if (!all)
    home_.events().post([this] { expire(); });
}

void lease_cache::endpoint_failed(std::string_view host, std::string_view path,
                                  std::string_view address, bool prune_tls) {
  caf::anon_send(
    shards_[shard_index(host)].actor,
    shunt::endpoint_failed{std::string{host}, std::string{path}, std::string{address}, prune_tls});
}

} // namespace shunt
