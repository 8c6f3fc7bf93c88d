// What replicas make of copies that are not in sync, and how much they say about it.
#include "tests/routing/replica_world.hpp"

#include <algorithm>
#include <functional>
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

TEST_F(Replicas, AskAnotherHolderWhileTheyAreBehindWhatNatsSaid) {
  make(2);
  advance(interval + 1s);
  put(0, "a.com", 1); // The other one stood still, and has not read it yet.
  ASSERT_TRUE(at(1).in_sync());
  at(1).note_standstills(1, false);
  EXPECT_FALSE(at(1).in_sync());
  EXPECT_TRUE(at(1).holds_in_sync() && at(1).has_caught_up()) << "peers need not know: it is over at once";
  EXPECT_EQ(ask(1, "a.com"), "1");
  EXPECT_EQ(ask(1, "b.com"), "gone");
  EXPECT_FALSE(at(1).in_sync());
  at(1).note_standstills(1, true);
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, ProveNothingToOthersWhileTheyAreBehindWhatNatsSaid) {
  make(1);
  advance(interval + 1s);
  ASSERT_TRUE(at(0).in_sync());
  at(0).note_standstills(1, false);
  add(true, {});
  see_all();
  advance(3s);
  EXPECT_FALSE(at(1).in_sync());
  at(0).note_standstills(1, true);
  advance(3s);
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, TellBorrowersThatTheyAreBehindWhatNatsSaid) {
  make(1, 1);
  advance(interval + 1s);
  ASSERT_TRUE(at(1).in_sync());
  at(0).note_standstills(1, false);
  run();
  EXPECT_FALSE(at(1).in_sync());
  EXPECT_EQ(ask(1, "a.com"), "gone"); // It may not be said that it is.
  EXPECT_FALSE(at(1).in_sync());
  at(0).note_standstills(1, true);
  run();
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, DenyNothingAfterTheyStoodStillBeforeTheirHolderHasSpoken) {
  make(1, 1);
  advance(interval + 1s);
  at(0).table().register_endpoint(heard("a.com", make_endpoint(1)), now, wall_ns);
  at(0).applied(now);
  (void)at(0).take_changes(now); // Its push waits.
  ASSERT_TRUE(at(1).in_sync());
  at(1).note_standstills(1, true);
  EXPECT_FALSE(at(1).in_sync());
  EXPECT_FALSE(at(1).want("a.com", now)) << "denied by a filter of before";
  run();
  EXPECT_TRUE(at(1).in_sync());
  EXPECT_EQ(pool(1, "a.com"), "1");
}

