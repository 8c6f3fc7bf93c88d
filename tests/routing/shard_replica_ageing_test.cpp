// What replicas prune, and what none of them does because another one may have heard it.
#include "tests/routing/replica_world.hpp"
#include "tests/routing/slice_fixture.hpp"

namespace shunt::routing::testing {
namespace {

TEST_F(Replicas, PruneNothingThatAnotherHolderHears) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  for (int i = 0; i < 30; ++i) {
    advance(10s);
    put(1, "a.com", 1); // The other one misses it each time.
    prune_result result;
    if (at(0).may_prune(now))
      at(0).prune_step(now, 100, now, result);
    run();
    ASSERT_EQ(pool(0, "a.com"), "1");
  }
}

TEST_F(Replicas, PruneTogetherWhatNobodyHears) {
  make(2);
  put_all("a.com", 1);
  advance(150s);
  prune_result result;
  ASSERT_TRUE(at(0).may_prune(now));
  at(0).prune_step(now, 100, now, result);
  run();
  EXPECT_EQ(pool(0, "a.com"), "empty");
  EXPECT_EQ(pool(1, "a.com"), "empty");
  EXPECT_EQ(at(1).take_pruned().endpoints, 1u);
}

TEST_F(Replicas, TakeOverWhatMayNotBePrunedHoweverOldItIs) {
  make(1);
  put(0, "a.com", 1);
  at(0).nats(false, false, now);
  advance(600s);
  at(0).nats(true, false, now);
  advance(interval + 1s);
  ASSERT_FALSE(at(0).may_prune(now));
  add(true);
  see_all();
  EXPECT_EQ(pool(1, "a.com"), "1");
  advance(10s);
  EXPECT_TRUE(at(0).in_sync() && at(1).in_sync());
}

TEST_F(Replicas, BringNothingBackAfterALongAbsence) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  sever(0, 1);
  at(1).nats(false, false, now);
  prune_result result;
  for (int i = 0; i < 90; ++i) { // Longer than tombstones live.
    advance(10s);
    if (at(0).may_prune(now))
      at(0).prune_step(now, 100, now, result);
  }
  EXPECT_EQ(pool(0, "a.com"), "empty");
  EXPECT_EQ(pool(1, "a.com"), "1");
  at(1).nats(true, false, now);
  heal();
  advance(4s);
  EXPECT_EQ(pool(0, "a.com"), "empty");
  EXPECT_EQ(pool(1, "a.com"), "empty");
  EXPECT_EQ(digest(0), digest(1));
}

TEST_F(Replicas, PruneNothingWithoutNats) {
  make(2);
  put_all("a.com", 1);
  at(0).nats(false, false, now);
  at(1).nats(false, false, now);
  advance(600s);
  EXPECT_FALSE(at(0).may_prune(now));
  EXPECT_FALSE(at(1).may_prune(now));
}

TEST_F(Replicas, PruneNothingSoonAfterTheyHadLostMessages) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  for (const bool dropped : {true, false}) { // The registrations since then were among these, on both nodes.
    for (const std::size_t i : {0, 1})
      at(i).nats(true, dropped, now);
    EXPECT_FALSE(at(0).may_prune(now));
    advance(dropped ? 150s : 110s);
  }
  EXPECT_FALSE(at(0).may_prune(now));
  advance(20s);
  EXPECT_TRUE(at(0).may_prune(now));
}

TEST_F(Replicas, DoNotGiveEachOtherBackWhatAnotherOneHadPruned) {
  make(3);
  put_all("a.com", 1);
  put_all("b.com", 2);
  advance(interval + 1s);
  sever(2, 0);
  sever(2, 1);
  for (const std::size_t back : {1, 2})
    at(back).nats(false, false, now);
  advance(130s);
  put(0, "b.com", 2);
  prune_result result;
  ASSERT_TRUE(at(0).may_prune(now));
  at(0).prune_step(now, 100, now, result);
  run();
  ASSERT_EQ(pool(1, "a.com"), "empty");
  for (const std::size_t back : {1, 2}) // They hear all again, but have not for long.
    at(back).nats(true, false, now);
  cut.erase({1, 2});
  advance(4s);
  for (const std::size_t i : {1, 2}) {
    EXPECT_FALSE(at(i).may_prune(now));
    EXPECT_EQ(pool(i, "a.com"), "empty");
    EXPECT_EQ(pool(i, "b.com"), "2");
  }
}

