// Takes the place of the global operators of this program.
#include "tests/cluster/allocation_watch.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

thread_local std::size_t held = 0;
thread_local std::size_t peak = 0;

void* counted(void* memory) noexcept {
  held += malloc_usable_size(memory);
  peak = std::max(peak, held);
  return memory;
}

void forget(void* memory) noexcept {
  const auto bytes = memory == nullptr ? 0 : malloc_usable_size(memory);
  held -= std::min(held, bytes); // What another thread allocated was not counted here.
  std::free(memory);
}

} // namespace

void* operator new(std::size_t bytes) {
  if (void* memory = std::malloc(bytes))
    return counted(memory);
  throw std::bad_alloc{};
}
void* operator new[](std::size_t bytes) {
  return ::operator new(bytes);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  void* memory = std::malloc(bytes);
  return memory == nullptr ? nullptr : counted(memory);
}
void* operator new[](std::size_t bytes, const std::nothrow_t& quietly) noexcept {
  return ::operator new(bytes, quietly);
}
void operator delete(void* memory) noexcept {
  forget(memory);
}
void operator delete[](void* memory) noexcept {
  forget(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  forget(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  forget(memory);
}

namespace shunt::test {

allocation_watch::allocation_watch() : before_{held} {
  peak = held;
}

std::size_t allocation_watch::peak_bytes() const {
  return peak - before_;
}

} // namespace shunt::test
