// What a node leases that holds no copy, and what it does when its holder falls silent.
#include "tests/routing/replica_world.hpp"

namespace shunt::routing {
namespace {

using namespace testing;

TEST_F(Replicas, LeaseAHostFromAHolder) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  EXPECT_TRUE(at(1).in_sync());
  EXPECT_EQ(ask(1, "a.com"), "1");
  put(0, "a.com", 2);
  EXPECT_EQ(pool(1, "a.com"), "1,2");
  take(0, "a.com", 1);
  EXPECT_EQ(pool(1, "a.com"), "2");
  take(0, "a.com", 2);
  EXPECT_EQ(pool(1, "a.com"), "empty");
}

TEST_F(Replicas, KnowSinceWhenABorrowerHasNotAppliedAPush) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ask(1, "a.com");
  put(0, "a.com", 2);
  EXPECT_EQ(at(0).push_awaited_since(), std::nullopt) << "all that was said has arrived";
  const auto push = [this](std::uint16_t port) {
    at(0).table().register_endpoint(heard("a.com", make_endpoint(port)), now, wall_ns);
    (void)at(0).take_changes(now);
    std::uint64_t sequence = 0;
    for (const auto& each : at(0).take_outgoing()) // Which gets lost.
      if (const auto* news = std::get_if<lease_changed>(&each.what))
        sequence = news->sequence;
    return sequence;
  };
  const auto apply = [this](std::uint64_t sequence) { at(0).receive(2, lease_applied{sequence}, now); };
  const auto first_at = now;
  const auto first = push(3);
  EXPECT_EQ(at(0).push_awaited_since(), first_at);
  now += 2s;
  const auto second_at = now;
  const auto second = push(4);
  ASSERT_LT(first, second);
  EXPECT_EQ(at(0).push_awaited_since(), first_at);
  apply(first - 1);
  EXPECT_EQ(at(0).push_awaited_since(), first_at);
  apply(first);
  EXPECT_EQ(at(0).push_awaited_since(), second_at);
  apply(second);
  EXPECT_EQ(at(0).push_awaited_since(), std::nullopt);
  apply(first); // Takes nothing back.
  EXPECT_EQ(at(0).push_awaited_since(), std::nullopt);
  push(5);
  EXPECT_NE(at(0).push_awaited_since(), std::nullopt);
  at(0).peer_gone(2, now);
  EXPECT_EQ(at(0).push_awaited_since(), std::nullopt);
}

