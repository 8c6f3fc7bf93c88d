#include "net/paged_blocks.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>

namespace shunt::net {
namespace {

TEST(PagedBlocks, BeginOnPagesAndDoNotOverlap) {
  paged_blocks blocks{5'000, 3};
  ASSERT_EQ(blocks.block_bytes(), 8'192u);
  std::set<void*> taken;
  for (int i = 0; i < 7; ++i) { // More than two regions.
    auto* block = blocks.take();
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 4096, 0u);
    EXPECT_TRUE(taken.insert(block).second);
    std::memset(block, i, blocks.block_bytes());
  }
  int expected = 0;
  for (auto* block : taken)
    expected += *static_cast<char*>(block);
  EXPECT_EQ(expected, 0 + 1 + 2 + 3 + 4 + 5 + 6) << "one overwrote another";
}

TEST(PagedBlocks, AreUsedAgainTheLatestFirst) {
  paged_blocks blocks{4'096, 4};
  auto* const first = blocks.take();
  auto* const second = blocks.take();
  blocks.give_back(first);
  blocks.give_back(second);
  EXPECT_EQ(blocks.take(), second);
  EXPECT_EQ(blocks.take(), first);
}

TEST(PagedBlocks, KnowTheirOwn) {
  paged_blocks blocks{4'096, 2};
  int elsewhere = 0;
  EXPECT_FALSE(blocks.owns(&elsewhere));
  auto* const block = blocks.take();
  EXPECT_TRUE(blocks.owns(block));
  blocks.give_back(block);
  EXPECT_FALSE(blocks.owns(nullptr));
}

} // namespace
} // namespace shunt::net
