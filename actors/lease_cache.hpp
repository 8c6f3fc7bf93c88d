// What the connections of one loop route by: leases on the hosts they asked for and on all wildcard
// hosts, kept fresh by the shards' pushes. Looking up what is leased is a plain hash lookup; only
// the first request for a host waits for its shard. The actor is its mailbox; everything runs on
// the loop's thread.
#pragma once

#include "actors/held_requests.hpp"
#include "actors/loop.hpp"
#include "actors/protocol.hpp"
#include "config/settings.hpp"
#include "net/deadline.hpp"
#include "net/standstill.hpp"
#include "routing/keyed_hash.hpp"

#include <coroutine>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

namespace shunt {

/// What the settings say of routes without endpoints, for a loop that looks routes up.
routing::lease_rules lease_rules_of(const config::settings& settings);

struct lease_cache_options {
  std::chrono::nanoseconds wait_max = std::chrono::seconds{2}; ///< For a shard's answer.
  std::chrono::nanoseconds idle_max = std::chrono::minutes{5}; ///< Then a lease is given back.
  std::size_t hosts_asked_max = 10'000;                        ///< At the same time.
  routing::lease_rules rules;
  std::uint64_t seed = 0; ///< Of the hashes; not to be guessed from outside.
  std::shared_ptr<net::standstill> pauses{}; ///< Null: what is leased counts however long the process stood still.
};

class lease_cache {
public:
  explicit lease_cache(loop& home, lease_cache_options options = {});

  /// Starts the mailbox and asks the shards for their wildcard hosts. Any thread, once.
  lease_cache_actor open(std::vector<route_shard_actor> shards);

  /// Null when `host` is not leased: `obtain` it.
  routing::leased_host* find(std::string_view host) { return table_.find(host); }
  routing::match_result match(std::string_view host, routing::leased_host* leased,
                              std::string_view path) {
    return table_.match(host, leased, path);
  }
  /// Whether "not there" is known for certain: all shards were in sync when they spoke last. All,
  /// because a wildcard may live on any of them; and all have spoken since the process stood still last.
  bool may_deny() const { return shards_in_doubt_ == 0 && is_up_to_date(); }

  /// Awaits a lease on `host`: true when it is there, false when the shard does not answer in time
  /// or too much is being asked. `host` outlives the call.
  auto obtain(std::string_view host);

  /// Tells the shard, which tells all loops, that an endpoint of the route `host`/`path` (as its
  /// pool names them) is to be avoided; `prune_tls` removes a TLS endpoint from that pool.
  void endpoint_failed(std::string_view host, std::string_view path, std::string_view address,
                       bool prune_tls);

  /// Requests that wait for a first endpoint.
  held_requests& held() { return held_; }

  // -- The mailbox.
  void granted(const host_granted& message);
  void changed(const hosts_changed& message);
  void shard_replaced_by(const shard_replaced& message);
  void follow(const policy& rules);
  void expire();

private:
  /// A grant of so many paths that it is applied in portions. What its shard says meanwhile waits.
  struct growing {
    host_granted message;
    routing::leased_host_ptr staged;
    std::size_t next = 0;
  };
  using said = std::variant<host_granted, hosts_changed>;

  struct waiter {
    std::coroutine_handle<> awaiting;
    bool granted = false;
  };
  struct asked {
    asked(lease_cache& cache, std::string of);
    lease_cache& owner;
    std::string host;
    net::deadline limit;
    std::vector<waiter*> waiters;
  };
  struct obtain_awaiter;
  struct shard_view {
    route_shard_actor actor;
    std::uint64_t incarnation = 0;
    std::uint64_t sequence = 0;
    bool in_sync = false;
    std::size_t words_due = 0; ///< Its answers to `lease_wildcards`.
    bool outlived = false; ///< What is leased was granted by a predecessor, who pushes no more.
    std::optional<growing> grows;
    std::deque<said> later; ///< What it said while that grows.
    std::unordered_set<std::string> wildcards;   ///< That it granted.
    std::unordered_set<std::string> unconfirmed; ///< Of these, what only its predecessor granted.
  };
  void take(const host_granted& message);
  void take(const hosts_changed& message);
  bool grow(shard_view& shard, const host_granted& message);
  void grow_on(std::size_t shard);
  void finish_grant(shard_view& shard, const std::string& host);
  void bury_soon();
  bool ask(std::string_view host, waiter& who);
  void answer(std::string_view host);
  static void give_up(asked& late);
  void set_in_sync(shard_view& shard, bool in_sync);
  void heard(shard_view& shard, std::uint64_t incarnation, std::uint64_t sequence, bool in_sync);
  void renew(shard_view& shard);
  void await_word(shard_view& shard);
  void had_word(shard_view& shard);
  bool is_up_to_date() const;
  void beat();
  void note_wildcard(shard_view& shard, const std::string& host);
  void forget_unconfirmed(shard_view& shard);
  std::size_t shard_index(std::string_view host) const;
  void give_back(std::string_view host);

  loop& home_;
  lease_cache_options options_;
  routing::lease_table table_;
  std::vector<shard_view> shards_;
  std::size_t shards_in_doubt_ = 0;
  routing::keyed_map<std::unique_ptr<asked>> asked_;
  lease_cache_actor self_;
  held_requests held_;
  bool burying_ = false;
  std::size_t words_due_ = 0;        ///< Of all shards.
  std::uint64_t asked_after_ = 0;    ///< That standstill; and then the shards for a word.
  std::uint64_t up_to_date_with_ = 0; ///< It is over for what is leased here.
  net::deadline beat_;
};

struct lease_cache::obtain_awaiter {
  lease_cache& cache;
  std::string_view host;
  waiter here;

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    here.awaiting = awaiting;
    return cache.ask(host, here);
  }
  bool await_resume() const noexcept { return here.granted; }
};

inline auto lease_cache::obtain(std::string_view host) {
  return obtain_awaiter{*this, host, {}};
}

} // namespace shunt
