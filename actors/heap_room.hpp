// Room to allocate in, asked for at once.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace shunt {

/// Before much is allocated that stays. glibc lets the heap of every thread but the first grow by a page at a time, each
/// with a system call and with the heap locked: taking over a table of 300 000 routes takes a quarter longer by it. What is
/// taken and given back at once stays with the heap.
inline void make_heap_room() noexcept {
  constexpr std::size_t bytes = 100 * 1024; // Below what is mapped by itself, and what is given back to the system.
  void* volatile room = std::malloc(bytes); // Or the compiler would leave out both.
  std::free(room);
}

} // namespace shunt
