// Blocks of memory: their sizes, their reuse, and the budget that they count against.
#include "net/buffer_store.hpp"

#include <gtest/gtest.h>

#include <set>
#include <utility>
#include <vector>

namespace shunt::net {
namespace {

class BufferStore : public ::testing::Test {
protected:
  static constexpr auto usual = buffer_store::block_bytes;

  buffer_budget budget{1024 * 1024};
  buffer_store store{budget};
};

TEST_F(BufferStore, HandsOutTheUsualSizeOrWhatIsAskedFor) {
  const std::pair<std::size_t, std::size_t> sizes[] = {
    {0, usual},        {1, usual}, {usual - 1, usual}, {usual, usual}, {usual + 1, usual + 1},
    {200'000, 200'000}};
  for (const auto& [wanted, size] : sizes) {
    auto taken = store.take(wanted);
    ASSERT_EQ(taken.size(), size) << wanted;
    taken.data()[0] = taken.data()[size - 1] = 'x'; // All of it is there.
    store.give_back(std::move(taken));
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST_F(BufferStore, CountsAgainstTheBudgetWhatIsHandedOut) {
  auto first = store.take(1);
  auto odd = store.take(100'000);
  EXPECT_EQ(budget.used(), usual + 100'000);
  store.give_back(std::move(first));
  EXPECT_EQ(budget.used(), 100'000u);
  store.give_back(std::move(odd));
  EXPECT_EQ(budget.used(), 0u);
}

TEST_F(BufferStore, GivesTheLatestBlockOutFirst) {
  auto first = store.take(usual);
  auto second = store.take(usual);
  const auto* latest = second.data();
  store.give_back(std::move(first));
  store.give_back(std::move(second));
  auto again = store.take(usual);
  EXPECT_EQ(again.data(), latest); // Still warm in the cache.
  EXPECT_EQ(again.size(), usual);
  store.give_back(std::move(again));
}

TEST_F(BufferStore, KeepsNoUnusualSizes) {
  store.give_back(store.take(usual + 1));
  auto taken = store.take(usual);
  EXPECT_EQ(taken.size(), usual);
  store.give_back(std::move(taken));
  auto large = store.take(usual + 1);
  EXPECT_EQ(large.size(), usual + 1);
  store.give_back(std::move(large));
}

TEST_F(BufferStore, TakesTheBlockFromWhoGivesItBack) {
  auto taken = store.take(1);
  store.give_back(std::move(taken));
  EXPECT_EQ(taken.size(), 0u);
  EXPECT_EQ(taken.data(), nullptr);
  store.give_back(std::move(taken)); // Nothing twice.
  EXPECT_EQ(budget.used(), 0u);
  auto a = store.take(1);
  auto b = store.take(1);
  EXPECT_NE(a.data(), b.data());
  store.give_back(std::move(a));
  store.give_back(std::move(b));
}

TEST_F(BufferStore, SurvivesMoreThanItKeeps) {
  constexpr std::size_t count = 600;
  for (int turn = 0; turn < 2; ++turn) {
    std::vector<block> taken;
    std::set<const char*> different;
    for (std::size_t i = 0; i < count; ++i) {
      taken.push_back(store.take(usual));
      different.insert(taken.back().data());
    }
    EXPECT_EQ(different.size(), count);
    EXPECT_EQ(budget.used(), count * usual);
    for (auto& each : taken)
      store.give_back(std::move(each));
    EXPECT_EQ(budget.used(), 0u);
  }
}

TEST_F(BufferStore, SharesItsBudgetWithOtherLoops) {
  buffer_store other{budget};
  auto here = store.take(usual);
  auto there = other.take(usual);
  EXPECT_EQ(budget.used(), 2 * usual);
  other.give_back(std::move(here)); // A block may end up with another loop's store.
  store.give_back(std::move(there));
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Block, MovesItsMemory) {
  block first{5'000};
  first.data()[4'999] = 'x';
  const auto* where = first.data();
  block second{std::move(first)};
  EXPECT_EQ(second.data(), where);
  EXPECT_EQ(second.size(), 5'000u);
  EXPECT_EQ(first.size(), 0u);
  EXPECT_EQ(first.data(), nullptr);
  block third;
  third = std::move(second);
  EXPECT_EQ(third.data()[4'999], 'x');
}

TEST(BufferBudget, IsExhaustedAtItsLimitAndNotBefore) {
  buffer_budget budget{100};
  EXPECT_FALSE(budget.exhausted());
  budget.take(99);
  EXPECT_FALSE(budget.exhausted());
  budget.take(1);
  EXPECT_TRUE(budget.exhausted());
  budget.give_back(1);
  EXPECT_FALSE(budget.exhausted());
  EXPECT_EQ(budget.used(), 99u);
}

TEST(BufferBudget, HandsOutEvenWhenExhausted) { // What has begun is finished.
  buffer_budget budget{1};
  buffer_store store{budget};
  auto first = store.take(1);
  EXPECT_TRUE(budget.exhausted());
  auto second = store.take(1);
  EXPECT_NE(second.data(), nullptr);
  store.give_back(std::move(first));
  store.give_back(std::move(second));
}

TEST(BufferBudget, ChargesNothingForABlockThatThereIsNoMemoryFor) {
  buffer_budget budget{1};
  buffer_store store{budget};
  EXPECT_THROW(store.take(std::size_t{1} << 62), std::bad_alloc);
  EXPECT_EQ(budget.used(), 0u);
}

} // namespace
} // namespace shunt::net
