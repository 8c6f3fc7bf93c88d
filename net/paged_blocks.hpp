// Blocks of one size, each beginning on a page of its own, so that one that is hardly used costs hardly
// more than a page. For what a library allocates in full and rarely fills. Any thread.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace shunt::net {

class paged_blocks {
public:
  /// For blocks of `block_bytes`, mapped `blocks_per_region` at a time.
  paged_blocks(std::size_t block_bytes, std::size_t blocks_per_region);
  /// Gives back all memory, blocks in use included.
  ~paged_blocks();
  paged_blocks(const paged_blocks&) = delete;
  paged_blocks& operator=(const paged_blocks&) = delete;

  std::size_t block_bytes() const noexcept { return block_bytes_; }
  /// With any content. Null when the system has no memory left.
  void* take() noexcept;
  void give_back(void* block) noexcept;
  /// Whether `memory` is one of its blocks.
  bool owns(const void* memory) const noexcept;

private:
  bool add_region() noexcept;

  std::size_t block_bytes_; ///< Whole pages.
  std::size_t region_bytes_;
  mutable std::mutex mutex_;
  std::vector<char*> regions_;
  std::vector<void*> free_; ///< The one used last on top: its pages are there already.
  char* unused_ = nullptr;  ///< In the newest region.
  char* unused_end_ = nullptr;
};

} // namespace shunt::net
