#include "net/buffer_store.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace shunt::net {

block::block(std::size_t bytes) : size_{bytes} {
  void* pages =
    ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    throw std::bad_alloc{};
  data_ = static_cast<char*>(pages);
}

block::~block() {
  if (data_ != nullptr)
    ::munmap(data_, size_);
}

buffer_store::shelf* buffer_store::shelf_of(std::size_t bytes) noexcept {
  for (auto& each : shelves_)
    if (each.block_bytes == bytes)
      return &each;
  return nullptr;
}

block buffer_store::take(std::size_t bytes) {
  const auto size = std::max(bytes, block_bytes);
  block taken;
  if (auto* from = shelf_of(size); from != nullptr && !from->blocks.empty()) {
    taken = std::move(from->blocks.back());
    from->blocks.pop_back();
  } else {
    taken = block{size};
  }
  budget_.take(size); // Only now: there may be no memory.
  return taken;
}

void buffer_store::give_back(block&& used) noexcept {
  if (used.size() == 0)
    return;
  block freed = std::exchange(used, {});
  budget_.give_back(freed.size());
  auto* home = shelf_of(freed.size());
  if (home != nullptr && home->blocks.size() < home->kept_max) {
    if (home->blocks.capacity() == 0)
      home->blocks.reserve(home->kept_max);
    home->blocks.push_back(std::move(freed));
  }
}

} // namespace shunt::net
