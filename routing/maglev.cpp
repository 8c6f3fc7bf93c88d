// See maglev.hpp.
#include "routing/maglev.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace shunt::routing {

namespace {

/// A member under the name by which the table knows it.
struct named {
  std::string_view name;
  std::string_view address;
  std::uint32_t position;

  bool operator<(const named& other) const {
    return std::tie(name, address) < std::tie(other.name, other.address);
  }
};

std::vector<named> name_all(std::span<const maglev::member> members) {
  std::vector<named> all;
  all.reserve(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& m = members[i];
    const auto name = m.instance_id.empty() ? m.address : m.instance_id;
    if (!name.empty())
      all.push_back({name, m.address, static_cast<std::uint32_t>(i)});
  }
  std::sort(all.begin(), all.end());
  return all;
}

/// Of equal names the first stays; equal names would have equal wishes, and when one of them leaves
/// half of the other's slots would move. An id may still look like the address of another member:
/// then these two share their wishes, which costs evenness and nothing else.
void part_equals(std::vector<named>& all) {
  bool parted = false;
  std::string_view before;
  for (auto& m : all) {
    const bool equal = m.name == before;
    before = m.name;
    if (equal)
      m.name = m.address;
    parted = parted || equal;
  }
  if (parted)
    std::sort(all.begin(), all.end());
}

/// The slots in the order in which one member wishes for them.
class wishes {
public:
  explicit wishes(std::uint64_t hash)
    : at_{static_cast<std::uint16_t>(hash % maglev::slot_count)},
      skip_{static_cast<std::uint16_t>(hash % (maglev::slot_count - 1) + 1)} {}

  std::size_t next() {
    const std::size_t wished = at_;
    const std::size_t then = wished + skip_;
    at_ = static_cast<std::uint16_t>(then < maglev::slot_count ? then : then - maglev::slot_count);
    return wished;
  }

private:
  std::uint16_t at_;
  std::uint16_t skip_;
};

} // namespace

std::uint64_t fnv1a_64(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

maglev::maglev(std::span<const member> members) {
  auto all = name_all(members);
  part_equals(all);
  all.resize(std::min(all.size(), slot_count));
  members_.reserve(all.size());
  std::vector<std::uint64_t> hashes;
  hashes.reserve(all.size());
  for (const auto& m : all) {
    members_.push_back(m.position);
    hashes.push_back(fnv1a_64(m.name));
  }
  if (members_.size() > 1)
    fill(hashes);
}

/// Members take turns, each taking the first slot of its wishes that is still free. A member never
/// looks at a slot twice, so even hashes made to collide cost no more than members times slots.
void maglev::fill(std::span<const std::uint64_t> hashes) {
  constexpr rank unused = 0xffff;
  slots_ = std::make_unique<table>();
  slots_->fill(unused);
  std::vector<wishes> wished(hashes.begin(), hashes.end());
  for (std::size_t taken = 0, turn = 0; taken < slot_count; ++taken) {
    auto slot = wished[turn].next();
    while ((*slots_)[slot] != unused)
      slot = wished[turn].next();
    (*slots_)[slot] = static_cast<rank>(turn);
    turn = turn + 1 < wished.size() ? turn + 1 : 0;
  }
}

double in_flight_most(std::uint64_t total, std::size_t members, double factor) {
  if (members == 0 || total == 0 || !(factor > 0))
    return std::numeric_limits<double>::infinity();
  return std::max(factor, 1.0) * (static_cast<double>(total) / static_cast<double>(members));
}

} // namespace shunt::routing
