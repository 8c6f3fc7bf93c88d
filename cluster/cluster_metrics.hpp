// What the links of a node have carried. Written by its links, read by whoever shows it.
#pragma once

#include "routing/replica_message.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <variant>

namespace shunt::cluster {

class relaxed_counter {
public:
  void add(std::uint64_t amount = 1) noexcept { value_.fetch_add(amount, std::memory_order_relaxed); }
  void subtract(std::uint64_t amount) noexcept { value_.fetch_sub(amount, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> value_{0};
};

struct cluster_metrics {
  static constexpr std::size_t message_kinds = std::variant_size_v<routing::replica_message>;

  relaxed_counter bytes_in, bytes_out;   ///< Of frames, with their lengths; without TLS.
  relaxed_counter frames_in, frames_out;
  relaxed_counter heartbeats_in, heartbeats_out;
  /// By kind: `replica_message`'s.
  std::array<relaxed_counter, message_kinds> messages_in, messages_out;
  std::array<relaxed_counter, message_kinds> message_bytes_out; ///< As they are in frames.
  relaxed_counter frames_refused;   ///< That could not be read; each ended its link.
  relaxed_counter unknown_skipped;  ///< Frames and messages of kinds that a later version has.
  relaxed_counter strangers;        ///< Connections that ended before they said who they are.
  relaxed_counter overflows;        ///< Links that were closed because too much waited to be sent.
  relaxed_counter links_opened;
  relaxed_counter links_open;       ///< Now.
  std::atomic<std::uint64_t> shards_in_sync{0}; ///< Held here, now.
  std::atomic<std::uint64_t> shards_ready{0};   ///< Held or borrowed, now.
  /// That are not ready, though another node has a copy in sync. Until all have been ready once.
  std::atomic<std::uint64_t> shards_asked_for{0};
  std::atomic<std::uint64_t> table_routes{0}, table_endpoints{0}; ///< Of the whole table; see table_tally.
  /// When the lender of a borrowed shard was last heard, of the one that has been silent longest; since the steady
  /// clock's epoch. 0: nothing is borrowed.
  std::atomic<routing::time_point::rep> lenders_heard{0};
  relaxed_counter queued_bytes;     ///< That wait to be sent, of all links, now.
};

} // namespace shunt::cluster