TEST_F(Replicas, CountOnlyTheWordOfTheirHolderThatWasAskedForAfterTheLastPause) {
  make(1, 1);
  advance(interval + 1s);
  at(1).note_standstills(1, true);
  const auto first = at(1).take_outgoing();
  at(1).note_standstills(2, true);
  for (const auto& each : first)
    at(0).receive(2, each.what, now);
  for (const auto& each : at(0).take_outgoing())
    at(1).receive(1, each.what, now);
  EXPECT_FALSE(at(1).in_sync());
  run();
  EXPECT_TRUE(at(1).in_sync());
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

TEST_F(Replicas, TellOneWhoPullsNoMoreTogetherThanAnyRepairAsksFor) {
  make(1);
  constexpr std::size_t more = shard_replica::pulled_together + 50;
  slice_pull all;
  for (std::size_t n = 0; n < more; ++n) {
    const auto host = "h" + std::to_string(n) + ".com";
    put(0, host, 1);
    all.hosts.push_back(host_hash(host));
  }
  const auto told_for = [&](const slice_pull& asked) {
    at(0).receive(2, asked, now);
    const auto said = at(0).take_outgoing();
    const auto* told = said.size() == 1 ? std::get_if<slice_told>(&said[0].what) : nullptr;
    return told != nullptr && told->last ? told->hosts.size() : 0;
  };
  EXPECT_EQ(told_for(all), shard_replica::pulled_together);
  all.hosts.resize(shard_replica::pulled_together);
  EXPECT_EQ(told_for(all), shard_replica::pulled_together);
}

// -- Nobody hears NATS, and a node starts anew.

TEST_F(Replicas, AskEachOtherHolderInTurnWhileNobodyIsInSync) {
  make(3);
  put(2, "a.com", 7); // The others have not heard it, or forgot it.
  for (std::size_t i = 0; i < nodes.size(); ++i)
    at(i).nats(false, false, now);
  EXPECT_EQ(pool(0, "a.com"), "gone");
  EXPECT_EQ(ask(0, "a.com"), "7");
  EXPECT_EQ(ask(0, "nobody.com"), "gone"); // All were asked, and none knows.
  EXPECT_FALSE(at(0).in_sync());
}

TEST_F(Replicas, WaitForNoneWhoFellSilent) {
  make(3);
  put(2, "a.com", 7);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    at(i).nats(false, false, now);
  EXPECT_FALSE(at(0).want("a.com", now));
  (void)at(0).take_outgoing(); // Lost on its way to node 1, which stands still.
  auto without = view_of(0);
  std::erase_if(without.others, [](const auto& each) { return each.peer == 2; });
  at(0).see(without, now);
  run();
  EXPECT_EQ(answered.erase({0, "a.com"}), 1u);
  EXPECT_EQ(pool(0, "a.com"), "7");
}

TEST_F(Replicas, AreSureAgainSoonAfterNatsWasAwayFromAllOfThem) {
  returned_after = 2s;
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  const auto tell_all = [this](bool connected) {
    for (std::size_t i = 0; i < nodes.size(); ++i)
      at(i).nats(connected, false, now);
  };
  for (const auto away : {1s, 30s}) {
    ASSERT_TRUE(at(0).in_sync() && at(1).in_sync());
    tell_all(false);
    advance(away);
    tell_all(true);
    advance(500ms);
    tell_all(false); // Again, before they were sure.
    tell_all(true);
    advance(returned_after - 250ms);
    EXPECT_FALSE(at(0).in_sync() || at(1).in_sync());
    advance(250ms);
    EXPECT_TRUE(at(0).in_sync() && at(1).in_sync());
  }
}

TEST_F(Replicas, AreNotSureSoonWhileOneIsAwayThatMayHaveHeardMore) {
  returned_after = 2s;
  keep_their_places = true;
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  ASSERT_TRUE(at(0).in_sync() && at(1).in_sync());
  at(0).nats(false, false, now);
  sever(0, 1);
  put(1, "b.com", 2);
  at(0).nats(true, false, now);
  advance(returned_after + 1s);
  EXPECT_FALSE(at(0).in_sync()) << "it would deny b.com";
  heal();
  advance(2s);
  EXPECT_TRUE(at(0).in_sync());
  EXPECT_EQ(pool(0, "b.com"), "2");
}

TEST_F(Replicas, AreSureWhenOneInSyncHasProvenIt) {
  returned_after = 2s;
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  at(0).nats(false, false, now);
  put(1, "b.com", 2);
  at(0).nats(true, false, now);
  advance(returned_after - 250ms);
  EXPECT_TRUE(at(0).in_sync());
  EXPECT_EQ(pool(0, "b.com"), "2");
}

TEST_F(Replicas, HearEverybodyFirstWhoeverWasNeverSure) {
  returned_after = 2s;
  make(2);
  for (const bool connected : {false, true})
    for (std::size_t i = 0; i < nodes.size(); ++i)
      at(i).nats(connected, false, now);
  advance(interval - 250ms);
  EXPECT_FALSE(at(0).in_sync() || at(1).in_sync());
  advance(250ms);
  EXPECT_TRUE(at(0).in_sync() && at(1).in_sync());
}

TEST_F(Replicas, HearEverybodyAgainIfMoreThanNatsWasAmiss) {
  returned_after = 2s;
  const auto lose_nats = [this] { at(0).nats(false, false, now); };
  const auto find_nats = [this] { at(0).nats(true, false, now); };
  const std::vector<std::pair<const char*, std::function<void()>>> troubles{
    {"messages were dropped", [&] { at(0).nats(true, true, now), find_nats(); }},
    {"and before it was away", [&] { at(0).nats(true, true, now), lose_nats(), find_nats(); }},
    {"everybody is asked anew", [&] { lose_nats(), find_nats(), at(0).doubt(now); }},
    {"the Routing API was away as well",
     [&] { lose_nats(), at(0).routing_api(false, now), find_nats(), at(0).routing_api(true, now); }},
    {"the process stood still", [&] {
       lose_nats();
       now += 10s;
       at(0).tick(now);
       find_nats();
     }}};
  for (const auto& [what, happens] : troubles) {
    nodes.clear();
    make(1);
    advance(interval + 1s);
    ASSERT_TRUE(at(0).in_sync());
    happens();
    advance(interval - 250ms);
    EXPECT_FALSE(at(0).in_sync()) << what;
    advance(250ms);
    EXPECT_TRUE(at(0).in_sync()) << what;
  }
}

TEST_F(Replicas, HaveCaughtUpWithOneInSyncThoughTheyBeganWithoutNats) {
  make(1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ASSERT_TRUE(at(0).in_sync());
  add(true);
  at(1).nats(false, false, now);
  EXPECT_FALSE(at(1).has_caught_up());
  see_all();
  EXPECT_TRUE(at(1).has_caught_up());
  EXPECT_FALSE(at(1).in_sync()); // What comes to be from now on it does not hear.
  EXPECT_EQ(pool(1, "a.com"), "1");
  at(1).nats(true, false, now);
  EXPECT_FALSE(at(1).has_caught_up());
  advance(2s);
  EXPECT_TRUE(at(1).in_sync());
  at(1).nats(false, false, now);
  EXPECT_FALSE(at(1).has_caught_up()); // It may have missed something, as any other.
}

} // namespace
} // namespace shunt::routing::testing
