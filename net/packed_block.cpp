#include "net/packed_block.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace shunt::net {

namespace {

constexpr std::size_t page_words = 4096 / sizeof(std::uint64_t);

std::span<std::uint64_t> words_of(std::span<std::byte> block) {
  return {reinterpret_cast<std::uint64_t*>(block.data()), block.size() / sizeof(std::uint64_t)};
}

/// Calls `use(first, count)` for each run of words that are not zero.
template <class Use>
void for_each_run(std::span<const std::uint64_t> words, Use use) {
  const auto is_zero = [](std::uint64_t word) { return word == 0; };
  for (auto at = words.begin();;) {
    at = std::find_if_not(at, words.end(), is_zero);
    if (at == words.end())
      return;
    const auto end = std::find_if(at, words.end(), is_zero);
    use(static_cast<std::size_t>(at - words.begin()), static_cast<std::size_t>(end - at));
    at = end;
  }
}

} // namespace

void packed_block::pack(std::span<std::byte> block) noexcept {
  if (holds())
    return;
  const auto words = words_of(block);
  std::size_t needed = 1; // Ends with a run of no words.
  for_each_run(words, [&](std::size_t, std::size_t count) { needed += 1 + count; });
  if (needed + page_words > words.size())
    return;
  words_.reset(new (std::nothrow) std::uint64_t[needed]);
  if (!words_)
    return;
  auto* out = words_.get();
  for_each_run(words, [&](std::size_t first, std::size_t count) {
    *out++ = std::uint64_t{first} << 32 | count;
    out = std::copy_n(words.begin() + static_cast<std::ptrdiff_t>(first), count, out);
  });
  *out = 0;
  if (madvise(block.data(), block.size(), MADV_DONTNEED) != 0) { // Then it still holds everything.
    words_.reset();
    return;
  }
  block_ = block;
}

void packed_block::unpack() noexcept {
  if (!holds())
    return;
  const auto words = words_of(block_); // All zero: their pages are new.
  for (const auto* in = words_.get(); *in != 0;) {
    const auto first = static_cast<std::size_t>(*in >> 32);
    const auto count = static_cast<std::size_t>(*in & 0xffffffffu);
    std::copy_n(++in, count, words.begin() + static_cast<std::ptrdiff_t>(first));
    in += count;
  }
  words_.reset();
}

} // namespace shunt::net
