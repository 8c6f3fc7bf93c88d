// A small open-addressing hash table from 32-bit hashes to values of the caller's, who keeps the
// keys and compares them. Slots are packed (twelve bytes for a pointer) and every slot stands near
// the place its hash has in the whole range of hashes, whatever the capacity: growing is one
// sequential pass, and a walk can stop at a hash and go on later, even if the table has grown
// meanwhile. Linear probing without wrapping around; an erased slot is closed by moving its
// followers back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace shunt::routing {

/// `Value` is a pointer or an integer.
template <class Value>
class hash_index {
  static_assert(std::is_trivially_copyable_v<Value>);

public:
  /// What `walk` returns when nothing is left.
  static constexpr std::uint64_t end_of_walk = std::uint64_t{1} << 32;

  hash_index() = default;
  hash_index(hash_index&& other) noexcept { swap(other); }
  hash_index& operator=(hash_index&& other) noexcept {
    hash_index taken{std::move(other)};
    swap(taken);
    return *this;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t allocated_bytes() const { return slots_ ? slot_count() * sizeof(slot) : 0; }

  /// The first value of that hash that `is_it` accepts, or `none`.
  template <class IsIt>
  Value find(std::uint32_t hash, IsIt&& is_it, Value none = Value{}) const {
    const slot* found = locate(hash, is_it);
    return found == nullptr ? none : found->get();
  }

  /// Has the slot of `hash` fetched into the cache.
  void prefetch(std::uint32_t hash) const {
    if (size_ != 0)
      __builtin_prefetch(slots_.get() + home(tag(hash)));
  }

  /// Adds a value; the caller knows that it is not there yet.
  void insert(std::uint32_t hash, Value value) {
    if (size_ + 1 > capacity_ - capacity_ / 5)
      resize(grown(capacity_));
    while (!place(tag(hash), value))
      resize(grown(capacity_));
    ++size_;
  }

  /// Removes the first value that `is_it` accepts; false if there is none.
  template <class IsIt>
  bool erase(std::uint32_t hash, IsIt&& is_it) {
    auto* found = const_cast<slot*>(locate(hash, is_it));
    if (found == nullptr)
      return false;
    close(static_cast<std::size_t>(found - slots_.get()));
    --size_;
    if (capacity_ > shrink_least && size_ < capacity_ / 5)
      resize(capacity_ / 2);
    return true;
  }

  /// Replaces the first value that `is_it` accepts; false if there is none.
  template <class IsIt>
  bool assign(std::uint32_t hash, IsIt&& is_it, Value value) {
    auto* found = const_cast<slot*>(locate(hash, is_it));
    if (found != nullptr)
      found->set(value);
    return found != nullptr;
  }

  void clear() noexcept {
    slots_.reset();
    size_ = capacity_ = 0;
  }

  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t i = 0, end = slots_ ? slot_count() : 0; i < end; ++i)
      if (slots_[i].hash != 0)
        visit(slots_[i].get());
  }

  /// Visits the values that follow position `from` (first 0, then what the last call returned) in
  /// about `budget` slots. A value that is in the table during the whole walk is visited exactly
  /// once, whatever else comes and goes between the calls. `visit` must not change the table.
  template <class Visit>
  std::uint64_t walk(std::uint64_t from, std::size_t budget, Visit&& visit) const {
    if (from >= end_of_walk || size_ == 0)
      return end_of_walk;
    const std::size_t first = home(static_cast<std::uint32_t>(from));
    const std::size_t last = std::min(capacity_, first + std::max<std::size_t>(budget, 1));
    const std::uint64_t to = ((std::uint64_t{last} << 32) + capacity_ - 1) / capacity_;
    for (std::size_t i = first; i < last || slots_[i].hash != 0; ++i)
      if (slots_[i].hash != 0 && slots_[i].hash >= from && slots_[i].hash < to)
        visit(slots_[i].get());
    return to;
  }

private:
  struct slot {
    std::uint32_t hash;             ///< 0: unused.
    std::byte bytes[sizeof(Value)]; ///< Not a `Value`, whose alignment would cost four more bytes.

    Value get() const {
      Value value;
      std::memcpy(&value, bytes, sizeof value);
      return value;
    }
    void set(Value value) { std::memcpy(bytes, &value, sizeof value); }
  };

  static constexpr std::size_t capacity_least = 8;
  static constexpr std::size_t shrink_least = 64;

  static std::uint32_t tag(std::uint32_t hash) { return hash == 0 ? 1 : hash; }
  static std::size_t grown(std::size_t capacity) {
    return capacity == 0 ? capacity_least : capacity + capacity / 2;
  }
  std::size_t home(std::uint32_t hash) const {
    return static_cast<std::size_t>((std::uint64_t{hash} * capacity_) >> 32);
  }
  /// Probing runs over the end into a tail instead of wrapping around; its last slot is never used.
  std::size_t slot_count() const { return capacity_ + capacity_ / 8 + capacity_least; }

  template <class IsIt>
  const slot* locate(std::uint32_t hash, IsIt&& is_it) const {
    if (size_ == 0)
      return nullptr;
    hash = tag(hash);
    for (const slot* s = slots_.get() + home(hash); s->hash != 0; ++s)
      if (s->hash == hash && is_it(s->get()))
        return s;
    return nullptr;
  }

  bool place(std::uint32_t hash, Value value) {
    std::size_t i = home(hash);
    while (slots_[i].hash != 0)
      ++i;
    if (i + 1 == slot_count())
      return false; // The sentinel at the end must stay.
    slots_[i].hash = hash;
    slots_[i].set(value);
    return true;
  }

  void close(std::size_t hole) {
    for (std::size_t next = hole + 1; slots_[next].hash != 0; ++next)
      if (home(slots_[next].hash) <= hole)
        slots_[std::exchange(hole, next)] = slots_[next];
    slots_[hole].hash = 0;
  }

  void resize(std::size_t capacity) {
    hash_index larger;
    for (;; capacity = grown(capacity)) {
      larger.capacity_ = capacity;
      larger.slots_ = std::make_unique<slot[]>(larger.slot_count());
      if (larger.take_all(*this))
        break;
    }
    larger.size_ = size_;
    swap(larger);
  }

  bool take_all(const hash_index& other) {
    for (std::size_t i = 0, end = other.slots_ ? other.slot_count() : 0; i < end; ++i)
      if (other.slots_[i].hash != 0 && !place(other.slots_[i].hash, other.slots_[i].get()))
        return false;
    return true;
  }

  void swap(hash_index& other) noexcept {
    std::swap(slots_, other.slots_);
    std::swap(capacity_, other.capacity_);
    std::swap(size_, other.size_);
  }

  std::unique_ptr<slot[]> slots_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
};

} // namespace shunt::routing
