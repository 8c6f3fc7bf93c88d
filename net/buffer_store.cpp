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

block buffer_store::take(std::size_t bytes) {
  const auto size = std::max(bytes, block_bytes);
  budget_.take(size);
  if (size == block_bytes && !shelf_.empty()) {
    auto reused = std::move(shelf_.back());
    shelf_.pop_back();
    return reused;
  }
  return block{size};
}

void buffer_store::give_back(block&& used) noexcept {
  if (used.size() == 0)
    return;
  block freed = std::exchange(used, {});
  budget_.give_back(freed.size());
  if (freed.size() == block_bytes && shelf_.size() < kept_max) {
    if (shelf_.capacity() == 0)
      shelf_.reserve(kept_max);
    shelf_.push_back(std::move(freed));
  }
}

} // namespace shunt::net
