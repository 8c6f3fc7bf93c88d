#include "net/task.hpp"

#include "net/sanitizer.hpp"

#include <array>
#include <new>

namespace shunt::net {

namespace {

constexpr std::size_t size_step = 64;
constexpr std::size_t class_count = 64;         // Frames up to 4 KiB are recycled.
constexpr std::size_t frames_kept_per_class = 256;

struct free_frame {
  free_frame* next;
};

/// What one thread keeps for reuse. Freed when the thread ends.
struct frame_cache {
  std::array<free_frame*, class_count> head{};
  std::array<std::size_t, class_count> count{};

  ~frame_cache() {
    for (auto* frame : head)
      while (frame != nullptr)
        ::operator delete(std::exchange(frame, frame->next));
  }
};

frame_cache& cache() {
  thread_local frame_cache instance;
  return instance;
}

std::size_t class_of(std::size_t bytes) {
  return (bytes + size_step - 1) / size_step - 1;
}

constexpr bool recycles = !under_address_sanitizer;

} // namespace

void* allocate_frame(std::size_t bytes) {
  const auto size_class = class_of(bytes);
  if (!recycles || size_class >= class_count)
    return ::operator new(bytes);
  auto& free = cache();
  if (auto* frame = free.head[size_class]) {
    free.head[size_class] = frame->next;
    --free.count[size_class];
    return frame;
  }
  return ::operator new((size_class + 1) * size_step);
}

void release_frame(void* memory, std::size_t bytes) noexcept {
  const auto size_class = class_of(bytes);
  auto& free = cache();
  if (!recycles || size_class >= class_count || free.count[size_class] >= frames_kept_per_class) {
    ::operator delete(memory);
    return;
  }
  free.head[size_class] = new (memory) free_frame{free.head[size_class]};
  ++free.count[size_class];
}

} // namespace shunt::net