TEST_F(Replicas, TellAHostOnceThatIsNamedOftenInOneMessage) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  at(0).receive(2, lease_start{std::vector<std::string>(20'000, "a.com"), 9}, now);
  std::size_t told = 0;
  for (const auto& each : at(0).take_outgoing())
    if (const auto* granted = std::get_if<lease_granted>(&each.what))
      told += granted->hosts.size();
  EXPECT_EQ(told, 1u);
}

TEST_F(Replicas, LendAllThatIsThereHoweverMuchThatIs) {
  make(1, 1);
  advance(interval + 1s);
  const auto granted = [this] {
    std::size_t hosts = 0;
    for (const auto& each : at(0).take_outgoing())
      if (const auto* m = std::get_if<lease_granted>(&each.what))
        hosts += m->hosts.size();
    return hosts;
  };
  constexpr std::size_t most = 200'000; // That one may lease without there being any.
  lease_start all{.lease = 9};
  for (std::size_t i = 0; i < most + 10; ++i)
    all.hosts.push_back(std::to_string(i) + ".com");
  const auto spare = all.hosts.back();
  at(0).receive(2, all, now);
  EXPECT_EQ(granted(), most);
  at(0).receive(2, lease_more{spare}, now);
  EXPECT_EQ(granted(), 0u);
  at(0).table().register_endpoint(heard(spare, make_endpoint(1)), now, wall_ns);
  at(0).receive(2, lease_more{spare}, now);
  EXPECT_EQ(granted(), 1u);
}

TEST_F(Replicas, HearThatTheirHolderIsInDoubtAgainThoughItWasSureForAMoment) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  at(0).note_standstills(1, false);
  run();
  ASSERT_FALSE(at(1).in_sync());
  at(0).note_standstills(1, true); // Its push waits, but a grant does not.
  ASSERT_FALSE(at(1).want("a.com", now));
  for (const std::size_t from : {1, 0})
    for (auto& [to, what] : at(from).take_outgoing())
      at(to - 1u).receive(static_cast<peer_id>(from + 1), what, now);
  ASSERT_TRUE(at(1).in_sync());
  at(0).note_standstills(2, false);
  EXPECT_TRUE(at(0).has_changes());
  run();
  EXPECT_FALSE(at(1).in_sync());
}

TEST_F(Replicas, LeaveALenderThatIsNotPlacedForOneThatIs) {
  make(2, 1);
  advance(interval + 1s);
  ASSERT_EQ(at(2).lender(), 1u);
  auto view = view_of(2);
  std::swap(view.others.at(0), view.others.at(1)); // Those that leave come last.
  view.others.at(0).in_sync = view.others.at(1).placed = false;
  at(2).see(view, now);
  EXPECT_EQ(at(2).lender(), 1u) << "nobody else has all of it";
  view.others.at(0).in_sync = true;
  at(2).see(view, now);
  EXPECT_EQ(at(2).lender(), 2u);
}

TEST_F(Replicas, LeaveAHolderWhoseGrantNeverEnds) {
  make(1, 1);
  advance(interval + 1s);
  ASSERT_TRUE(at(1).in_sync());
  bool left = false;
  int parts = 0;
  for (; !left && parts < 10'000; ++parts) {
    at(1).receive(1, lease_granted{.sequence = 1}, now); // The number of the one before, as parts have it.
    for (const auto& each : at(1).take_outgoing())
      left = left || std::holds_alternative<lease_end>(each.what);
  }
  EXPECT_TRUE(left);
  EXPECT_GT(parts, 1'000) << "a large grant has many";
  EXPECT_FALSE(at(1).in_sync());
}

TEST_F(Replicas, AskNobodyForWhatTheFilterDenies) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  const auto before = messages;
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(ask(1, std::to_string(i) + ".org"), "gone");
  EXPECT_LT(messages - before, 20u); // A few the filter takes for existing.
}

TEST_F(Replicas, DenyNothingWhileWhatTheirLenderSaysIsReadLate) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ASSERT_EQ(ask(1, "a.com"), "1");
  ASSERT_TRUE(at(1).in_sync());
  auto view = view_of(1);
  view.others.at(0).behind = true;
  at(1).see(view, now);
  EXPECT_FALSE(at(1).in_sync()) << "a host that has appeared may be among it";
  EXPECT_EQ(pool(1, "a.com"), "1") << "and nothing else changes";
  at(1).see(view_of(1), now);
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, HearOfAHostThatWasDeniedBefore) {
  make(1, 1);
  advance(interval + 1s);
  EXPECT_EQ(ask(1, "late.com"), "gone");
  put(0, "late.com", 5);
  EXPECT_EQ(pool(1, "late.com"), "5");
}

TEST_F(Replicas, ForgetWhatWasDeniedWhenNoLoopWantsItAnyMore) {
  make(1, 1);
  advance(interval + 1s);
  const std::string host = "nobody.com";
  const auto asked_by_loops = [&](int loops) {
    for (int i = 0; i < loops; ++i)
      ASSERT_TRUE(at(1).want(host, now));
  };
  existence_filter all{16};
  all.add(host_hash(host));
  const auto leases_at_the_next_filter = [&] {
    at(1).receive(1, known_hosts{all.bytes()}, now);
    std::size_t asked = 0;
    for (const auto& each : at(1).take_outgoing())
      asked += std::holds_alternative<lease_more>(each.what);
    return asked;
  };
  asked_by_loops(2);
  at(1).release(host, now); // The last one dropped it.
  EXPECT_EQ(leases_at_the_next_filter(), 0u);
  EXPECT_TRUE(at(1).in_sync());
  at(1).receive(1, known_hosts{existence_filter{16}.bytes()}, now);
  asked_by_loops(3);
  EXPECT_EQ(leases_at_the_next_filter(), 1u);
}

