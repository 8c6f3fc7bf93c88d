// A `hash_index` cut into pieces, so that no single change of a table of millions has to grow or
// shrink it whole: a resize moves one piece, a few dozen microseconds where the whole would take
// milliseconds.
#pragma once

#include "routing/hash_index.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace shunt::routing {

template <class Value>
class segmented_index {
public:
  static constexpr std::size_t segment_count = 64;
  /// What `walk` returns when nothing is left.
  static constexpr std::uint64_t end_of_walk = segment_count * hash_index<Value>::end_of_walk;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t allocated_bytes() const {
    std::size_t sum = 0;
    for (const auto& s : segments_)
      sum += s.allocated_bytes();
    return sum;
  }

  template <class IsIt>
  Value find(std::uint32_t hash, IsIt&& is_it) const {
    return segments_[hash % segment_count].find(hash, is_it);
  }
  void prefetch(std::uint32_t hash) const { segments_[hash % segment_count].prefetch(hash); }
  void insert(std::uint32_t hash, Value value) {
    segments_[hash % segment_count].insert(hash, value);
    ++size_;
  }
  template <class IsIt>
  bool erase(std::uint32_t hash, IsIt&& is_it) {
    const bool erased = segments_[hash % segment_count].erase(hash, is_it);
    size_ -= erased ? 1 : 0;
    return erased;
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& s : segments_)
      s.for_each(visit);
  }

  static constexpr std::size_t segment_of(std::uint32_t hash) { return hash % segment_count; }
  template <class Visit>
  void for_each_of_segment(std::size_t segment, Visit&& visit) const {
    segments_[segment].for_each(visit);
  }

  /// As `hash_index::walk`.
  template <class Visit>
  std::uint64_t walk(std::uint64_t from, std::size_t budget, Visit&& visit) const {
    constexpr auto span = hash_index<Value>::end_of_walk;
    if (from >= end_of_walk)
      return end_of_walk;
    const auto segment = from / span;
    return segment * span + segments_[segment].walk(from % span, budget, visit);
  }

private:
  std::array<hash_index<Value>, segment_count> segments_;
  std::size_t size_ = 0;
};

} // namespace shunt::routing
