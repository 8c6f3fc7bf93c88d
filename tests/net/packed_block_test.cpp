#include "net/packed_block.hpp"

#include "net/paged_blocks.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <vector>

namespace shunt::net {
namespace {

constexpr std::size_t size = 3 * 4096;

class PackedBlock : public testing::Test {
protected:
  PackedBlock() { std::fill(block.begin(), block.end(), std::byte{0}); }

  std::size_t resident_pages() const {
    std::array<unsigned char, size / 4096> pages{};
    EXPECT_EQ(mincore(block.data(), size, pages.data()), 0);
    return static_cast<std::size_t>(std::count_if(pages.begin(), pages.end(), [](auto p) { return (p & 1) != 0; }));
  }

  paged_blocks store{size, 4};
  std::span<std::byte> block{static_cast<std::byte*>(store.take()), size};
  packed_block packed;
};

TEST_F(PackedBlock, IsPutBackAsItWas) {
  std::minstd_rand random{7};
  for (int round = 0; round < 50; ++round) {
    std::fill(block.begin(), block.end(), std::byte{0});
    for (int runs = round % 12; runs >= 0; --runs) {
      const auto first = random() % size;
      const auto count = std::min<std::size_t>(random() % 200, size - first);
      for (std::size_t i = 0; i < count; ++i)
        block[first + i] = static_cast<std::byte>(random() % 3);
    }
    const std::vector<std::byte> before{block.begin(), block.end()};
    packed.pack(block);
    ASSERT_TRUE(packed.holds());
    packed.unpack();
    ASSERT_FALSE(packed.holds());
    ASSERT_TRUE(std::equal(block.begin(), block.end(), before.begin())) << "round " << round;
  }
}

TEST_F(PackedBlock, GivesItsPagesBack) {
  block[0] = block[5000] = block[size - 1] = std::byte{1};
  ASSERT_EQ(resident_pages(), 3u);
  packed.pack(block);
  EXPECT_EQ(resident_pages(), 0u);
  packed.unpack();
  EXPECT_EQ(resident_pages(), 3u);
}

TEST_F(PackedBlock, LeavesAloneWhatWouldNotSaveAPage) {
  std::fill(block.begin(), block.end() - 4096, std::byte{9});
  packed.pack(block);
  EXPECT_FALSE(packed.holds());
  EXPECT_EQ(block[0], std::byte{9});
}

TEST_F(PackedBlock, PacksTwiceNoMoreThanOnce) {
  block[17] = std::byte{4};
  packed.pack(block);
  packed.pack(block); // Which is all zeros now.
  packed.unpack();
  packed.unpack();
  EXPECT_EQ(block[17], std::byte{4});
}

} // namespace
} // namespace shunt::net
