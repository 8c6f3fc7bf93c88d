// What replicas make of copies that are not in sync, and how much they say about it.
#include "tests/routing/replica_world.hpp"

#include <algorithm>
#include <set>
#include <string>
#include <variant>

namespace shunt::routing::testing {
namespace {

TEST_F(Replicas, LeaseAnewWhatAHolderInDoubtDidNotName) {
  make(1, 1);
  put(0, "a.com", 1);
  put(0, "a.com", 2);
  put(0, "*.b.com", 3);
  advance(interval + 1s);
  ASSERT_EQ(ask(1, "a.com"), "1,2");
  ASSERT_EQ(pool(1, "*.b.com"), "3");
  sever(0, 1);
  take(0, "a.com", 2);
  take(0, "*.b.com", 3);
  at(0).doubt(now);
  heal();
  EXPECT_FALSE(at(1).in_sync());
  EXPECT_EQ(pool(1, "a.com"), "1,2"); // Nobody can know.
  advance(interval + 1s);
  EXPECT_TRUE(at(1).in_sync());
  EXPECT_EQ(pool(1, "a.com"), "1");
  EXPECT_EQ(pool(1, "*.b.com"), "empty");
  put(0, "a.com", 4);
  EXPECT_EQ(pool(1, "a.com"), "1,4");
}

TEST_F(Replicas, DoNotRepairACopyThatIsTakingOverTheSlice) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  ASSERT_TRUE(at(0).in_sync());
  auto view = view_of(0);
  const auto asks = [&](bool in_sync) {
    view.others.at(0).in_sync = in_sync;
    at(0).see(view, now);
    bool asked = false;
    for (int round = 0; round < 3; ++round) {
      at(0).receive(2, slice_digest{77}, now);
      now += 500ms;
      at(0).tick(now);
      for (const auto& each : at(0).take_outgoing())
        asked = asked || std::holds_alternative<bucket_digests>(each.what);
    }
    return asked;
  };
  EXPECT_FALSE(asks(false));
  EXPECT_TRUE(asks(true));
}

TEST_F(Replicas, RepairACopyThatIsKeptUntilOthersAreInSync) {
  make(2);
  put_all("a.com", 1);
  advance(3s);
  nodes[1].holds = false; // Nobody is in sync, so it goes on holding, and counts for nobody.
  see_all();
  ASSERT_TRUE(at(1).holds());
  take(0, "a.com", 1);
  put(1, "b.com", 2);
  advance(3s);
  ASSERT_TRUE(at(1).holds());
  EXPECT_EQ(pool(1, "a.com"), "empty");
  EXPECT_EQ(pool(0, "b.com"), "2");
  EXPECT_EQ(digest(0), digest(1));
}

TEST_F(Replicas, CompareHostsInMessagesOfBoundedSize) {
  make(2);
  constexpr std::size_t hosts = 40'000;
  for (std::size_t i = 0; i < hosts; ++i)
    at(0).table().register_endpoint(heard(std::to_string(i) + ".com", make_endpoint(1)), now, wall_ns);
  (void)at(0).take_outgoing();
  std::set<std::uint64_t> told;
  std::size_t longest = 0;
  for (int round = 0; round < 4; ++round) {
    at(0).receive(2, bucket_digests{std::vector<std::uint64_t>(slice_history::bucket_count)}, now);
    for (const auto& each : at(0).take_outgoing())
      if (const auto* answer = std::get_if<host_digests>(&each.what)) {
        longest = std::max(longest, answer->hosts.size());
        for (const auto& host : answer->hosts)
          told.insert(host.host);
      }
  }
  EXPECT_LE(longest, 20'000u);
  EXPECT_EQ(told.size(), hosts); // All had their turn.
}

} // namespace
} // namespace shunt::routing::testing
