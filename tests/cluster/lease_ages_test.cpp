// How old leases are.
#include "cluster/lease_ages.hpp"

#include <gtest/gtest.h>

namespace shunt::cluster {
namespace {

using namespace std::chrono_literals;

constexpr routing::time_point now{1h};

TEST(LeaseAges, AreThoseOfBorrowedShardsAlone) {
  lease_ages ages{2};
  EXPECT_EQ(ages.oldest(), std::nullopt);
  ages.borrowed(0, now - 2s, now);
  ages.borrowed(1, now - 3s, now);
  EXPECT_EQ(ages.oldest(), now - 3s);
  ages.held(1);
  EXPECT_EQ(ages.oldest(), now - 2s);
  ages.held(0);
  EXPECT_EQ(ages.oldest(), std::nullopt);
}

TEST(LeaseAges, GrowWhileThereIsNoLender) {
  lease_ages ages{1};
  ages.borrowed(0, std::nullopt, now);
  EXPECT_EQ(ages.oldest(), now) << "it may have been borrowed just now";
  ages.borrowed(0, now + 1s, now + 1s);
  ages.borrowed(0, std::nullopt, now + 9s);
  EXPECT_EQ(ages.oldest(), now + 1s);
  ages.borrowed(0, now + 10s, now + 10s); // Another one.
  EXPECT_EQ(ages.oldest(), now + 10s);
}

} // namespace
} // namespace shunt::cluster
