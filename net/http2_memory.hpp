// Where nghttp2 has the memory of one session. What it allocates once and keeps (the session itself, its tables,
// a buffer as large as the largest frame) lies in one block of whole pages: of the buffer, most connections
// never fill more than a head takes, and all of it can rest while the connection is idle.
#pragma once

#include "net/packed_block.hpp"

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace shunt::net {

/// Outlives its session. The thread of that session.
class http2_memory {
public:
  http2_memory() noexcept;
  http2_memory(const http2_memory&) = delete;
  http2_memory& operator=(const http2_memory&) = delete;
  ~http2_memory();

  /// For the session to be created with.
  nghttp2_mem* functions() noexcept { return &functions_; }
  /// Nobody may touch the session until `wake`.
  void rest() noexcept;
  void wake() noexcept { asleep_.unpack(); }

private:
  static void* take(std::size_t bytes, void* self);
  static void give_back(void* memory, void* self);
  static void* take_zeroed(std::size_t count, std::size_t bytes, void* self);
  static void* resize(void* memory, std::size_t bytes, void* self);

  void* place(std::size_t bytes) noexcept;
  bool owns(const void* memory) const noexcept;

  nghttp2_mem functions_;
  std::byte* block_; ///< Null when the system had no memory for it: all is on the heap then.
  std::size_t used_ = 0;
  packed_block asleep_;
};

} // namespace shunt::net
