// The values that a label of a metric has taken, each with a place of its own. Bounded, because
// whoever registers an app chooses them: what comes after the table is full, or is too long, shares
// one place, whose value is `_other`. A value that has a place keeps it. Threads neither lock nor
// wait for each other, and once a value is there nobody writes to the memory that leads to it.
//
// What a thread counts for each value stands in a `labelled`, one a thread: written by that thread
// alone, read by any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace shunt::net {

class label_table {
public:
  static constexpr std::string_view other_text = "_other";
  static constexpr std::size_t text_bytes_max = 256;

  explicit label_table(std::size_t labels_max);
  ~label_table();
  label_table(const label_table&) = delete;
  label_table& operator=(const label_table&) = delete;

  /// The place of `text`, made now if it has none and there is room; else `other()`. Allocates only
  /// then. Any thread.
  std::uint32_t place_of(std::string_view text);

  std::uint32_t other() const noexcept { return static_cast<std::uint32_t>(slot_count_); }
  /// Places are below this; not all are taken.
  std::size_t place_count() const noexcept { return slot_count_ + 1; }
  /// The value at a place; `_other` at `other()`. The place is taken.
  std::string_view text(std::uint32_t place) const noexcept;
  /// Places taken, without `other()`.
  std::size_t size() const noexcept { return taken_.load(std::memory_order_relaxed); }
  std::size_t labels_max() const noexcept { return labels_max_; }

private:
  struct label {
    std::uint64_t hash;
    std::string text;
  };
  using slot = std::atomic<const label*>;

  bool reserve() noexcept;
  std::uint32_t add(std::string_view text, std::uint64_t hash, std::size_t at);

  std::size_t labels_max_;
  std::size_t slot_count_; ///< A power of two, and a quarter of them at least stays unused.
  std::uint64_t seed_;
  std::unique_ptr<slot[]> slots_;
  alignas(64) std::atomic<std::size_t> taken_{0};
};

/// One `Cell` for each label value that its thread has met.
template <class Cell>
class labelled {
public:
  /// `labels` outlive this.
  explicit labelled(const label_table& labels)
    : labels_{labels}, cells_{std::make_unique<std::atomic<Cell*>[]>(labels.place_count())} {}
  labelled(const labelled&) = delete;
  labelled& operator=(const labelled&) = delete;
  ~labelled() {
    for (std::size_t i = 0; i < labels_.place_count(); ++i)
      delete cells_[i].load(std::memory_order_relaxed);
  }

  /// The cell of the value at `place`, made from `arguments` the first time. Writing thread.
  template <class... Arguments>
  Cell& at(std::uint32_t place, const Arguments&... arguments) {
    auto* known = cells_[place].load(std::memory_order_relaxed);
    return known != nullptr ? *known : make(place, arguments...);
  }

  /// `visit(std::string_view value, const Cell&)` for each, in no order. Any thread.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::uint32_t place = 0; place < labels_.place_count(); ++place)
      if (const auto* cell = cells_[place].load(std::memory_order_acquire))
        visit(labels_.text(place), *cell);
  }

private:
  template <class... Arguments>
  [[gnu::noinline]] Cell& make(std::uint32_t place, const Arguments&... arguments) {
    auto made = std::make_unique<Cell>(arguments...);
    cells_[place].store(made.get(), std::memory_order_release);
    return *made.release();
  }

  const label_table& labels_;
  std::unique_ptr<std::atomic<Cell*>[]> cells_;
};

} // namespace shunt::net
