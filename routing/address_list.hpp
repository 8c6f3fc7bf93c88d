// Items in order of arrival, each with an address ("host:port") that occurs once: the members of a
// pool. An item keeps its place when it is replaced. Nearly all pools have one member, which is
// stored in place; up to eight are searched by looking at each; beyond that there is an index.
// Removing leaves a hole, and holes are closed when they outnumber the items, so every change costs
// O(1) amortised.
#pragma once

#include "routing/hash_index.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace shunt::routing {

/// `Item` has `about()`, a pointer to the endpoint it is about; null in a default-constructed item,
/// which is what stands in a hole.
template <class Item>
class address_list {
public:
  std::size_t size() const {
    if (const auto* m = many())
      return m->count;
    return one().about() == nullptr ? 0 : 1;
  }
  bool empty() const { return size() == 0; }

  /// Positions run from 0 to this; some are holes.
  std::size_t slot_count() const { return many() != nullptr ? many()->slots.size() : size(); }
  /// Null in a hole.
  Item* at(std::size_t slot) {
    Item& item = many() != nullptr ? many()->slots[slot] : one();
    return item.about() == nullptr ? nullptr : &item;
  }
  const Item* at(std::size_t slot) const { return const_cast<address_list*>(this)->at(slot); }
  std::size_t slot_of(const Item* item) const {
    return many() != nullptr ? static_cast<std::size_t>(item - many()->slots.data()) : 0;
  }

  Item* find(std::string_view address, std::uint32_t address_hash);
  const Item* find(std::string_view address, std::uint32_t address_hash) const {
    return const_cast<address_list*>(this)->find(address, address_hash);
  }

  /// Adds an item whose address is not there yet.
  Item& append(Item item);
  /// Removes an item of this list. May move all others; `follow`, a position, is moved with them.
  void remove(Item* item, std::size_t& follow);
  void clear() { members_ = Item{}; }
  /// The vacant item of an empty list: whoever owns the list may keep a note there.
  Item& vacancy() { return one(); }
  const Item& vacancy() const { return one(); }

  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t i = 0, end = slot_count(); i < end; ++i)
      if (Item* item = at(i))
        visit(*item);
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0, end = slot_count(); i < end; ++i)
      if (const Item* item = at(i))
        visit(*item);
  }

private:
  static constexpr std::size_t searched_most = 8;
  struct crowd {
    std::vector<Item> slots;
    std::size_t count = 0;
    hash_index<std::uint32_t> positions; ///< Empty while there are few slots.
  };

  Item& one() { return std::get<Item>(members_); }
  const Item& one() const { return std::get<Item>(members_); }
  crowd* many() const {
    const auto* m = std::get_if<std::unique_ptr<crowd>>(&members_);
    return m == nullptr ? nullptr : m->get();
  }

  static bool is(const Item& item, std::string_view address, std::uint32_t hash) {
    return item.about() != nullptr && item.about()->address_hash() == hash
           && item.about()->address() == address;
  }
  static void build_index(crowd& m);
  void compact(crowd& m, std::size_t& follow);

  std::variant<Item, std::unique_ptr<crowd>> members_;
};

template <class Item>
Item* address_list<Item>::find(std::string_view address, std::uint32_t address_hash) {
  crowd* m = many();
  if (m == nullptr) {
    if (one().about() == nullptr)
      return nullptr;
    one().about()->prefetch();
    return is(one(), address, address_hash) ? &one() : nullptr;
  }
  if (!m->positions.empty()) {
    constexpr std::uint32_t none = 0xffffffff;
    const auto at = m->positions.find(
      address_hash, [&](std::uint32_t p) { return is(m->slots[p], address, address_hash); }, none);
    return at == none ? nullptr : &m->slots[at];
  }
  for (Item& item : m->slots)
    if (is(item, address, address_hash))
      return &item;
  return nullptr;
}

template <class Item>
Item& address_list<Item>::append(Item item) {
  if (many() == nullptr && one().about() == nullptr)
    return one() = std::move(item);
  if (many() == nullptr) {
    auto fresh = std::make_unique<crowd>();
    fresh->slots.push_back(std::move(one()));
    fresh->count = 1;
    members_ = std::move(fresh);
  }
  crowd& m = *many();
  m.slots.push_back(std::move(item));
  ++m.count;
  if (!m.positions.empty())
    m.positions.insert(m.slots.back().about()->address_hash(),
                       static_cast<std::uint32_t>(m.slots.size() - 1));
  else if (m.slots.size() > searched_most)
    build_index(m);
  return m.slots.back();
}

template <class Item>
void address_list<Item>::remove(Item* item, std::size_t& follow) {
  if (size() == 1) {
    clear();
    follow = 0;
    return;
  }
  crowd& m = *many();
  const auto position = static_cast<std::uint32_t>(slot_of(item));
  m.positions.erase(item->about()->address_hash(), [&](std::uint32_t p) { return p == position; });
  *item = Item{};
  --m.count;
  if (m.slots.size() > 2 * m.count)
    compact(m, follow);
}

template <class Item>
void address_list<Item>::build_index(crowd& m) {
  m.positions.clear();
  for (std::size_t i = 0; i < m.slots.size(); ++i)
    if (m.slots[i].about() != nullptr)
      m.positions.insert(m.slots[i].about()->address_hash(), static_cast<std::uint32_t>(i));
}

template <class Item>
void address_list<Item>::compact(crowd& m, std::size_t& follow) {
  std::size_t kept = 0, follower = 0;
  for (std::size_t i = 0; i < m.slots.size(); ++i) {
    follower += i < follow && m.slots[i].about() != nullptr;
    if (m.slots[i].about() != nullptr && kept++ != i)
      m.slots[kept - 1] = std::move(m.slots[i]);
  }
  follow = follower;
  m.slots.resize(kept);
  m.slots.shrink_to_fit();
  if (kept == 1) {
    Item last = std::move(m.slots.front());
    members_ = std::move(last);
  } else if (kept > searched_most) {
    build_index(m);
  } else {
    m.positions.clear();
  }
}

} // namespace shunt::routing
