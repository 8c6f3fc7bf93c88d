#include "net/http2_memory.hpp"

#include "net/paged_blocks.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace shunt::net {

namespace {

constexpr std::size_t large_bytes_min = 16 * 1024;
constexpr std::size_t large_bytes_max = 20 * 1024;
constexpr std::size_t blocks_per_region = 3'000; ///< 60 MB of addresses.

/// Never destroyed: sessions of static lifetime may outlive anything.
paged_blocks& large_blocks() {
  static auto* const blocks = new paged_blocks{large_bytes_max, blocks_per_region};
  return *blocks;
}

/// What begins in the middle of a page, as nearly everything does, is known by that alone.
bool is_large(const void* memory) noexcept {
  return reinterpret_cast<std::uintptr_t>(memory) % 4096 == 0 && large_blocks().owns(memory);
}

void* take(std::size_t bytes, void*) {
  if (bytes >= large_bytes_min && bytes <= large_bytes_max)
    return large_blocks().take();
  return std::malloc(bytes);
}

void give_back(void* memory, void*) {
  if (is_large(memory))
    large_blocks().give_back(memory);
  else
    std::free(memory);
}

/// Zeroed. A large block that was used before would have to be touched for that, so there is none.
void* take_zeroed(std::size_t count, std::size_t bytes, void*) {
  return std::calloc(count, bytes);
}

void* resize(void* memory, std::size_t bytes, void* context) {
  if (memory == nullptr)
    return take(bytes, context);
  if (!is_large(memory))
    return std::realloc(memory, bytes);
  if (bytes <= large_bytes_max)
    return memory;
  void* const moved = std::malloc(bytes);
  if (moved == nullptr)
    return nullptr;
  std::memcpy(moved, memory, large_bytes_max);
  give_back(memory, context);
  return moved;
}

} // namespace

nghttp2_mem* http2_memory() noexcept {
  static nghttp2_mem memory{nullptr, take, give_back, take_zeroed, resize};
  return &memory;
}

} // namespace shunt::net
