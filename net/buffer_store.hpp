// Blocks of memory for reading into, kept for reuse. A block belongs to a connection only while
// bytes are on their way: an idle connection holds none. The budget is the process's: over it,
// connections are refused before memory runs out.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
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
  bool exhausted() const noexcept { return used() >= bytes_max_; }

private:
  std::size_t bytes_max_;
  std::atomic<std::size_t> used_{0};
};

struct block {
  std::unique_ptr<char[]> data;
  std::size_t size = 0;
};

/// The blocks of one loop. Its thread only.
class buffer_store {
public:
  static constexpr std::size_t small_bytes = 16 * 1024; ///< A head and a small body.
  static constexpr std::size_t large_bytes = 64 * 1024; ///< For bodies that are streamed.

  explicit buffer_store(buffer_budget& budget) : budget_{budget} {}

  /// A block of at least `bytes`.
  block take(std::size_t bytes);
  void give_back(block&& used) noexcept;
  buffer_budget& budget() noexcept { return budget_; }

private:
  static constexpr std::size_t kept_max = 64;

  std::vector<block>* shelf_of(std::size_t size) noexcept;

  buffer_budget& budget_;
  std::vector<block> small_;
  std::vector<block> large_;
};

} // namespace shunt::net
