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
