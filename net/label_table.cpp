#include "net/label_table.hpp"

#include "routing/text_hash.hpp"

#include <algorithm>
#include <bit>
#include <random>

namespace shunt::net {

namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

} // namespace

label_table::label_table(std::size_t labels_max)
  : labels_max_{labels_max}, slot_count_{std::bit_ceil(labels_max + labels_max / 3 + 1)},
    seed_{random_seed()}, slots_{std::make_unique<slot[]>(slot_count_)} {}

label_table::~label_table() {
  for (std::size_t i = 0; i < slot_count_; ++i)
    delete slots_[i].load(std::memory_order_relaxed);
}

std::uint32_t label_table::place_of(std::string_view text) {
  const auto hash = routing::text_hash(text, seed_);
  for (std::size_t at = hash & (slot_count_ - 1);; at = (at + 1) & (slot_count_ - 1)) {
    const auto* there = slots_[at].load(std::memory_order_acquire);
    if (there == nullptr)
      return add(text, hash, at);
    if (there->hash == hash && there->text == text)
      return static_cast<std::uint32_t>(at);
  }
}

/// From the unused slot `at` on, unless another thread was faster.
std::uint32_t label_table::add(std::string_view text, std::uint64_t hash, std::size_t at) {
  if (text.size() > text_bytes_max || text == other_text || !reserve())
    return other();
  std::unique_ptr<const label> made{new label{hash, std::string{text}}};
  for (;; at = (at + 1) & (slot_count_ - 1)) {
    const label* there = nullptr;
    if (slots_[at].compare_exchange_strong(there, made.get(), std::memory_order_acq_rel)) {
      made.release();
      return static_cast<std::uint32_t>(at);
    }
    if (there->hash == hash && there->text == text) {
      taken_.fetch_sub(1, std::memory_order_relaxed);
      return static_cast<std::uint32_t>(at);
    }
  }
}

/// Whether there is room for one more, which is then taken. A full table is only read.
bool label_table::reserve() noexcept {
  auto taken = taken_.load(std::memory_order_relaxed);
  while (taken < labels_max_)
    if (taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed))
      return true;
  return false;
}

std::string_view label_table::text(std::uint32_t place) const noexcept {
  if (place == other())
    return other_text;
  const auto* there = slots_[place].load(std::memory_order_acquire);
  return there == nullptr ? std::string_view{} : std::string_view{there->text};
}

} // namespace shunt::net
