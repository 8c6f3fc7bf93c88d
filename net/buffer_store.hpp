// Blocks of memory for reading into, kept for reuse. A block belongs to a connection only while
// bytes are on their way: an idle connection holds none. The budget is the process's: over it,
// connections are refused before memory runs out.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace shunt::net {

/// How many bytes of buffers the process has handed out, and may. Any thread.
class buffer_budget {
public:
  explicit buffer_budget(std::size_t bytes_max) : bytes_max_{bytes_max} {}
  void take(std::size_t bytes) noexcept { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void give_back(std::size_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  /// Whether new work should be refused.
  bool exhausted() const noexcept { return used() >= bytes_max_.load(std::memory_order_relaxed); }
  void set_bytes_max(std::size_t bytes_max) noexcept { bytes_max_.store(bytes_max, std::memory_order_relaxed); }

private:
  std::atomic<std::size_t> bytes_max_;
  std::atomic<std::size_t> used_{0};
};

/// Pages of its own, not a piece of the heap: a heap that once held ten thousand buffers between
/// what stays would never give their pages back.
class block {
public:
  block() = default;
  /// Throws std::bad_alloc.
  explicit block(std::size_t bytes);
  block(block&& other) noexcept { *this = std::move(other); }
  block& operator=(block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~block();

  char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The blocks of one loop. Its thread only.
class buffer_store {
public:
  /// A head and a small body.
  static constexpr std::size_t block_bytes = 16 * 1024;
  /// For bodies that come faster than blocks can be emptied: a quarter of the system calls.
  static constexpr std::size_t stream_bytes = 64 * 1024;

  explicit buffer_store(buffer_budget& budget) : budget_{budget} {}

  /// A block of at least `bytes`, and never less than `block_bytes`.
  block take(std::size_t bytes);
  void give_back(block&& used) noexcept;
  buffer_budget& budget() noexcept { return budget_; }

private:
  /// Blocks of one size, the one used last on top: it may still be in the core's cache.
  struct shelf {
    std::size_t block_bytes;
    std::size_t kept_max;
    std::vector<block> blocks{};
  };
  shelf* shelf_of(std::size_t bytes) noexcept;

  buffer_budget& budget_;
  std::array<shelf, 2> shelves_{{{block_bytes, 256}, {stream_bytes, 32}}};
};

} // namespace shunt::net
