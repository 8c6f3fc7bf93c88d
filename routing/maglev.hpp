// The lookup table of hash balancing: which member of a pool the requests of one header value go
// to. Maglev hashing with the parameters of gorouter, so that routers of both kinds agree: FNV-1a
// of 64 bits, 3001 slots, members by instance id in bytewise order. The table depends on the set of
// members alone, never on their order, and when a member comes or goes nearly all other values stay
// where they are. Who is overloaded or was tried before is the caller's knowledge, asked for by a
// callback.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace shunt::routing {

/// FNV-1a 64. Unkeyed: whoever chooses the texts can make them collide.
std::uint64_t fnv1a_64(std::string_view text);

/// Immutable; made anew when a member comes or goes, which takes 30 us for ten members and 600 us
/// at the most members, so rather at the next request than at every change. Six kilobytes and four
/// bytes for each member, but next to nothing for fewer than two members. Slots that are passed in
/// are below `slot_count`.
class maglev {
public:
  static constexpr std::size_t slot_count = 3001; ///< Prime: every member may come to every slot.
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  /// Its name in the table is the instance id. The address stands in for an empty id; and of
  /// members that share an id the one with the smallest address has it, the others go by their
  /// addresses, so that each of them gets its share.
  struct member {
    std::string_view instance_id;
    std::string_view address; ///< Unique. If both texts are empty this is a hole, not a member.
  };

  maglev() = default; ///< Without members.
  /// A member is known by its position in `members`; the texts are not kept. If there are more than
  /// `slot_count` members, the last ones by name have no slot and are never offered.
  explicit maglev(std::span<const member> members);

  std::size_t size() const { return members_.size(); } ///< Members that have a slot.
  bool empty() const { return members_.empty(); }

  /// Where the requests with that header value start.
  static std::size_t slot_of(std::string_view header_value) {
    return static_cast<std::size_t>(fnv1a_64(header_value) % slot_count);
  }
  static std::size_t slot_after(std::size_t slot) { return slot + 1 < slot_count ? slot + 1 : 0; }

  /// The member that has `slot`; `nowhere` without members.
  std::size_t at(std::size_t slot) const { return empty() ? nowhere : members_[rank_at(slot)]; }

  /// The first slot from `from` on, around the table, whose member `usable(position)` accepts;
  /// `nowhere` if it accepts none. Asks once for each member.
  template <class Usable>
  std::size_t find(std::size_t from, Usable&& usable) const;

  /// For the next attempt of a request whose last one used slot `last`: goes on behind it and does
  /// not offer the member of that slot again, unless it is the only one. If the table was made anew
  /// in between, the slot may have another member: `usable` can compare addresses.
  template <class Usable>
  std::size_t find_other(std::size_t last, Usable&& usable) const;

private:
  using rank = std::uint16_t; ///< Position in the order of names.
  using table = std::array<rank, slot_count>;

  rank rank_at(std::size_t slot) const { return slots_ ? (*slots_)[slot] : rank{0}; }
  void fill(std::span<const std::uint64_t> hashes);

  std::vector<std::uint32_t> members_; ///< By rank.
  std::unique_ptr<table> slots_;       ///< Null if it would say nothing: fewer than two members.
};

/// The most requests in flight with which a member still takes more: `factor` times the mean of
/// the `members` that have `total` in flight together; infinite if nothing is in flight, or the
/// factor is 0 or less or no number. A factor below 1 counts as 1, for otherwise a pool that is
/// loaded evenly would take nothing at all.
double in_flight_most(std::uint64_t total, std::size_t members, double factor);

template <class Usable>
std::size_t maglev::find(std::size_t from, Usable&& usable) const {
  if (empty())
    return nowhere;
  if (usable(at(from))) // What happens nearly always.
    return from;
  std::bitset<slot_count> refused;
  refused.set(rank_at(from));
  std::size_t left = size() - 1;
  for (auto slot = slot_after(from); left > 0; slot = slot_after(slot)) {
    const auto candidate = rank_at(slot);
    if (refused.test(candidate))
      continue;
    if (usable(std::size_t{members_[candidate]}))
      return slot;
    refused.set(candidate);
    --left;
  }
  return nowhere;
}

template <class Usable>
std::size_t maglev::find_other(std::size_t last, Usable&& usable) const {
  const auto before = size() > 1 ? at(last) : nowhere;
  return find(slot_after(last),
              [&](std::size_t position) { return position != before && usable(position); });
}

} // namespace shunt::routing