TEST_F(Replicas, TakeWhatWasPrunedAndHeardAgain) {
  make(2);
  put_all("a.com", 1);
  advance(150s);
  prune_result result;
  at(0).prune_step(now, 100, now, result);
  run();
  ASSERT_EQ(pool(1, "a.com"), "empty");
  at(1).nats(false, false, now);
  put(0, "a.com", 1);
  at(0).nats(false, false, now);
  sever(0, 1);
  advance(200s); // It is old, but nobody may judge it.
  heal();
  advance(4s);
  EXPECT_EQ(pool(0, "a.com"), "1");
  EXPECT_EQ(pool(1, "a.com"), "1");
}

// -- Others that do not answer

TEST_F(Replicas, PruneNothingByTheirOwnWordWhileAHolderIsAway) {
  make(2);
  put_all("a.com", 1);
  advance(150s);
  keep_their_places = true;
  sever(0, 1); // And NATS with it, perhaps.
  prune_result result;
  ASSERT_TRUE(at(0).may_prune(now));
  at(0).prune_step(now, 100, now, result);
  EXPECT_EQ(pool(0, "a.com"), "1");
  keep_their_places = false; // It is away for so long that others have taken its place.
  advance(11s);
  at(0).prune_step(now, 100, now, result);
  EXPECT_EQ(pool(0, "a.com"), "empty");
}

TEST_F(Replicas, TakeALostPeerForNoAnswer) {
  make(3);
  put_all("a.com", 1);
  advance(150s);
  prune_result result;
  at(0).prune_step(now, 100, now, result);
  (void)at(0).take_outgoing();
  at(0).receive(2, ages_told{1, {ages_told::never}}, now);
  at(0).peer_gone(3, now); // The one that may have heard it.
  EXPECT_EQ(pool(0, "a.com"), "1");
  keep_their_places = true;
  sever(0, 2);
  advance(11s);
  at(0).prune_step(now, 100, now, result); // Whoever is there says that nobody heard it.
  run();
  EXPECT_EQ(pool(0, "a.com"), "empty");
}

TEST_F(Replicas, PruneNothingRightAfterTheLinkToTheOnlyOtherOneBroke) {
  make(2);
  put_all("a.com", 1);
  advance(150s);
  at(0).peer_gone(2, now); // The view that says so comes later.
  prune_result result;
  at(0).prune_step(now, 100, now, result);
  EXPECT_EQ(pool(0, "a.com"), "1");
}

