// Request ids: the form of a random UUID, and that they differ.
#include "net/request_id.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>

namespace shunt::net {
namespace {

constexpr std::string_view hex = "0123456789abcdef";

TEST(RequestIds, AreRandomUuidsInLowerCase) {
  request_ids ids;
  for (int i = 0; i < 10'000; ++i) {
    const auto id = ids.next();
    const auto text = view(id);
    ASSERT_EQ(text.size(), 36u);
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (at == 8 || at == 13 || at == 18 || at == 23)
        ASSERT_EQ(text[at], '-') << text;
      else
        ASSERT_NE(hex.find(text[at]), hex.npos) << text;
    }
    ASSERT_EQ(text[14], '4') << text;                                     // The version.
    ASSERT_NE(std::string_view{"89ab"}.find(text[19]), hex.npos) << text; // The variant.
  }
}

TEST(RequestIds, VaryInEveryPlaceThatIsNotFixed) {
  request_ids ids;
  std::array<std::set<char>, 36> seen;
  for (int i = 0; i < 2'000; ++i) {
    const auto id = ids.next();
    for (std::size_t at = 0; at < id.size(); ++at)
      seen[at].insert(id[at]);
  }
  for (std::size_t at = 0; at < seen.size(); ++at) {
    const bool fixed = at == 8 || at == 13 || at == 14 || at == 18 || at == 23;
    EXPECT_EQ(seen[at].size(), fixed ? 1u : at == 19 ? 4u : 16u) << "place " << at;
  }
}

TEST(RequestIds, DifferWithinAndBetweenGenerators) {
  std::set<std::string> seen;
  for (int generator = 0; generator < 4; ++generator) {
    request_ids ids;
    for (int i = 0; i < 5'000; ++i)
      EXPECT_TRUE(seen.emplace(view(ids.next())).second);
  }
}

TEST(RequestIds, HaveEveryBitSetAboutHalfTheTime) {
  request_ids ids;
  std::array<int, 64> set{};
  for (int i = 0; i < 4'096; ++i) {
    const auto bits = ids.random();
    for (std::size_t bit = 0; bit < 64; ++bit)
      set[bit] += static_cast<int>(bits >> bit & 1);
  }
  for (const auto count : set) { // Ten standard deviations to either side.
    EXPECT_GT(count, 2048 - 320);
    EXPECT_LT(count, 2048 + 320);
  }
}

} // namespace
} // namespace shunt::net
