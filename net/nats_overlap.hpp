// While one connection takes the place of another, the same messages come by both. Notes what was heard by the first, so
// that it is not taken for new when it waits in the queue of the second.
#pragma once

#include "net/nats_message.hpp"
#include "routing/known_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace shunt::net {

class nats_overlap {
public:
  /// `seed` is not to be guessed by who sends messages.
  explicit nats_overlap(std::uint64_t seed) noexcept : seed_{seed} {}

  /// The second connection will hear what the first one hears.
  void begin();
  /// Messages come by the second one from now on. So many wait there, among which are those that the first one brought.
  void switched(std::size_t waiting);
  /// It will not come to that. What waits from an earlier time is still recognised.
  void call_off();
  /// Some of what waited when it was switched still does: it is too early to begin again.
  bool is_repeating() const noexcept { return now_ == phase::repeating && waiting_ > 0; }

  /// To be asked of every message. Whether the first connection has brought it.
  bool repeats(const nats_message& message);

private:
  enum class phase : std::uint8_t { none, hears_both, repeating };
  struct hash {
    std::size_t operator()(const routing::message_hash& of) const noexcept { return of.low; }
  };
  static constexpr std::size_t noted_max = 200'000; ///< The others are heard twice, which says nothing new.

  void end();
  routing::message_hash hash_of(const nats_message& message) const;

  std::uint64_t seed_;
  phase now_ = phase::none;
  std::size_t waiting_ = 0;
  std::unordered_map<routing::message_hash, std::uint32_t, hash> heard_; ///< And how often.
};

} // namespace shunt::net
