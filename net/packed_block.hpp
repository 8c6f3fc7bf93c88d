// A block of memory at rest. Libraries keep a connection's state in structures made for its busiest moment;
// of a connection on which nothing happens they are mostly zeros. Such a block is copied without its zeros, its
// pages go back to the system, and before anybody touches it again everything is put back where it was, so
// that pointers into it and out of it stay good. One thread at a time, the connection's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace shunt::net {

class packed_block {
public:
  /// Packs `block`, whole pages that nothing else lives on, which nobody may touch until `unpack`. Does
  /// nothing if that would not save a page, or there is no memory to pack it into.
  void pack(std::span<std::byte> block) noexcept;
  /// Puts everything back.
  void unpack() noexcept;
  bool holds() const noexcept { return words_ != nullptr; }

private:
  std::unique_ptr<std::uint64_t[]> words_; ///< Runs of what is not zero: place and length in words, then the words.
  std::span<std::byte> block_;
};

} // namespace shunt::net
