#include "net/buffer_store.hpp"

#include <utility>

namespace shunt::net {

std::vector<block>* buffer_store::shelf_of(std::size_t size) noexcept {
  if (size == small_bytes)
    return &small_;
  return size == large_bytes ? &large_ : nullptr;
}

block buffer_store::take(std::size_t bytes) {
  auto size = bytes;
  if (bytes <= small_bytes)
    size = small_bytes;
  else if (bytes <= large_bytes)
    size = large_bytes;
  budget_.take(size);
  if (auto* shelf = shelf_of(size); shelf != nullptr && !shelf->empty()) {
    auto reused = std::move(shelf->back());
    shelf->pop_back();
    return reused;
  }
  return {std::unique_ptr<char[]>{new char[size]}, size}; // Left uninitialised on purpose.
}

void buffer_store::give_back(block&& used) noexcept {
  if (used.size == 0)
    return;
  budget_.give_back(used.size);
  auto* shelf = shelf_of(used.size);
  if (shelf != nullptr && shelf->size() < kept_max) {
    if (shelf->capacity() == 0)
      shelf->reserve(kept_max);
    shelf->push_back(std::move(used));
  }
  used = {};
}

} // namespace shunt::net
