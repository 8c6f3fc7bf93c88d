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

/// Frames of one size that a thread keeps for reuse.
struct frame_list {
  free_frame* head;
  std::size_t count;
};

/// Of one thread, by size class. Without constructor and destructor, so that no access has to ask whether it is there.
constinit thread_local std::array<frame_list, class_count> kept{};

/// Frees what its thread keeps when that ends. What is released even later, or by a thread that never allocated anew, is
/// kept in vain: some hundred frames at most.
struct thread_end {
  ~thread_end() {
    for (auto& [frame, count] : kept)
      while (frame != nullptr)
        ::operator delete(std::exchange(frame, frame->next));
  }
};

[[gnu::noinline]] void* allocate_anew(std::size_t size_class) {
  thread_local thread_end freed_then;
  static_cast<void>(&freed_then);
  return ::operator new((size_class + 1) * size_step);
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
  auto& list = kept[size_class];
  auto* const frame = list.head;
  if (frame == nullptr) [[unlikely]]
    return allocate_anew(size_class);
  list.head = frame->next;
  --list.count;
  return frame;
}

void release_frame(void* memory, std::size_t bytes) noexcept {
  const auto size_class = class_of(bytes);
  if (!recycles || size_class >= class_count || kept[size_class].count >= frames_kept_per_class) {
    ::operator delete(memory);
    return;
  }
  auto& list = kept[size_class];
  list.head = new (memory) free_frame{list.head};
  ++list.count;
}

} // namespace shunt::net
