#include "net/paged_blocks.hpp"

#include "net/sanitizer.hpp"

#ifdef SHUNT_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace shunt::net {

namespace {

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

constexpr std::size_t warm_blocks_max = 256; ///< Free ones that keep their pages.

} // namespace

paged_blocks::paged_blocks(std::size_t block_bytes, std::size_t blocks_per_region)
  : block_bytes_{whole_pages(block_bytes)}, region_bytes_{block_bytes_ * blocks_per_region} {}

paged_blocks::~paged_blocks() {
  for (auto* region : regions_) {
#ifdef SHUNT_ADDRESS_SANITIZER
    __lsan_unregister_root_region(region, region_bytes_);
#endif
    munmap(region, region_bytes_);
  }
}

void* paged_blocks::take() noexcept {
  const std::lock_guard lock{mutex_};
  if (!free_.empty()) {
    auto* block = free_.back();
    free_.pop_back();
    return block;
  }
  if (unused_ == unused_end_ && !add_region())
    return nullptr;
  auto* block = unused_;
  unused_ += block_bytes_;
  return block;
}

void paged_blocks::give_back(void* block) noexcept {
  const std::lock_guard lock{mutex_};
  if (free_.size() >= warm_blocks_max) // After a burst the rest goes back to the system.
    madvise(block, block_bytes_, MADV_DONTNEED);
  free_.push_back(block); // There is room: see `add_region`.
}

bool paged_blocks::owns(const void* memory) const noexcept {
  // What begins in the middle of a page, as nearly everything does, is known by that alone.
  if (reinterpret_cast<std::uintptr_t>(memory) % page_bytes() != 0)
    return false;
  const std::lock_guard lock{mutex_};
  return std::any_of(regions_.begin(), regions_.end(), [&](const char* region) {
    return memory >= region && memory < region + region_bytes_;
  });
}

bool paged_blocks::add_region() noexcept {
  try {
    regions_.reserve(regions_.size() + 1);
    free_.reserve((regions_.size() + 1) * (region_bytes_ / block_bytes_));
  } catch (...) {
    return false;
  }
  // Costs nothing until it is touched.
  auto* mapped =
    mmap(nullptr, region_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    return false;
  madvise(mapped, region_bytes_, MADV_NOHUGEPAGE); // Which would touch it all at once.
#ifdef SHUNT_ADDRESS_SANITIZER
  __lsan_register_root_region(mapped, region_bytes_); // What is held by what lies there is no leak.
#endif
  unused_ = static_cast<char*>(mapped);
  unused_end_ = unused_ + region_bytes_;
  regions_.push_back(unused_);
  return true;
}

} // namespace shunt::net
