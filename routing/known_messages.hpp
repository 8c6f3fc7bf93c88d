// Registrations that were heard before, to the letter. Apps repeat themselves: 586 of 587 messages
// change nothing. Such a message is recognised by a hash of its bytes, and then its endpoint is
// merely noted as heard, without parsing anything or telling any shard. That holds only as long as
// every route of the message holds the endpoint that was made from it, and as long as nothing about
// the same address is on its way to the shards; both are asked each time. Single-threaded.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/hash_index.hpp"
#include "routing/time.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace shunt::routing {

/// 128 bits over a message's bytes, by a seeded hash: two messages never share it by chance.
struct message_hash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const message_hash&) const = default;
};

/// A message that was recognised. Good until the next call.
struct repeated_message {
  const endpoint* target = nullptr;
  std::uint32_t routes = 0;
};

class known_messages {
public:
  /// The message, if it is known and its routes stand as it says; then it counts as heard at `at`, or later if it did.
  std::optional<repeated_message> hear_again(const message_hash& hash, time_point at);
  /// Remembers a message that was just handed to the shards, `routes` registrations of `target`.
  void remember(const message_hash& hash, endpoint_ptr target, std::uint32_t routes);

  /// Something about `target`'s address was handed to the shards and may not have been applied.
  void doubt(const endpoint& target) { doubted_[slot_of(target)] = true; }
  /// Everything handed over has been applied.
  void settle() { doubted_.fill(false); }

  /// Forgets messages whose endpoint no route holds any more, looking at `budget` of them.
  void sweep(std::size_t budget);
  std::size_t size() const { return index_.size(); }

private:
  struct entry {
    message_hash hash;
    endpoint_ptr target;
    std::uint32_t routes = 0;
  };
  static constexpr std::size_t doubt_slots = 4096;
  static std::size_t slot_of(const endpoint& target) { return target.address_hash() % doubt_slots; }
  std::uint32_t position_of(const message_hash& hash) const;
  static constexpr std::uint32_t nowhere = 0xffffffff;

  hash_index<std::uint32_t> index_; ///< Positions in `entries_`.
  std::deque<entry> entries_;       ///< In pieces: growing never copies a million of them.
  std::vector<std::uint32_t> free_;
  std::size_t swept_ = 0;
  std::array<bool, doubt_slots> doubted_{};
};

} // namespace shunt::routing