TEST_F(Replicas, DenyNothingAgainThatAppearedWhileNoHolderWasHeard) {
  make(1, 1);
  advance(interval + 1s);
  EXPECT_EQ(ask(1, "late.com"), "gone");
  sever(0, 1);
  EXPECT_FALSE(at(1).in_sync());
  put(0, "late.com", 5);
  cut.clear();
  at(1).see(view_of(1), now); // It leases anew, and hears one message after the other.
  for (int i = 0; i < 20; ++i) {
    for (const std::size_t from : {0, 1})
      for (auto& [to, what] : at(from).take_outgoing()) {
        at(to - 1u).receive(static_cast<peer_id>(from + 1), what, now);
        ASSERT_TRUE(!at(1).in_sync() || pool(1, "late.com") == "5");
      }
  }
  EXPECT_TRUE(at(1).in_sync());
}

TEST_F(Replicas, DenyNothingThatAppearedWhileNobodyBorrowed) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ASSERT_EQ(ask(1, "a.com"), "1");
  at(0).peer_gone(2, now);
  at(0).table().register_endpoint(heard("b.com", make_endpoint(1)), now, wall_ns);
  at(0).applied(now); // No loop wants it: there is nothing to push.
  ASSERT_FALSE(at(0).has_changes());
  at(1).peer_gone(1, now);
  at(1).see(view_of(1), now);
  for (auto& each : at(1).take_outgoing())
    at(0).receive(2, each.what, now);
  run();
  EXPECT_EQ(ask(1, "b.com"), "1");
}

TEST_F(Replicas, LeaseAllWildcards) {
  make(1, 1);
  put(0, "*.a.com", 1);
  advance(interval + 1s);
  EXPECT_EQ(pool(1, "*.a.com"), "1");
  put(0, "*.b.com", 2);
  EXPECT_EQ(pool(1, "*.b.com"), "2");
}

TEST_F(Replicas, ServeWhatWasLeasedWhenAllHoldersAreGone) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ask(1, "a.com");
  kill(0);
  EXPECT_FALSE(at(1).in_sync());
  EXPECT_EQ(ask(1, "a.com"), "1");
  EXPECT_EQ(ask(1, "b.com"), "unanswered");
}

TEST_F(Replicas, OfferWhatTheyLeasedToNewHolders) {
  make(1, 2);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ask(1, "a.com");
  kill(0);
  nodes[2].holds = true; // A stranger to that host.
  see_all();
  advance(1s);
  EXPECT_EQ(pool(2, "a.com"), "1");
  EXPECT_FALSE(at(2).take_wish_for_registrations());
  advance(2s);
  EXPECT_TRUE(at(2).take_wish_for_registrations()); // Of the others there is no copy.
  EXPECT_FALSE(at(2).take_wish_for_registrations());
}

TEST_F(Replicas, AnswerWhatTheyAskedOfNobodyWhenTheyComeToHold) {
  make(1, 1);
  advance(interval + 1s);
  kill(0);
  EXPECT_EQ(ask(1, "a.com"), "unanswered");
  nodes[1].holds = true;
  see_all();
  EXPECT_TRUE(answered.contains({1, "a.com"}));
  EXPECT_EQ(ask(1, "a.com"), "gone");
  EXPECT_FALSE(at(1).in_sync());
}

TEST_F(Replicas, AskTheNextWhenTheyComeToHoldAndWhomTheyAskedAsABorrowerDies) {
  make(2, 1);
  put_all("a.com", 1);
  advance(interval + 1s);
  ASSERT_FALSE(at(2).want("a.com", now));
  (void)at(2).take_outgoing(); // The first holder dies with the question.
  nodes[0].replica.reset();
  nodes[2].holds = true;
  at(2).see(view_of(2), now); // The news may come before the end of the link.
  at(2).peer_gone(1, now);
  EXPECT_TRUE(at(2).take_answered().empty()) << "nothing is known yet, but somebody knows";
  run();
  EXPECT_TRUE(answered.contains({2, "a.com"}));
  EXPECT_EQ(pool(2, "a.com"), "1");
}

TEST_F(Replicas, AskTheNextForAHostWhenTheHolderDiesThatWasAskedForIt) {
  make(3);
  put_all("a.com", 1);
  advance(interval + 1s);
  at(2).nats(false, false, now);
  ASSERT_FALSE(at(2).want("b.com", now));
  (void)at(2).take_outgoing();
  put(1, "b.com", 2); // The message to the third was lost.
  nodes[0].replica.reset();
  at(2).peer_gone(1, now);
  EXPECT_TRUE(at(2).take_answered().empty());
  run();
  EXPECT_TRUE(answered.contains({2, "b.com"}));
  EXPECT_EQ(pool(2, "b.com"), "2");
}

