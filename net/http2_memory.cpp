#include "net/http2_memory.hpp"

#include "net/paged_blocks.hpp"
#include "net/task.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace shunt::net {

namespace {

/// The session, its table of streams, those of the header compression, and the buffer for frames: 26 KB.
constexpr std::size_t block_bytes = 28 * 1024;
/// What is smaller belongs to streams and headers, which come and go.
constexpr std::size_t placed_bytes_min = 1000;
constexpr std::size_t blocks_per_region = 2'048; ///< 56 MB of addresses.

/// Never destroyed: sessions of static lifetime may outlive anything.
paged_blocks& blocks() {
  static auto* const made = new paged_blocks{block_bytes, blocks_per_region};
  return *made;
}

constexpr std::size_t bytes_max = std::size_t{1} << 30; ///< Nothing that limits allow comes near it.

/// In front of what is not placed: nghttp2 does not say how much it gives back.
struct alignas(std::max_align_t) piece {
  std::size_t bytes; ///< With this.
};

std::size_t piece_bytes(void* memory) noexcept {
  return (static_cast<piece*>(memory) - 1)->bytes - sizeof(piece);
}

/// What belongs to a stream comes and goes with a request, as coroutines do.
void* take_piece(std::size_t bytes) noexcept try {
  if (bytes > bytes_max)
    return nullptr;
  auto* const taken = new (allocate_frame(bytes + sizeof(piece))) piece{bytes + sizeof(piece)};
  return taken + 1;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void release_piece(void* memory) noexcept {
  auto* const taken = static_cast<piece*>(memory) - 1;
  release_frame(taken, taken->bytes);
}

} // namespace

http2_memory::http2_memory() noexcept
  : functions_{this, take, give_back, take_zeroed, resize}, block_{static_cast<std::byte*>(blocks().take())} {}

http2_memory::~http2_memory() {
  wake();
  if (block_ != nullptr)
    blocks().give_back(block_);
}

void http2_memory::rest() noexcept {
  if (block_ != nullptr)
    asleep_.pack({block_, block_bytes});
}

bool http2_memory::owns(const void* memory) const noexcept {
  return block_ != nullptr && memory >= block_ && memory < block_ + block_bytes;
}

/// One after the other, and used once. Null when it does not belong here or there is no room.
void* http2_memory::place(std::size_t bytes) noexcept {
  if (block_ == nullptr || bytes < placed_bytes_min || bytes > block_bytes - used_)
    return nullptr;
  auto* const placed = block_ + used_;
  constexpr auto step = alignof(std::max_align_t);
  used_ = std::min(block_bytes, used_ + (bytes + step - 1) / step * step);
  return placed;
}

void* http2_memory::take(std::size_t bytes, void* self) {
  auto* const placed = static_cast<http2_memory*>(self)->place(bytes);
  return placed != nullptr ? placed : take_piece(bytes);
}

void http2_memory::give_back(void* memory, void* self) {
  if (memory != nullptr && !static_cast<http2_memory*>(self)->owns(memory))
    release_piece(memory);
}

void* http2_memory::take_zeroed(std::size_t count, std::size_t bytes, void* self) {
  if (bytes != 0 && count > bytes_max / bytes)
    return nullptr;
  auto* const taken = take(count * bytes, self);
  return taken == nullptr ? nullptr : std::memset(taken, 0, count * bytes);
}

void* http2_memory::resize(void* memory, std::size_t bytes, void* self) {
  if (memory == nullptr) // As the buffer for frames is taken.
    return take(bytes, self);
  const auto& here = *static_cast<http2_memory*>(self);
  // How much was placed, nobody noted: no more than there is up to the end.
  const auto held = here.owns(memory)
                      ? static_cast<std::size_t>(here.block_ + block_bytes - static_cast<std::byte*>(memory))
                      : piece_bytes(memory);
  void* const moved = take_piece(bytes);
  if (moved == nullptr)
    return nullptr;
  std::memcpy(moved, memory, std::min(bytes, held));
  give_back(memory, self);
  return moved;
}

} // namespace shunt::net
