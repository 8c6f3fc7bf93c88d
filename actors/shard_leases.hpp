// Which loops lease which hosts of a shard, and up to which push each of them has applied. Part of the route shard's
// actor.
#pragma once

#include "actors/protocol.hpp"
#include "routing/keyed_hash.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shunt {

class shard_leases {
public:
  shard_leases();

  /// Where `holder` stands among the holders; behind them all if it is none.
  std::uint16_t position_of(const lease_cache_actor& holder) const;
  /// The same; a new one is told of all pushes after number `sequence`.
  std::uint16_t know(const lease_cache_actor& holder, std::uint64_t sequence);
  const std::vector<lease_cache_actor>& holders() const { return holders_; }

  void add(const std::string& host, std::uint16_t holder);
  /// All that are leased.
  template <class Use>
  void each_host(Use use) const {
    for (const auto& [host, holders] : leased_)
      use(host);
  }
  /// True: nobody leases it any more.
  bool drop(const std::string& host, const lease_cache_actor& holder);

  /// A peer is asked about the host first.
  void await(const std::string& host, std::uint16_t holder) { unanswered_[host].push_back(holder); }
  /// Who waits for the answer, and does not any more.
  std::vector<std::uint16_t> take_awaiting(const std::string& host);

  /// So many holders route by what a predecessor of this shard granted, until they have applied its first push in sync
  /// after they made themselves known.
  void outlive(std::size_t holders) { to_renew_ = holders; }
  /// Whether that push is due, if the shard is in sync.
  bool wants_renewal() const { return to_renew_ > 0 && !renewal_ && holders_.size() >= to_renew_; }
  /// A push in sync.
  void note_pushed(std::uint64_t sequence);

  void note_applied(const lease_cache_actor& holder, std::uint64_t sequence);
  /// The push that all have applied, of `sequence` in all. Nothing: some may route by what a predecessor granted.
  std::optional<std::uint64_t> applied_by_all(std::uint64_t sequence) const;

private:
  std::vector<lease_cache_actor> holders_;
  std::vector<std::uint64_t> applied_; ///< By each of them.
  std::size_t to_renew_ = 0;
  std::optional<std::uint64_t> renewal_; ///< The push by which they do.
  /// By whom: positions, a few.
  routing::keyed_map<std::vector<std::uint16_t>> leased_, unanswered_;
};

} // namespace shunt