TEST_F(Replicas, DoNotTakeNewsOfAnOldLeaseForThoseOfTheirNewOne) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ASSERT_EQ(ask(1, "a.com"), "1");
  at(0).table().unregister_endpoint(registration::make(true, make_endpoint(1), "a.com"), now);
  (void)at(0).take_changes(now);
  const auto old = at(0).take_outgoing(); // Is on its way for long.
  ASSERT_EQ(old.size(), 1);
  put(0, "a.com", 1);
  at(1).receive(1, lease_end{}, now);
  see_all();
  for (std::uint16_t i = 2; i < 10; ++i) { // The new lease comes as far as the old one had.
    at(1).receive(1, old[0].what, now);
    ASSERT_EQ(pool(1, "a.com"), "1") << i;
    put(0, std::to_string(i) + ".com", i);
  }
}

TEST_F(Replicas, LeaseFromAHolderThatDoesNotNumberLeases) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  at(1).receive(1, lease_end{}, now);
  (void)at(1).take_outgoing();
  at(1).see(view_of(1), now);
  for (auto& each : at(1).take_outgoing()) { // As the release before reads and writes them.
    if (auto* start = std::get_if<lease_start>(&each.what))
      start->lease = 0;
    at(0).receive(2, each.what, now);
  }
  run();
  EXPECT_TRUE(at(1).in_sync());
  ASSERT_EQ(ask(1, "a.com"), "1");
  put(0, "a.com", 2);
  EXPECT_EQ(pool(1, "a.com"), "1,2");
}

TEST_F(Replicas, LeaseAgainWhatTheyReleasedWhileItWasBeingGranted) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ASSERT_EQ(ask(1, "a.com"), "1");
  at(1).receive(1, lease_end{}, now);
  at(1).see(view_of(1), now); // Starts a new lease,
  at(1).release("a.com", now); // of which the answer comes later.
  run();
  ASSERT_EQ(ask(1, "a.com"), "1");
  put(0, "a.com", 2);
  EXPECT_EQ(pool(1, "a.com"), "1,2");
}

TEST_F(Replicas, LeaseFromTheNextHolderWhenTheirsDies) {
  make(2, 1);
  put_all("a.com", 1);
  advance(interval + 1s);
  EXPECT_EQ(ask(2, "a.com"), "1");
  kill(0);
  EXPECT_TRUE(at(2).in_sync());
  put(1, "a.com", 2);
  EXPECT_EQ(pool(2, "a.com"), "1,2");
}

TEST_F(Replicas, GiveUpLeasesThatNoLoopWants) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  ask(1, "a.com");
  at(1).release("a.com", now);
  run();
  EXPECT_EQ(pool(1, "a.com"), "gone");
  const auto before = messages;
  put(0, "a.com", 2);
  EXPECT_EQ(messages, before);
}

TEST_F(Replicas, KnowThatASliceIsBeingTaken) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  at(0).receive(2, transfer_pull{0}, now);
  EXPECT_FALSE(at(0).is_being_taken(now)) << "a borrower lists it";
  add(true);
  see_all();
  EXPECT_EQ(pool(2, "a.com"), "1");
  EXPECT_TRUE(at(0).is_being_taken(now + 900ms)) << "it may want the next piece";
  EXPECT_FALSE(at(0).is_being_taken(now + 1s));
}

TEST_F(Replicas, TakeNoAnswerOfOneThatHoldsNothingForAllThatThereIs) {
  make(1, 1);
  put(0, "a.com", 1);
  advance(interval + 1s);
  at(1).receive(1, transfer_pull{0}, now);
  std::optional<transfer_piece> answer;
  for (const auto& each : at(1).take_outgoing())
    if (const auto* piece = std::get_if<transfer_piece>(&each.what))
      answer = *piece;
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->held);
  add(true);
  at(2).see(view_of(2), now);
  (void)at(2).take_outgoing(); // Its source ceased to hold it before it read that.
  at(2).receive(1, *answer, now);
  EXPECT_FALSE(at(2).has_caught_up());
  advance(3s);
  EXPECT_TRUE(at(2).in_sync());
  EXPECT_EQ(pool(2, "a.com"), "1");
}

} // namespace
} // namespace shunt::routing
