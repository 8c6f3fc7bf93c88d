#include "net/tls_memory.hpp"

#include "net/paged_blocks.hpp"

#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>

namespace shunt::net {

namespace {

/// OpenSSL 3.0 to 3.4 take 6.5 to 7.6 KB for an SSL, and hardly anything else is of that size.
constexpr std::size_t session_bytes_min = 6 * 1024;
constexpr std::size_t session_bytes_max = 8 * 1024;
constexpr std::size_t blocks_per_region = 8 * 1024; ///< 64 MB of addresses.

/// Never destroyed: OpenSSL frees things until the process ends.
paged_blocks& blocks() {
  static auto* const made = new paged_blocks{session_bytes_max, blocks_per_region};
  return *made;
}

void* take(std::size_t bytes, const char*, int) {
  if (bytes >= session_bytes_min && bytes <= session_bytes_max)
    return blocks().take();
  return std::malloc(bytes);
}

void give_back(void* memory, const char*, int) {
  if (memory != nullptr && blocks().owns(memory))
    blocks().give_back(memory);
  else
    std::free(memory);
}

void* resize(void* memory, std::size_t bytes, const char* file, int line) {
  if (memory == nullptr)
    return take(bytes, file, line);
  if (!blocks().owns(memory))
    return std::realloc(memory, bytes);
  if (bytes <= session_bytes_max)
    return memory;
  void* const moved = std::malloc(bytes);
  if (moved == nullptr)
    return nullptr;
  std::memcpy(moved, memory, session_bytes_max);
  blocks().give_back(memory);
  return moved;
}

} // namespace

bool adopt_tls_memory() noexcept {
  return CRYPTO_set_mem_functions(take, resize, give_back) == 1;
}

std::span<std::byte> block_of(const SSL* session) noexcept {
  if (!blocks().owns(session))
    return {};
  return {const_cast<std::byte*>(reinterpret_cast<const std::byte*>(session)), session_bytes_max};
}

} // namespace shunt::net