TEST_F(Replicas, AskForAgesInMessagesOfBoundedSizeUntilAllHadTheirTurn) {
  make(2);
  constexpr std::uint16_t instances = 600;
  for (const std::size_t i : {0, 1})
    for (std::uint16_t port = 1; port <= instances; ++port)
      at(i).table().register_endpoint(heard("a.com/" + std::string(4000, 'p'), make_endpoint(port)), now, wall_ns);
  advance(119s);
  for (std::uint16_t port = 1; port <= instances; ++port) // The first node misses these.
    at(1).table().register_endpoint(heard("a.com/" + std::string(4000, 'p'), make_endpoint(port)), now, wall_ns);
  std::set<std::string> asked;
  for (int round = 0; round < 6; ++round) {
    advance(11s);
    prune_result result;
    at(0).prune_step(now, 10'000, now, result);
    for (auto& each : at(0).take_outgoing()) {
      if (const auto* m = std::get_if<ages_asked>(&each.what)) {
        std::size_t bytes = 0;
        for (const auto& key : m->of) {
          asked.insert(key.address);
          bytes += key.host.size() + key.path.size() + key.address.size();
        }
        EXPECT_LT(bytes, 600'000u);
      }
      at(1).receive(1, each.what, now);
    }
    run();
  }
  EXPECT_EQ(asked.size(), instances);
  EXPECT_EQ(at(0).table().endpoint_count(), instances);
}

// -- Other settings

class UnlikeReplicas : public Replicas {
protected:
  UnlikeReplicas() {
    for (const auto threshold : {4s, 60s, 60s}) {
      add(true, {.stale_threshold = threshold});
      see_all();
    }
    advance(interval + 1s);
  }
  void prune(std::size_t i) {
    prune_result result;
    if (at(i).may_prune(now))
      at(i).prune_step(now, 100, now, result);
    run();
  }
  bool all_in_sync() { return at(0).in_sync() && at(1).in_sync() && at(2).in_sync(); }
};

TEST_F(UnlikeReplicas, PruneTogetherByTheLongestThreshold) {
  advance(60s); // All may prune.
  put_all("a.com", 1);
  for (int second = 1; second < 90; ++second) {
    advance(1s);
    for (const std::size_t i : {0, 1, 2})
      prune(i);
    EXPECT_TRUE(all_in_sync()) << second;
    ASSERT_EQ(pool(0, "a.com"), second <= 60 ? "1" : "empty") << second;
  }
  for (const std::size_t i : {0, 1, 2})
    EXPECT_EQ(pool(i, "a.com"), "empty");
}

TEST_F(UnlikeReplicas, DoNotDoubtWhatTheyKnowBecauseOthersGoByOtherSettings) {
  advance(60s);
  put_all("a.com", 1);
  sever(0, 1);
  sever(0, 2);
  advance(11s);
  prune(0);
  ASSERT_EQ(pool(0, "a.com"), "empty");
  heal();
  for (int second = 0; second < 20; ++second) {
    advance(1s);
    ASSERT_NE(digest(0), digest(1));
    EXPECT_TRUE(all_in_sync()) << second;
  }
}

TEST_F(Replicas, DoubtWhatTheyKnowWhileRepairsGoOnTeachingThem) {
  make(2);
  advance(interval + 1s);
  ASSERT_TRUE(at(0).in_sync() && at(1).in_sync());
  for (int i = 0; i < 3'000; ++i) // The other one misses all of them, and does not know.
    at(0).table().register_endpoint(heard(std::to_string(i) + ".com", make_endpoint(1)), now, wall_ns);
  bool doubted = false;
  for (int round = 0; round < 80 && digest(0) != digest(1); ++round) {
    advance(250ms);
    EXPECT_TRUE(at(0).in_sync()) << "it misses nothing";
    doubted = doubted || !at(1).in_sync();
  }
  EXPECT_TRUE(doubted);
  advance(2s);
  EXPECT_TRUE(at(1).in_sync());
}

// -- TLS

class ReplicasOfTls : public Replicas {
protected:
  void put_tls(std::size_t i, const std::string& uri) {
    at(i).table().register_endpoint(heard(uri, make_endpoint(1, [](endpoint_spec& spec) { spec.tls = true; })), now, wall_ns);
    at(i).applied(now);
    run();
  }
  void prune(std::size_t i) {
    prune_result result;
    ASSERT_TRUE(at(i).may_prune(now));
    at(i).prune_step(now, 100, now, result);
    run();
  }
  const endpoint_key which{"a.com", "", address_of(1)};
};

TEST_F(ReplicasOfTls, KeepWhatNobodyHearsUntilItFails) {
  make(2);
  put_tls(0, "a.com");
  put_tls(1, "a.com");
  advance(150s);
  prune(0);
  EXPECT_EQ(pool(0, "a.com"), "1");
  at(0).endpoint_failed(which);
  prune(0);
  EXPECT_EQ(pool(0, "a.com"), "empty");
  EXPECT_EQ(pool(1, "a.com"), "empty") << "it saw no failure";
}

TEST_F(ReplicasOfTls, KeepWhatFailedWhileSomebodyHearsIt) {
  make(2);
  advance(130s);
  put_tls(0, "a.com");
  put_tls(1, "a.com");
  at(0).endpoint_failed(which);
  for (int i = 0; i < 10; ++i) {
    advance(50s);
    put_tls(1, "a.com"); // The other one misses it each time.
    prune(0);
    ASSERT_EQ(pool(0, "a.com"), "1");
  }
}

TEST_F(ReplicasOfTls, SpareAgainWhatIsHeardAgain) {
  make(2);
  put_tls(0, "a.com");
  put_tls(1, "a.com");
  at(0).endpoint_failed(which);
  put_tls(0, "a.com");
  put_tls(1, "a.com");
  advance(300s);
  prune(0);
  EXPECT_EQ(pool(0, "a.com"), "1");
  EXPECT_EQ(pool(1, "a.com"), "1");
}

/// As the registrar does it with what repeats an earlier message to the letter: the endpoint is told, and no copy.
TEST_F(ReplicasOfTls, SpareAgainWhatRepeatsItself) {
  make(2);
  put_tls(0, "a.com");
  put_tls(1, "a.com");
  at(0).endpoint_failed(which);
  advance(10s);
  at(0).table().endpoint_at("a.com", "", address_of(1))->hear(now);
  advance(300s);
  prune(0);
  EXPECT_EQ(pool(0, "a.com"), "1");
}

/// They might have missed its end, and nobody knows of that any more.
TEST_F(ReplicasOfTls, BringNothingBackAfterAnAbsenceThatOutlastsTombstones) {
  make(3);
  for (const std::size_t i : {0, 1, 2})
    put_tls(i, "a.com");
  advance(interval + 1s);
  sever(0, 1);
  sever(0, 2);
  at(0).nats(false, false, now);
  for (const std::size_t i : {1, 2})
    take(i, "a.com", 1);
  advance(660s);
  ASSERT_EQ(at(1).table().history()->tombstone_count(), 0u);
  at(0).nats(true, false, now);
  heal();
  advance(4s);
  for (const std::size_t i : {0, 1, 2}) {
    EXPECT_EQ(pool(i, "a.com"), "empty") << i;
    EXPECT_TRUE(at(i).in_sync()) << i;
  }
}

TEST_F(ReplicasOfTls, BringNothingBackAfterTheyStoodStillForLongerThanTombstonesLive) {
  for (const bool loses_nats : {false, true}) { // Which it may notice before it does how late it is.
    nodes.clear();
    make(2);
    put_tls(0, "a.com");
    put_tls(1, "a.com");
    advance(interval + 1s);
    sever(0, 1);
    auto stopped = std::move(nodes[0].replica);
    take(1, "a.com", 1);
    advance(660s);
    nodes[0].replica = std::move(stopped);
    heal();
    for (const bool connected : {false, true})
      if (loses_nats) {
        at(0).nats(connected, false, now);
        advance(1s);
      }
    advance(4s);
    EXPECT_EQ(pool(0, "a.com"), "empty");
    EXPECT_EQ(pool(1, "a.com"), "empty");
  }
}

TEST_F(ReplicasOfTls, KeepWhatTheyHaveWhenOnlyTheRoutingApiWasAway) {
  make(2);
  put_tls(0, "a.com");
  put_tls(1, "a.com");
  advance(interval + 1s);
  for (const std::size_t i : {0, 1})
    at(i).routing_api(false, now);
  advance(660s);
  for (const bool connected : {false, true})
    for (const std::size_t i : {0, 1})
      at(i).nats(connected, false, now);
  for (const std::size_t i : {0, 1})
    at(i).routing_api(true, now);
  advance(200s);
  EXPECT_EQ(pool(0, "a.com"), "1") << "those with TLS do not go by age";
}

TEST_F(ReplicasOfTls, LoseNothingWhenAllWereAwayForLongerThanTombstonesLive) {
  make(2);
  put_tls(0, "a.com");
  put_tls(1, "a.com");
  advance(interval + 1s);
  for (const std::size_t i : {0, 1})
    at(i).nats(false, false, now);
  advance(660s);
  for (const std::size_t i : {0, 1})
    at(i).nats(true, false, now);
  EXPECT_EQ(pool(0, "a.com"), "1");
  advance(100s);
  at(1).table().endpoint_at("a.com", "", address_of(1))->hear(now); // To the letter as before, and the other one misses it.
  advance(100s);
  prune(0);
  prune(1);
  advance(600s); // It is spared again where it was heard.
  prune(0);
  prune(1);
  for (const std::size_t i : {0, 1})
    EXPECT_EQ(pool(i, "a.com"), "1") << i;
}

TEST_F(ReplicasOfTls, TellTheLenderOfAFailure) {
  make(1, 1);
  advance(interval + 1s);
  put_tls(0, "a.com");
  ASSERT_EQ(ask(1, "a.com"), "1");
  at(1).endpoint_failed(which);
  run();
  advance(150s);
  prune(0);
  EXPECT_EQ(pool(0, "a.com"), "empty");
  EXPECT_EQ(pool(1, "a.com"), "empty");
}

TEST_F(Slice, TakesBackTheTlsEndpointThatAnotherCopyHeardItself) {
  table->keep_history({});
  told_host told{.host = "a.com"};
  auto& member = told.paths.emplace_back().members.emplace_back();
  member.target = make_endpoint(1, [](endpoint_spec& spec) { spec.tls = true; });
  table->merge(told, now);
  now += 1000s;
  prune_result over;
  table->prune_endpoint({"a.com", "", std::string{member.target->address()}}, now, over);
  ASSERT_EQ(over.endpoints, 1u) << "nobody was known to have heard it";
  member.age = 1001s;
  std::vector<endpoint_key> refused;
  member.provisional = true; // Of one that has it by hearsay, too.
  table->merge(told, now, false, refused);
  EXPECT_EQ(refused.size(), 1u);
  member.provisional = false; // That one never prunes it: the copies would differ for ever.
  refused.clear();
  table->merge(told, now, true, refused);
  EXPECT_TRUE(refused.empty());
  EXPECT_EQ(pool("a.com"), "1");
}

} // namespace
} // namespace shunt::routing::testing
