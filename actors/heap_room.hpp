// Room to allocate in, asked for at once.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace shunt {

/// Before much is allocated that stays. glibc lets the heap of every thread but the first grow by a page at a time, each
/// with a system call and with the heap locked: taking over a table of 300 000 routes takes a quarter longer by it. What is
/// taken and given back at once stays with the heap. Its pages are asked for together, too (Linux 5.14): by its first use
/// each would be a fault.
inline void make_heap_room() noexcept {
  constexpr std::size_t bytes = 100 * 1024; // Below what is mapped by itself, and what is given back to the system.
  constexpr std::uintptr_t page = 4096;
  void* volatile room = std::malloc(bytes); // Or the compiler would leave out both.
  if (room == nullptr)
    return;
#ifdef MADV_POPULATE_WRITE
  const auto begin = (reinterpret_cast<std::uintptr_t>(room) + page - 1) & ~(page - 1);
  const auto end = (reinterpret_cast<std::uintptr_t>(room) + bytes) & ~(page - 1);
  ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_POPULATE_WRITE); // An older kernel does not know it.
#endif
  std::free(room);
}

} // namespace shunt
