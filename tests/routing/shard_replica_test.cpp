// When a copy is sure of what it knows, how copies are kept equal, what they restore, and who holds.
#include "tests/routing/replica_world.hpp"

#include <array>

namespace shunt::routing {
namespace {

using namespace testing;

/// As a snapshot has it.
std::vector<told_host> all_of(const slice& table, time_point now) {
  std::vector<told_host> all;
  table.tell_piece(0, table.route_count() + 1, now, all);
  return all;
}

// -- Doubt

TEST_F(Replicas, AreInSyncOnceEverybodyHadTimeToRegister) {
  make(2);
  EXPECT_FALSE(at(0).in_sync());
  advance(interval + 1s);
  EXPECT_TRUE(at(0).in_sync());
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, FollowOneThatIsInSyncWithoutWaiting) {
  make(1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  add(true);
  see_all();
  EXPECT_EQ(pool(1, "a.com"), "1");
  advance(2s);
  EXPECT_TRUE(at(1).in_sync());
}

/// What was said before they held the shard they dropped; their source reads it late, and tells of that host without it.
TEST_F(Replicas, DenyNothingThatTheirSourceHadNotReadWhenItToldOfAll) {
  make(1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  add(true);
  see_all();
  ASSERT_EQ(pool(1, "a.com"), "1");
  at(1).receive(1, slice_digest{digest(1)}, now);
  EXPECT_FALSE(at(1).in_sync());
  advance(250ms);
  put(0, "late.com", 2);
  put(0, "later.com", 3);
  EXPECT_EQ(ask(1, "later.com"), "3");
  for (int step = 0; step < 16; ++step, advance(250ms))
    ASSERT_TRUE(!at(1).in_sync() || pool(1, "late.com") == "2");
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, AskForProofAsSoonAsItCounts) {
  make(1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  for (int k = 1; k < 4; ++k) { // At whatever time of its rounds.
    add(true);
    see_all();
    advance(500ms);
    EXPECT_TRUE(at(static_cast<std::size_t>(k)).in_sync());
    advance(250ms);
  }
}

TEST_F(Replicas, AreSureAtOnceOfWhatTheyTookOverLongAfterTheyBeganToHold) {
  make(1);
  add(true);
  see_all();
  put(0, "a.com", 1);
  cut.insert({0, 1});
  advance(interval - 5s);
  add(true);
  cut.insert({1, 2});
  see_all();
  ASSERT_FALSE(at(2).in_sync());
  advance(6s); // Only now are those who were there first sure.
  EXPECT_TRUE(at(2).in_sync());
  EXPECT_EQ(pool(2, "a.com"), "1");
}

TEST_F(Replicas, ReturnToSyncAfterNatsByComparingWithAnotherHolder) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  at(1).nats(false, false, now);
  put(0, "b.com", 2);
  advance(2s);
  EXPECT_EQ(pool(1, "b.com"), "2"); // Without hearing NATS.
  EXPECT_FALSE(at(1).in_sync());
  at(1).nats(true, false, now);
  advance(2s);
  EXPECT_TRUE(at(1).in_sync());
}

/// Both lost the same server of NATS, and neither has heard yet that the other one is in doubt, too.
TEST_F(Replicas, AreNoProofForEachOtherWhileBothAreInDoubt) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  for (const bool connected : {false, true})
    for (std::size_t i = 0; i < 2; ++i)
      at(i).nats(connected, false, now);
  for (int step = 0; step < 12; ++step) {
    now += 250ms;
    for (std::size_t i = 0; i < 2; ++i)
      at(i).tick(now);
    run();
    EXPECT_FALSE(at(0).in_sync() || at(1).in_sync());
  }
  advance(interval);
  EXPECT_TRUE(at(0).in_sync() && at(1).in_sync());
}

TEST_F(Replicas, AskAPeerForAHostThatACutOffHolderDoesNotKnow) {
  make(2);
  advance(interval + 1s);
  at(1).nats(false, false, now);
  put(0, "new.com", 7);
  EXPECT_EQ(ask(1, "new.com"), "7");
}

TEST_F(Replicas, AreInDoubtAndPruneNothingAfterTheyWereStopped) {
  make(2, 0, {.stale_threshold = 30s});
  put_all("a.com", 1);
  advance(interval + 1s);
  ASSERT_TRUE(at(0).in_sync());
  kill(1);
  now += 40s; // Nothing ran meanwhile; what was said waits to be read.
  EXPECT_FALSE(at(0).may_prune(now));
  EXPECT_FALSE(at(0).in_sync());
  advance(29s);
  EXPECT_FALSE(at(0).may_prune(now));
  advance(2s);
  EXPECT_TRUE(at(0).may_prune(now));
  EXPECT_TRUE(at(0).in_sync());
}

// -- Transfer and repair

TEST_F(Replicas, HandOverWholeSlicesWhileChangesGoOn) {
  make(1);
  for (int i = 0; i < 500; ++i)
    put(0, std::to_string(i) + ".com", 1);
  take(0, "7.com", 1);
  advance(interval + 1s);
  add(true);
  see_all();
  EXPECT_EQ(digest(0), digest(1));
  EXPECT_EQ(pool(1, "499.com"), "1");
  EXPECT_EQ(pool(1, "7.com"), "empty");
  EXPECT_EQ(at(1).table().route_count(), 500u);
}

TEST_F(Replicas, GoOnWithATransferWhoseSourceDied) {
  make(2);
  for (int i = 0; i < 500; ++i)
    put_all(std::to_string(i) + ".com", 1);
  advance(interval + 1s);
  ASSERT_TRUE(at(0).in_sync() && at(1).in_sync());
  add(true);
  at(2).see(view_of(2), now); // Asks somebody, whose answer is lost.
  (void)at(2).take_outgoing();
  kill(0);
  EXPECT_EQ(digest(1), digest(2));
  advance(2s);
  EXPECT_TRUE(at(2).in_sync());
}

TEST_F(Replicas, GoOnWithATransferWhereItsSourceDied) {
  make(2);
  for (int i = 0; i < 500; ++i)
    put_all(std::to_string(i) + ".com", 1);
  advance(interval + 1s);
  add(true);
  at(2).see(view_of(2), now);
  for (int pieces = 0; pieces < 4; ++pieces) // The third node and the first talk, and nobody else.
    for (auto& [to, what] : at(pieces % 2 == 0 ? 2 : 0).take_outgoing())
      if (to == (pieces % 2 == 0 ? 1 : 3))
        at(to - 1u).receive(pieces % 2 == 0 ? 3 : 1, what, now);
  const auto before = at(2).counters().transferred_hosts;
  ASSERT_GT(before, 0u);
  kill(0);
  EXPECT_EQ(digest(1), digest(2));
  EXPECT_EQ(at(2).counters().transferred_hosts, 500u) << "none of them twice";
  advance(2s);
  EXPECT_TRUE(at(2).in_sync());
}

TEST_F(Replicas, RepairWhatOneMissed) {
  make(2);
  put_all("a.com", 1);
  put_all("b.com", 2);
  advance(interval + 1s);
  put(0, "c.com", 3);
  advance(2s); // Beyond a tie.
  take(1, "b.com", 2);
  EXPECT_NE(digest(0), digest(1));
  advance(4s);
  EXPECT_EQ(digest(0), digest(1));
  EXPECT_EQ(pool(1, "c.com"), "3");
  EXPECT_EQ(pool(0, "b.com"), "empty");
  EXPECT_TRUE(at(0).in_sync() && at(1).in_sync());
}

TEST_F(Replicas, KeepWhatWasRegisteredAgainAfterItsEnd) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  take(0, "a.com", 1);
  advance(500ms);
  put(1, "a.com", 1);
  advance(6s);
  EXPECT_EQ(pool(0, "a.com"), "1");
  EXPECT_EQ(pool(1, "a.com"), "1");
}

TEST_F(Replicas, DoNotBringBackWhatEndedRightAfterItWasRegistered) {
  make(3);
  put_all("a.com", 1);
  advance(interval + 1s);
  put_all("a.com", 1);
  advance(250ms);
  take(1, "a.com", 1); // The others do not hear it.
  advance(6s);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    EXPECT_EQ(pool(i, "a.com"), "empty") << i;
  put(0, "a.com", 1);
  advance(6s);
  for (std::size_t i = 0; i < nodes.size(); ++i)
    EXPECT_EQ(pool(i, "a.com"), "1") << i;
}

TEST_F(Replicas, TakeNothingForYoungerThanItIsBecauseItWaitedForThem) {
  make(2);
  put_all("a.com", 1);
  advance(interval + 1s);
  put_all("a.com", 1);
  const slice_told said{at(1).table().tell_hosts(std::array{host_hash("a.com")}, now), true};
  take(0, "a.com", 1);
  now += 5s; // For which the first stood still, with that on its way to it.
  at(0).receive(2, said, now, 6s);
  EXPECT_EQ(pool(0, "a.com"), "empty");
  at(0).receive(2, said, now);
  EXPECT_EQ(pool(0, "a.com"), "1") << "as if it had been sent now";
}

TEST_F(Replicas, KeepWhatCameBackRightAfterItsEnd) {
  make(2);
  advance(interval + 1s);
  put_all("a.com", 1);
  now += 100ms;
  take(0, "a.com", 1);
  take(1, "a.com", 1);
  now += 700ms;
  put(0, "a.com", 1); // The other does not hear it.
  advance(6s);
  EXPECT_EQ(pool(0, "a.com"), "1");
  EXPECT_EQ(pool(1, "a.com"), "1");
  EXPECT_TRUE(at(0).in_sync() && at(1).in_sync());
}

TEST_F(Replicas, AgreeOnTwoVersionsOfAnEndpoint) {
  make(2);
  const auto zoned = [](const char* zone) {
    return make_endpoint(1, [=](endpoint_spec& s) { s.availability_zone = zone; });
  };
  at(0).table().register_endpoint(heard("a.com", zoned("z1")), now, wall_ns);
  at(1).table().register_endpoint(heard("a.com", zoned("z2")), now, wall_ns);
  advance(interval + 1s);
  EXPECT_EQ(digest(0), digest(1));
}

TEST_F(Replicas, DoNotStayInDoubtBecauseOfConstantChange) {
  make(2);
  advance(interval + 1s);
  for (std::uint16_t i = 0; i < 80; ++i) {
    put(0, "a.com", i);
    nodes[0].replica->tick(now); // Digests are compared while the other has not heard it yet.
    run();
    put(1, "a.com", i);
    advance(250ms);
    ASSERT_TRUE(at(0).in_sync() && at(1).in_sync()) << i;
  }
}

// -- Restoring

TEST_F(Replicas, ServeWhatTheyKnewBeforeTheyWereRestarted) {
  make(1);
  put(0, "a.com", 1);
  std::vector<told_host> kept;
  at(0).table().tell_some(0, 10'000, now, kept);
  for (auto& path : kept.at(0).paths)
    for (auto& each : path.members)
      each.age += 500s; // Beyond any threshold.
  nodes.clear();
  make(1);
  at(0).restore(kept, now);
  EXPECT_EQ(pool(0, "a.com"), "1");
  EXPECT_FALSE(at(0).in_sync());
  advance(interval + 1s);
  EXPECT_EQ(pool(0, "a.com"), "1");
  prune_result result;
  advance(200s);
  ASSERT_TRUE(at(0).may_prune(now));
  at(0).prune_step(now, 100, now, result);
  EXPECT_EQ(pool(0, "a.com"), "empty"); // Nobody has heard it since.
}

TEST_F(Replicas, KeepWhatTheyRestoredWhenNobodyWasThereToAsk) {
  make(1);
  put(0, "a.com", 1);
  std::vector<told_host> kept;
  at(0).table().tell_some(0, 10'000, now, kept);
  nodes.clear();
  add(true);
  add(true);
  cut.insert({0, 1});
  see_all();
  at(0).restore(kept, now);
  advance(interval + 1s); // Both are sure of what they have.
  ASSERT_TRUE(at(0).in_sync() && at(1).in_sync());
  heal();
  advance(4s);
  EXPECT_EQ(pool(0, "a.com"), "1");
  EXPECT_EQ(pool(1, "a.com"), "1");
}

TEST_F(Replicas, DropWhatTheyRestoredAndNobodyElseKnows) {
  make(1);
  put(0, "a.com", 1);
  put(0, "b.com", 2);
  advance(interval + 1s);
  const auto kept = all_of(at(0).table(), now);
  take(0, "b.com", 2);
  add(true);
  at(1).restore(kept, now);
  EXPECT_EQ(pool(1, "b.com"), "2");
  see_all();
  EXPECT_EQ(pool(1, "a.com"), "1");
  EXPECT_EQ(pool(1, "b.com"), "empty");
  EXPECT_EQ(digest(0), digest(1));
  advance(2s);
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, KeepWhatAnotherHolderToldBeforeItWasRestored) {
  make(1);
  for (int i = 0; i < 500; ++i)
    put(0, std::to_string(i) + ".com", 1);
  advance(interval + 1s);
  const auto kept = all_of(at(0).table(), now);
  take(0, "7.com", 1);
  add(true);
  at(1).see(view_of(1), now);
  for (int pieces = 0; pieces < 4; ++pieces)
    for (auto& [to, what] : at(pieces % 2 == 0 ? 1 : 0).take_outgoing())
      at(to - 1u).receive(pieces % 2 == 0 ? 2 : 1, what, now);
  ASSERT_GT(at(1).counters().transferred_hosts, 0u);
  ASSERT_LT(at(1).counters().transferred_hosts, 499u);
  at(1).restore(kept, now);
  run();
  advance(2s);
  ASSERT_TRUE(at(1).in_sync());
  EXPECT_EQ(at(1).counters().repairs + at(0).counters().repairs, 0u) << "which would bring it back";
  EXPECT_EQ(pool(1, "7.com"), "empty");
  EXPECT_EQ(digest(0), digest(1));
}

/// NATS kept for it what was said meanwhile.
TEST_F(Replicas, BringNothingBackThatTheyHearLate) {
  make(2);
  put_all("a.com", 1);
  put_all("b.com", 2);
  advance(interval + 1s);
  put_all("a.com", 1);
  put_all("b.com", 2);
  const auto waited_since = now;
  sever(0, 1);
  advance(5s);
  take(0, "a.com", 1);
  take(0, "b.com", 2);
  advance(2s);
  put(0, "b.com", 2);
  advance(10s);
  auto& late = at(1).table();
  late.register_endpoint(heard("a.com", make_endpoint(1)), now, wall_ns, waited_since);
  late.unregister_endpoint(registration::make(true, make_endpoint(2), "b.com"), now, waited_since);
  at(1).applied(now);
  cut.clear();
  for (int step = 0; step < 12; ++step) {
    advance(250ms);
    EXPECT_EQ(pool(0, "a.com"), "empty");
    EXPECT_EQ(pool(0, "b.com"), "2");
  }
  EXPECT_EQ(pool(1, "a.com"), "empty");
  EXPECT_EQ(pool(1, "b.com"), "2");
  EXPECT_EQ(digest(0), digest(1));
}

// -- Confirming

TEST_F(Replicas, KnowWhetherTheyRouteByAChange) {
  make(1, 1);
  advance(interval + 1s);
  const auto content = make_endpoint(1)->content_hash();
  const change_asked appears{.which = {"a.com", "", address_of(1)}, .content = content};
  const change_asked leaves{.which = {"a.com", "", address_of(1)}, .present = false};
  EXPECT_FALSE(at(0).is_as(appears));
  EXPECT_FALSE(at(1).is_as(appears)); // Its filter denies the host.
  EXPECT_TRUE(at(1).is_as(leaves));
  put(0, "a.com", 1);
  EXPECT_TRUE(at(0).is_as(appears));
  EXPECT_TRUE(at(1).is_as(appears)); // Whoever asks there now is told.
  ask(1, "a.com");
  EXPECT_TRUE(at(1).is_as(appears));
  EXPECT_FALSE(at(1).is_as(leaves));
  take(0, "a.com", 1);
  EXPECT_TRUE(at(1).is_as(leaves));
}

TEST_F(Replicas, AnswerForNobodyBeforeTheyKnowWhoTheOthersAre) {
  add(true);
  EXPECT_TRUE(at(0).holds());
  EXPECT_FALSE(at(0).answers());
  see_all();
  EXPECT_TRUE(at(0).answers());
  EXPECT_TRUE(shard_replica({}, {}, now).answers()) << "of a node that is alone by its configuration";
}

// -- Roles

/// Of a replica that borrowed, and comes to hold, at a time after that.
class LastReplica : public ::testing::Test {
protected:
  static constexpr auto register_interval = 2s; ///< The least in a cluster.
  LastReplica() { replica.see({.held = false, .others = {holder_in_sync}}, now); }
  bool wishes_within(nanoseconds time) {
    bool wished = false;
    for (const auto end = now + time; now < end;) {
      now += 250ms;
      replica.tick(now);
      wished = replica.take_wish_for_registrations() || wished;
    }
    return wished;
  }

  static constexpr shard_view::holder holder_in_sync{2, true, true, true};
  time_point now = start;
  shard_replica replica{{}, {.clustered = true, .in_sync = false, .register_interval = register_interval}, now};
};

TEST_F(LastReplica, GivesEverybodyTimeToRegisterOnceTheyAreAsked) {
  replica.see({.held = true}, now);
  EXPECT_TRUE(wishes_within(3s));
  EXPECT_FALSE(replica.in_sync());
  EXPECT_FALSE(wishes_within(register_interval));
  EXPECT_TRUE(replica.in_sync());
}

TEST_F(LastReplica, AsksWhenItsSourceDiesInTheMiddle) {
  replica.see({.held = true, .others = {holder_in_sync}}, now);
  EXPECT_FALSE(wishes_within(3s));
  replica.peer_gone(holder_in_sync.peer, now);
  EXPECT_TRUE(wishes_within(1s));
}

TEST_F(Replicas, WishForNoRegistrationsWhenAHolderIsHeardAgain) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  nodes[1].holds = true; // It stood still, and sees nobody now.
  sever(0, 1);
  advance(500ms);
  heal();
  advance(5s);
  EXPECT_TRUE(at(1).in_sync());
  EXPECT_FALSE(at(1).take_wish_for_registrations());
}

TEST_F(Replicas, KeepHoldingUntilTheNewHolderIsInSync) {
  make(1, 1);
  put(0, "a.com", 1);
  put(0, "b.com", 2);
  advance(interval + 1s);
  ask(0, "a.com");
  nodes[0].holds = false;
  nodes[1].holds = true;
  see_all();
  advance(1s);
  EXPECT_TRUE(at(1).holds_in_sync());
  EXPECT_FALSE(at(0).holds());
  EXPECT_TRUE(at(0).in_sync());
  EXPECT_EQ(pool(0, "a.com"), "1");     // Leased, so it stays.
  EXPECT_EQ(pool(0, "b.com"), "gone");  // Not leased.
  EXPECT_EQ(ask(0, "b.com"), "2");      // But there.
  put(1, "a.com", 3);
  EXPECT_EQ(pool(0, "a.com"), "1,3");
}

TEST_F(Replicas, StoreEndpointsOfAllSegmentsAndLeaseTheirOwn) {
  make(1, 0, {.sharding = segment_mode::segments, .isolation_segments = {"ours"}, .filter_when_leasing = true});
  const auto of = [](std::uint16_t port, const char* segment) {
    return heard("a.com", make_endpoint(port, [=](endpoint_spec& s) { s.isolation_segment = segment; }));
  };
  auto& table = at(0).table();
  at(0).want("a.com", now);
  table.register_endpoint(of(1, "theirs"), now, wall_ns);
  EXPECT_EQ(at(0).take_changes(now).at(0).paths.at(0).now, path_change::state::gone);
  table.register_endpoint(of(2, "ours"), now, wall_ns);
  const auto changes = at(0).take_changes(now);
  ASSERT_EQ(changes.at(0).paths.at(0).endpoints.size(), 1u);
  EXPECT_EQ(pool(0, "a.com"), "2");
  EXPECT_EQ(table.endpoint_count(), 2u);
  table.register_endpoint(of(3, "ours"), now, wall_ns);
  (void)at(0).take_changes(now);
  table.register_endpoint(of(2, "theirs"), now, wall_ns); // Loops have the one that was there before.
  const auto left = at(0).take_changes(now);
  ASSERT_EQ(left.at(0).paths.at(0).endpoints.size(), 1u);
  EXPECT_EQ(left.at(0).paths.at(0).endpoints.at(0).what, endpoint_change::kind::remove);
  EXPECT_EQ(pool(0, "a.com"), "3");
}

} // namespace
} // namespace shunt::routing
