// How much is said to one peer at a time.
#include "routing/peer_pace.hpp"

#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

using namespace testing;

constexpr peer_id peer = 2, other_peer = 3;

replica_message large_answer() {
  told_host host{.host = "a.com"};
  host.paths.emplace_back().members.resize(10'000);
  return slice_told{{host}, true};
}

TEST(PeerPace, LetsNobodyWaitWhoAsksForLittle) {
  peer_pace pace;
  auto now = start;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(pace.is_enough(peer, now += 1ms));
    pace.said(peer, slice_digest{}, now);
  }
}

TEST(PeerPace, LetsWhoAsksForMuchWaitForAMoment) {
  peer_pace pace;
  pace.said(peer, large_answer(), start);
  EXPECT_TRUE(pace.is_enough(peer, start));
  EXPECT_FALSE(pace.is_enough(other_peer, start));
  EXPECT_TRUE(pace.is_enough(peer, start + peer_pace::window - 1ns));
  EXPECT_FALSE(pace.is_enough(peer, start + peer_pace::window));
  pace.said(peer, large_answer(), start + 1h);
  pace.forget(peer);
  EXPECT_FALSE(pace.is_enough(peer, start + 1h));
}

TEST(PeerPace, WeighsWhatMayBeLarge) {
  EXPECT_GT(weight_of(large_answer()), 10'000u * 100);
  EXPECT_GT(weight_of(known_hosts{std::string(5000, 'x')}), 5000u);
  EXPECT_GT(weight_of(host_digests{{}, std::vector<host_digest>(1000)}), 16'000u);
  EXPECT_GT(weight_of(bucket_digests{std::vector<std::uint64_t>(1000)}), 8'000u);
  EXPECT_GT(weight_of(lease_changed{.appeared = std::vector<std::uint64_t>(1000)}), 8'000u);
  EXPECT_GT(weight_of(ages_told{.ages = std::vector<nanoseconds>(1000)}), 8'000u);
  EXPECT_LT(weight_of(lease_end{}), 1000u);
}

} // namespace
} // namespace shunt::routing
