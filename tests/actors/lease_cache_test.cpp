// The leases of one loop: whom it asks, what it believes, and what it gives back. The loop stands
// still and is turned by hand.
#include "actors/lease_cache.hpp"

#include "net/task.hpp"
#include "tests/actors/support/actors_by_hand.hpp"
#include "tests/actors/support/recorders.hpp"
#include "tests/actors/support/registrations.hpp"

#include <gmock/gmock.h>

#include <array>
#include <optional>

namespace shunt {
namespace {

using namespace std::literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using kind = routing::match_result::kind;

constexpr std::size_t shard_count = 2;

/// A host that the shard of that index owns.
std::string host_of(std::size_t shard, int number = 0) {
  for (int i = 0;; ++i) {
    auto host = "host-" + std::to_string(number) + "-" + std::to_string(i) + ".example";
    if (routing::shard_of(host, shard_count) == shard)
      return host;
  }
}

/// Where the endpoint of a host that is made up for a test listens: one root path, or none.
using ports = std::vector<std::uint16_t>;

std::shared_ptr<routing::host_grant> grant_of(const std::string& host, const ports& at) {
  auto granted = std::make_shared<routing::host_grant>(routing::host_grant{host, {}});
  if (!at.empty())
    granted->paths.push_back({});
  for (const auto port : at)
    granted->paths.front().endpoints.push_back({test::registered(host, port).target, {}});
  return granted;
}

/// A root path and a thousand others.
std::shared_ptr<routing::host_grant> large_grant_of(const std::string& host) {
  auto granted = grant_of(host, {1});
  for (int i = 0; i < 1'000; ++i)
    granted->paths.push_back({std::string{"path-"}.append(std::to_string(i)),
                              {},
                              {{test::registered(host, 2).target, {}}}});
  return granted;
}

std::shared_ptr<const std::vector<routing::host_change>> joined(const std::string& host,
                                                                std::uint16_t port) {
  routing::path_change path;
  path.endpoints.push_back({routing::endpoint_change::kind::put, //
                            test::registered(host, port).target,
                            {}});
  return std::make_shared<const std::vector<routing::host_change>>(
    std::vector<routing::host_change>{{host, {path}}});
}

net::task<void> obtain(lease_cache& cache, std::string host, std::optional<bool>& outcome) {
  const bool granted = co_await cache.obtain(host);
  outcome = granted;
}

class LeaseCache : public test::actors_by_hand {
protected:
  ~LeaseCache() override {
    if (cache)
      expire_waits();
    kill(mailbox);
  }

  void start() {
    cache.emplace(unit, options);
    std::vector<route_shard_actor> actors;
    for (auto& each : shards)
      actors.push_back(own(test::spawn_recording_shard(system, each)));
    mailbox = cache->open(actors);
    run();
  }
  /// The shards have no wildcards, and say so.
  void start_in_sync() {
    start();
    for (std::size_t shard = 0; shard < shard_count; ++shard)
      tell(mailbox, host_granted{shard, 1, 0, true, nullptr});
  }
  void run() override {
    do {
      scheduler().run();
      events.context().restart();
      events.context().poll();
    } while (scheduler().has_job());
  }
  void wait_for(const std::string& of, std::optional<bool>& result) {
    net::start(obtain(*cache, of, result), [](const std::exception_ptr&) {});
    run();
  }
  void grant(const std::string& of, const ports& at, std::uint64_t incarnation = 1,
             std::uint64_t sequence = 0, bool in_sync = true) {
    tell(mailbox, host_granted{routing::shard_of(of, shard_count), incarnation, sequence, in_sync,
                               grant_of(of, at)});
  }
  void push(const std::string& of, std::uint16_t port, std::uint64_t incarnation,
            std::uint64_t sequence) {
    tell(mailbox, hosts_changed{routing::shard_of(of, shard_count), incarnation, sequence, true,
                                joined(of, port)});
  }
  /// Turns the loop's time on, past every wait.
  void expire_waits() {
    time_turned += options.wait_max + 1s;
    events.deadlines().advance(std::chrono::steady_clock::now() + time_turned);
    run();
  }
  std::vector<std::string> asked(std::size_t shard) const {
    std::vector<std::string> hosts;
    for (const auto& each : shards[shard].asked)
      hosts.push_back(each.host);
    return hosts;
  }
  std::vector<std::string> given_back(std::size_t shard) const {
    std::vector<std::string> hosts;
    for (const auto& each : shards[shard].dropped)
      hosts.push_back(each.host);
    return hosts;
  }
  /// How many endpoints a request for that host would choose from; nothing if it is not leased.
  std::optional<std::size_t> choices(const std::string& of) {
    auto* leased = cache->find(of);
    if (leased == nullptr)
      return std::nullopt;
    const auto matched = cache->match(of, leased, "");
    return matched.what == kind::found ? matched.pool->size() : 0;
  }
  /// The same for a host that only a wildcard may cover.
  std::size_t covered(const std::string& of) {
    const auto matched = cache->match(of, nullptr, "");
    return matched.what == kind::found ? matched.pool->size() : 0;
  }
  /// The shard of that index dies; its successor tells `record` what it hears.
  void replace(std::size_t shard, test::shard_record& record) {
    tell(mailbox, shard_replaced{shard, own(test::spawn_recording_shard(system, record))});
  }

  lease_cache_options options;
  net::buffer_budget budget{1 << 20};
  net::event_loop events{0, budget};
  loop unit{system, events};
  std::array<test::shard_record, shard_count> shards;
  std::optional<lease_cache> cache;
  lease_cache_actor mailbox;
  std::optional<bool> outcome, other_outcome;
  std::chrono::nanoseconds time_turned{0};
  const std::string host = host_of(0), other_host = host_of(1);
};

// -- Asking

TEST_F(LeaseCache, AsksEveryShardForItsWildcardsAtFirst) {
  start();
  for (const auto& each : shards)
    ASSERT_THAT(each.wildcards_asked, SizeIs(1));
  EXPECT_EQ(shards[0].wildcards_asked.front().holder, mailbox);
}

TEST_F(LeaseCache, AsksTheShardOfTheHostOnceForAllWhoWait) {
  start_in_sync();
  wait_for(host, outcome);
  wait_for(host, other_outcome);
  EXPECT_THAT(asked(0), ElementsAre(host));
  EXPECT_THAT(asked(1), IsEmpty());
  EXPECT_FALSE(outcome.has_value());
  grant(host, {1, 2});
  EXPECT_EQ(outcome, true);
  EXPECT_EQ(other_outcome, true);
  EXPECT_EQ(choices(host), 2u);
}

TEST_F(LeaseCache, LeasesAMissToo) {
  start_in_sync();
  wait_for(host, outcome);
  grant(host, {});
  EXPECT_EQ(outcome, true);
  EXPECT_EQ(choices(host), 0u);
}

TEST_F(LeaseCache, TellsWhoWaitsThatTheShardIsLate) {
  start_in_sync();
  wait_for(host, outcome);
  events.deadlines().advance(std::chrono::steady_clock::now() + options.wait_max - 1s);
  EXPECT_FALSE(outcome.has_value());
  expire_waits();
  EXPECT_EQ(outcome, false);
}

TEST_F(LeaseCache, TakesALateAnswerWithoutHavingAskedAgain) {
  start_in_sync();
  wait_for(host, outcome);
  expire_waits();
  wait_for(host, other_outcome); // A second question would be a second lease for the shard.
  EXPECT_THAT(asked(0), SizeIs(1));
  grant(host, {1});
  EXPECT_EQ(other_outcome, true);
  EXPECT_EQ(choices(host), 1u);
}

TEST_F(LeaseCache, LetsEveryoneWhoComesLaterWaitAsLong) {
  start_in_sync();
  wait_for(host, outcome);
  expire_waits();
  wait_for(host, other_outcome);
  EXPECT_FALSE(other_outcome.has_value());
  expire_waits();
  EXPECT_EQ(other_outcome, false);
}

TEST_F(LeaseCache, BoundsWhatItAsksAtTheSameTime) {
  options.hosts_asked_max = 1;
  start_in_sync();
  wait_for(host, outcome);
  wait_for(other_host, other_outcome);
  EXPECT_EQ(other_outcome, false);
  EXPECT_THAT(asked(1), IsEmpty());
  grant(host, {});
  other_outcome.reset();
  wait_for(other_host, other_outcome);
  EXPECT_THAT(asked(1), SizeIs(1));
}

// -- What shards say

TEST_F(LeaseCache, FollowsPushesAndAcknowledgesThem) {
  start_in_sync();
  grant(host, {1}, 1, 4);
  push(host, 2, 1, 5);
  EXPECT_EQ(choices(host), 2u);
  ASSERT_THAT(shards[0].applied, SizeIs(1));
  EXPECT_EQ(shards[0].applied.front().incarnation, 1u);
  EXPECT_EQ(shards[0].applied.front().sequence, 5u);
  EXPECT_EQ(shards[0].applied.front().holder, mailbox);
}

TEST_F(LeaseCache, IgnoresPushesOfAnOldSequence) {
  start_in_sync();
  grant(host, {1}, 1, 4);
  push(host, 2, 1, 4);
  push(host, 3, 1, 3);
  EXPECT_EQ(choices(host), 1u);
  EXPECT_THAT(shards[0].applied, IsEmpty());
}

TEST_F(LeaseCache, IgnoresWhatAnOldIncarnationSays) {
  start_in_sync();
  grant(host, {1}, 2, 0);
  push(host, 2, 1, 9);
  grant(host, {1, 2, 3}, 1, 9);
  EXPECT_EQ(choices(host), 1u);
}

TEST_F(LeaseCache, IgnoresPushesAboutHostsItDoesNotLease) {
  start_in_sync();
  grant(host, {1}, 1, 4);
  push(host_of(0, 7), 2, 1, 5);
  EXPECT_EQ(choices(host_of(0, 7)), std::nullopt);
  EXPECT_THAT(shards[0].applied, SizeIs(1));
}

TEST_F(LeaseCache, DeniesOnlyWhenAllShardsAreInSync) {
  start();
  EXPECT_FALSE(cache->may_deny());
  tell(mailbox, host_granted{0, 1, 0, true, nullptr});
  EXPECT_FALSE(cache->may_deny());
  tell(mailbox, host_granted{1, 1, 0, true, nullptr});
  EXPECT_TRUE(cache->may_deny());
  tell(mailbox, hosts_changed{1, 1, 1, false, nullptr});
  EXPECT_FALSE(cache->may_deny());
  tell(mailbox, hosts_changed{1, 1, 2, true, nullptr});
  EXPECT_TRUE(cache->may_deny());
}

TEST_F(LeaseCache, DeniesNothingAfterItStoodStillBeforeAllShardsHaveCaughtUp) {
  options.pauses = std::make_shared<net::standstill>();
  const auto soon = std::chrono::steady_clock::now() + 24h; // Ahead of the loop's own beats, which then change nothing.
  options.pauses->beat(soon);
  start_in_sync();
  grant(host, {});
  EXPECT_TRUE(cache->may_deny());
  options.pauses->beat(soon + net::standstill::longest_beat + 1ms);
  EXPECT_FALSE(cache->may_deny());
  expire_waits();
  EXPECT_THAT(shards[0].wildcards_asked, SizeIs(1)) << "asked, it could not know yet";
  options.pauses->caught_up(1);
  expire_waits();
  for (std::size_t shard = 0; shard < shard_count; ++shard) {
    ASSERT_THAT(shards[shard].wildcards_asked, SizeIs(2));
    EXPECT_FALSE(cache->may_deny());
    tell(mailbox, host_granted{shard, 1, 0, true, nullptr});
  }
  EXPECT_TRUE(cache->may_deny());
  expire_waits();
  EXPECT_THAT(shards[0].wildcards_asked, SizeIs(2));
}

TEST_F(LeaseCache, TakesNoWordForOneAfterAPauseThatWasAskedForBefore) {
  options.pauses = std::make_shared<net::standstill>();
  const auto soon = std::chrono::steady_clock::now() + 24h;
  options.pauses->beat(soon);
  start();
  tell(mailbox, host_granted{0, 1, 0, true, nullptr});
  options.pauses->beat(soon + 1h);
  options.pauses->caught_up(1);
  expire_waits();
  tell(mailbox, host_granted{0, 1, 0, true, nullptr});
  tell(mailbox, host_granted{1, 1, 0, true, nullptr}); // What it was asked for at first.
  EXPECT_FALSE(cache->may_deny());
  tell(mailbox, host_granted{1, 1, 0, true, nullptr});
  EXPECT_TRUE(cache->may_deny());
}

TEST_F(LeaseCache, CoversHostsByWildcardsWithoutAsking) {
  start_in_sync();
  grant("*.wild.example", {1, 2});
  EXPECT_EQ(covered("a.wild.example"), 2u);
  EXPECT_THAT(asked(0), IsEmpty());
  EXPECT_THAT(asked(1), IsEmpty());
}

TEST_F(LeaseCache, TellsTheOwnerOfTheHostThatAnEndpointFailed) {
  start_in_sync();
  cache->endpoint_failed(other_host, "deep", "127.0.0.1:1", true);
  run();
  EXPECT_THAT(shards[0].failures, IsEmpty());
  ASSERT_THAT(shards[1].failures, SizeIs(1));
  const auto& failed = shards[1].failures.front();
  EXPECT_EQ(failed.host, other_host);
  EXPECT_EQ(failed.path, "deep");
  EXPECT_EQ(failed.address, "127.0.0.1:1");
  EXPECT_TRUE(failed.prune_tls);
}

// -- Giving back

TEST_F(LeaseCache, GivesBackMissesOverTheirBound) {
  options.rules.misses_max = 3;
  start_in_sync();
  for (int i = 0; i < 10; ++i)
    grant(host_of(0, i), {});
  EXPECT_THAT(given_back(0), SizeIs(7));
  std::size_t leased = 0;
  for (int i = 0; i < 10; ++i)
    leased += cache->find(host_of(0, i)) != nullptr;
  EXPECT_EQ(leased, 3u);
}

TEST_F(LeaseCache, KeepsRoutesWhenMissesOverflow) {
  options.rules.misses_max = 3;
  start_in_sync();
  grant(other_host, {1});
  for (int i = 0; i < 10; ++i)
    grant(host_of(0, i), {});
  EXPECT_EQ(choices(other_host), 1u);
  EXPECT_THAT(given_back(1), IsEmpty());
}

TEST_F(LeaseCache, GivesBackTheLeastUsedHostsOverTheirBound) {
  options.rules.hosts_max = 2;
  start_in_sync();
  grant(host_of(0, 0), {1});
  grant(host_of(1, 1), {1});
  grant(host_of(0, 2), {1});
  EXPECT_THAT(given_back(0).size() + given_back(1).size(), 1u);
}

TEST_F(LeaseCache, GivesBackWhatNoRequestUsed) {
  options.idle_max = 1ns;
  start_in_sync();
  grant(host, {1});
  grant(other_host, {});
  advance(1s);
  advance(1s);
  EXPECT_THAT(given_back(0), ElementsAre(host));
  EXPECT_THAT(given_back(1), ElementsAre(other_host));
  EXPECT_EQ(choices(host), std::nullopt);
}

// -- A shard that died

TEST_F(LeaseCache, KeepsItsLeasesWhenAShardDies) {
  start_in_sync();
  grant(host, {1});
  grant("*.wild.example", {1});
  test::shard_record successor;
  replace(0, successor);
  EXPECT_EQ(choices(host), 1u);
  EXPECT_EQ(covered("a.wild.example"), 1u);
  EXPECT_FALSE(cache->may_deny());
  EXPECT_THAT(successor.wildcards_asked, SizeIs(1));
}

TEST_F(LeaseCache, AsksTheSuccessorWhatItsPredecessorDidNotAnswer) {
  start_in_sync();
  wait_for(host, outcome);
  wait_for(other_host, other_outcome);
  test::shard_record successor;
  replace(0, successor);
  ASSERT_THAT(successor.asked, SizeIs(1));
  EXPECT_EQ(successor.asked.front().host, host);
  grant(host, {1}, 2, 0, false);
  EXPECT_EQ(outcome, true);
  grant(other_host, {1});
}

TEST_F(LeaseCache, BelievesNothingMoreOfAShardThatDied) {
  start_in_sync();
  grant(host, {1});
  test::shard_record successor;
  replace(0, successor);
  push(host, 2, 1, 1);
  tell(mailbox, host_granted{0, 1, 0, true, nullptr});
  EXPECT_EQ(choices(host), 1u);
  EXPECT_FALSE(cache->may_deny());
}

TEST_F(LeaseCache, KeepsItsLeasesWhileTheSuccessorKnowsNothing) {
  start_in_sync();
  grant(host, {1});
  test::shard_record successor;
  replace(0, successor);
  tell(mailbox, host_granted{0, 2, 0, false, nullptr});
  EXPECT_EQ(choices(host), 1u);
}

TEST_F(LeaseCache, LeasesAnewWhatThePredecessorGrantedOnceTheSuccessorKnowsAll) {
  start_in_sync();
  grant(host, {1});
  test::shard_record successor;
  replace(0, successor);
  tell(mailbox, host_granted{0, 2, 0, false, nullptr});
  tell(mailbox, hosts_changed{0, 2, 1, true, nullptr});
  EXPECT_EQ(choices(host), std::nullopt); // The successor pushes nothing about it.
  EXPECT_TRUE(cache->may_deny());
  wait_for(host, outcome);
  ASSERT_THAT(successor.asked, SizeIs(1));
  grant(host, {1, 2}, 2, 1);
  EXPECT_EQ(choices(host), 2u);
  tell(mailbox, hosts_changed{0, 2, 2, true, nullptr});
  EXPECT_EQ(choices(host), 2u); // Once is enough.
}

TEST_F(LeaseCache, ForgetsWildcardsThatTheSuccessorDoesNotConfirm) {
  start_in_sync();
  const auto shard = routing::shard_of("*.gone.example", shard_count);
  std::string stays = "*.stays.example";
  for (int i = 0; routing::shard_of(stays, shard_count) != shard; ++i)
    stays = "*.stays-" + std::to_string(i) + ".example";
  grant("*.gone.example", {1});
  push(stays, 1, 1, 1);
  test::shard_record successor;
  replace(shard, successor);
  tell(mailbox, host_granted{shard, 2, 0, false, nullptr});
  EXPECT_EQ(covered("a.gone.example"), 1u);

  tell(mailbox, hosts_changed{shard, 2, 1, true, nullptr});
  EXPECT_THAT(successor.wildcards_asked, SizeIs(2));
  EXPECT_EQ(covered("a.gone.example"), 1u);
  grant(stays, {1, 2}, 2, 1);
  tell(mailbox, host_granted{shard, 2, 1, true, nullptr});
  EXPECT_EQ(covered("a.gone.example"), 0u);
  EXPECT_EQ(covered("a" + stays.substr(1)), 2u);
}

// -- Large hosts.

TEST_F(LeaseCache, AHostOfManyPathsGrowsInPortions) {
  start_in_sync();
  const auto big = host_of(0, 1);
  wait_for(big, outcome);
  const auto granted = large_grant_of(big);
  caf::anon_send(mailbox, host_granted{0, 1, 1, true, granted});
  caf::anon_send(mailbox, hosts_changed{0, 1, 2, true, joined(big, 3)});
  int turns = 0;
  events.context().restart();
  while (!outcome && events.context().poll_one() > 0) {
    ++turns;
    EXPECT_TRUE(cache->find(big) == nullptr || outcome) << "half a host would deny paths it has";
  }
  EXPECT_GE(turns, 8);
  EXPECT_TRUE(outcome.value_or(false));
  run();
  EXPECT_EQ(choices(big), 2u) << "what the shard said meanwhile comes after it";
  auto* leased = cache->find(big);
  ASSERT_NE(leased, nullptr);
  EXPECT_EQ(leased->path_count(), 1'001u);
  EXPECT_EQ(cache->match(big, leased, "path-999/below").pool->path(), "path-999");
}

TEST_F(LeaseCache, AShardThatDiesWhileAHostGrowsIsAskedAgain) {
  start_in_sync();
  const auto big = host_of(0, 1);
  wait_for(big, outcome);
  caf::anon_send(mailbox, host_granted{0, 1, 1, true, large_grant_of(big)});
  events.context().restart();
  events.context().poll_one();
  test::shard_record successor;
  replace(0, successor);
  run();
  EXPECT_FALSE(outcome);
  EXPECT_EQ(cache->find(big), nullptr);
  ASSERT_EQ(successor.asked.size(), 1u);
  EXPECT_EQ(successor.asked.front().host, big);
  grant(big, {4}, 2, 1);
  EXPECT_TRUE(outcome.value_or(false));
  EXPECT_EQ(choices(big), 1u);
}

} // namespace
} // namespace shunt
