// What the shards of this node and their copies on others owe each other, in numbers: each shard writes its own row
// after every message, its successor goes on with it, and any thread reads.
#pragma once

#include "routing/shard_replica.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace shunt {

struct replica_totals {
  std::uint64_t shards_held = 0; ///< In sync or not.
  routing::replica_counters counted;
  /// When the oldest push was sent that some borrower has not applied; none: all have applied all.
  std::optional<routing::time_point> push_awaited_since;
};

struct slice_size {
  std::uint64_t routes = 0;
  std::uint64_t endpoints = 0; ///< Once for each of their routes.
};

class replica_board {
public:
  explicit replica_board(std::size_t shards) : rows_(shards) {}

  std::size_t size() const { return rows_.size(); }

  /// Of the shard itself, when it begins: what its predecessor has counted.
  routing::replica_counters counted(std::size_t shard) const { return rows_[shard].counted(); }

  /// Of the shard itself. `before`: what its predecessor has counted.
  void set(std::size_t shard, const routing::shard_replica& now, const routing::replica_counters& before) {
    auto& row = rows_[shard];
    const auto& c = now.counters();
    const auto store = [](auto& to, auto value) { to.store(value, std::memory_order_relaxed); };
    store(row.repairs, before.repairs + c.repairs);
    store(row.repaired_hosts, before.repaired_hosts + c.repaired_hosts);
    store(row.transferred_hosts, before.transferred_hosts + c.transferred_hosts);
    store(row.granted_hosts, before.granted_hosts + c.granted_hosts);
    store(row.held, now.holds());
    store(row.routes, now.table().route_count());
    store(row.endpoints, now.table().endpoint_count());
    store(row.lender, now.lender().value_or(routing::this_node));
    const auto since = now.push_awaited_since();
    store(row.awaited_since, since ? since->time_since_epoch().count() : 0);
  }

  bool is_held(std::size_t shard) const { return rows_[shard].held.load(std::memory_order_relaxed); }
  /// What this node has of the shard, held or borrowed.
  slice_size size_of(std::size_t shard) const {
    const auto& row = rows_[shard];
    return {row.routes.load(std::memory_order_relaxed), row.endpoints.load(std::memory_order_relaxed)};
  }
  /// From whom a shard that is not held is borrowed; `this_node`: from nobody.
  routing::peer_id lender(std::size_t shard) const {
    return rows_[shard].lender.load(std::memory_order_relaxed);
  }

  replica_totals totals() const {
    replica_totals sum;
    for (const auto& row : rows_) {
      const auto c = row.counted();
      sum.counted.repairs += c.repairs;
      sum.counted.repaired_hosts += c.repaired_hosts;
      sum.counted.transferred_hosts += c.transferred_hosts;
      sum.counted.granted_hosts += c.granted_hosts;
      sum.shards_held += row.held.load(std::memory_order_relaxed) ? 1 : 0;
      const routing::time_point since{
        routing::time_point::duration{row.awaited_since.load(std::memory_order_relaxed)}};
      if (since != routing::time_point{})
        sum.push_awaited_since = std::min(sum.push_awaited_since.value_or(since), since);
    }
    return sum;
  }

private:
  struct slot {
    std::atomic<std::uint64_t> repairs{0}, repaired_hosts{0}, transferred_hosts{0}, granted_hosts{0};
    std::atomic<routing::time_point::rep> awaited_since{0}; ///< 0: nothing is awaited.
    std::atomic<routing::peer_id> lender{routing::this_node};
    std::atomic<bool> held{true};
    std::atomic<std::uint64_t> routes{0}, endpoints{0};

    routing::replica_counters counted() const {
      const auto read = [](const auto& from) { return from.load(std::memory_order_relaxed); };
      return {.repaired_hosts = read(repaired_hosts),
              .repairs = read(repairs),
              .transferred_hosts = read(transferred_hosts),
              .granted_hosts = read(granted_hosts)};
    }
  };

  std::vector<slot> rows_;
};

} // namespace shunt
