// The slice, rule by rule: registering, unregistering, ageing, failing, and routes without
// endpoints.
#include "routing/slice.hpp"
#include "tests/routing/make.hpp"
#include "tests/routing/slice_fixture.hpp"

#include <gtest/gtest.h>

#include "routing/random.hpp"
#include <set>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;
using enum register_outcome;

constexpr auto tls = [](endpoint_spec& s) { s.tls = true; };

// -- Registering

TEST_F(Slice, TellsWhatARegistrationDid) {
  EXPECT_EQ(put("a.com", 1), added);
  EXPECT_EQ(put("a.com", 1), refreshed);
  EXPECT_EQ(put("a.com", 1, [](auto& s) { s.app = "x"; }), updated);
  EXPECT_EQ(put("a.com", 2), added);
  EXPECT_EQ(put("", 2), not_accepted);
  EXPECT_EQ(table->route_count(), 1u);
  EXPECT_EQ(table->endpoint_count(), 2u);
}

TEST_F(Slice, AppliesAChangeOfTheZoneAlone) {
  put("a.com", 1, [](auto& s) { s.availability_zone = "z1"; });
  EXPECT_EQ(put("a.com", 1, [](auto& s) { s.availability_zone = "z2"; }), updated);
  EXPECT_EQ(table->grant("a.com").paths.at(0).endpoints.at(0).target->availability_zone(), "z2");
}

TEST_F(Slice, KeepsThePlaceOfWhatIsReplaced) {
  for (std::uint16_t port = 1; port <= 4; ++port)
    put("a.com", port);
  put("a.com", 2, tls); // Plain and TLS at the same address replace each other.
  EXPECT_EQ(pool("a.com"), "1,2,3,4");
  take("a.com", 2);
  put("a.com", 2);
  EXPECT_EQ(pool("a.com"), "1,3,4,2");
}

TEST_F(Slice, IgnoresAnOlderStamp) {
  const auto stamp = [](std::int64_t ns) {
    return [ns](endpoint_spec& s) { s.updated_at_ns = ns; };
  };
  put("a.com", 1, stamp(wall_ns));
  EXPECT_EQ(put("a.com", 1, stamp(wall_ns - 1)), older);
  EXPECT_EQ(put("a.com", 1, stamp(wall_ns + 1)), updated);
  EXPECT_EQ(put("a.com", 1, stamp(0)), updated) << "without a stamp it goes by arrival";
  EXPECT_EQ(put("a.com", 1, stamp(1)), updated) << "what has no stamp is not newer";
  EXPECT_EQ(take("a.com", 1).outcome, unregister_outcome::removed);
}

TEST_F(Slice, DoesNotBelieveAStampFromTheFuture) {
  constexpr std::int64_t minute = 60'000'000'000;
  const auto put_at = [&](std::int64_t stamp, std::int64_t wall) {
    const auto e = make_endpoint(1, [&](endpoint_spec& s) { s.updated_at_ns = stamp; });
    return table->register_endpoint(heard("a.com", e), now, wall).outcome;
  };
  put_at(wall_ns + minute + 1, wall_ns);
  EXPECT_EQ(put_at(wall_ns, wall_ns), updated);
  EXPECT_EQ(put_at(wall_ns + minute, wall_ns), updated);
  EXPECT_EQ(put_at(wall_ns, wall_ns), older) << "a minute ahead is believed";
  put_at(wall_ns + 2 * minute, wall_ns);
  EXPECT_EQ(put_at(wall_ns + minute, wall_ns + 2 * minute), updated)
    << "it must not come to count as time passes";
}

TEST_F(Slice, ComparesModificationTags) {
  const auto tag = [](const char* guid, std::uint32_t index, const char* app = "") {
    return [=](endpoint_spec& s) {
      s.modification_guid = guid;
      s.modification_index = index;
      s.app = app;
    };
  };
  put("a.com", 1, tag("g", 5));
  EXPECT_EQ(put("a.com", 1, tag("g", 4)), unmodified);
  EXPECT_EQ(put("a.com", 1, tag("g", 5, "x")), unmodified);
  EXPECT_EQ(put("a.com", 1, tag("g", 6)), updated);
  EXPECT_EQ(put("a.com", 1, tag("h", 1)), updated);
  EXPECT_EQ(take("a.com", 1, tag("h", 0)).outcome, unregister_outcome::not_found);
  EXPECT_EQ(take("a.com", 1, tag("h", 1)).outcome, unregister_outcome::removed);
}

TEST_F(Slice, AcceptsSegmentsByTheTable) {
  const auto segment = [](const char* name) {
    return [name](endpoint_spec& s) { s.isolation_segment = name; };
  };
  const struct {
    segment_mode mode;
    const char* name;
    bool accepted;
  } rows[] = {
    {segment_mode::all, "", true},
    {segment_mode::all, "other", true},
    {segment_mode::segments, "ours", true},
    {segment_mode::segments, "", false},
    {segment_mode::segments, "other", false},
    {segment_mode::shared_and_segments, "ours", true},
    {segment_mode::shared_and_segments, "", true},
    {segment_mode::shared_and_segments, "other", false},
  };
  for (const auto& row : rows) {
    use({.sharding = row.mode, .isolation_segments = {"ours"}});
    EXPECT_EQ(put("a.com", 1, segment(row.name)) == added, row.accepted);
    EXPECT_EQ(take("a.com", 1, segment(row.name)).outcome == unregister_outcome::removed,
              row.accepted);
  }
}

// -- Unregistering

TEST_F(Slice, UnregistersExactKeysOnly) {
  put("a.com/x", 1);
  put("*.b.com", 1);
  EXPECT_EQ(take("a.com", 1).outcome, unregister_outcome::not_found);
  EXPECT_EQ(take("a.com/x/y", 1).outcome, unregister_outcome::not_found);
  EXPECT_EQ(take("c.b.com", 1).outcome, unregister_outcome::not_found);
  EXPECT_EQ(take("a.com/x", 2).outcome, unregister_outcome::not_found);
  const auto last = take("A.com/X/", 1);
  EXPECT_EQ(last.outcome, unregister_outcome::removed);
  EXPECT_TRUE(last.route_emptied);
  EXPECT_FALSE(last.route_gone);
}

// -- Ageing

TEST_F(Slice, PrunesByTheOwnThresholdUpToTheRoutersOne) {
  const auto seconds = [](std::int64_t n) {
    return [n](endpoint_spec& s) { s.stale_threshold_seconds = n; };
  };
  put("default.com", 1);
  put("short.com", 1, seconds(10));
  put("long.com", 1, seconds(1000));
  put("negative.com", 1, seconds(-1));
  EXPECT_EQ(table->prune(now).endpoints, 1u);
  now = start + 10s;
  EXPECT_EQ(table->prune(now).endpoints, 0u) << "exactly its age is not older";
  now = start + 10s + 1ms;
  const auto pruned = table->prune(now);
  ASSERT_EQ(pruned.routes.size(), 1u);
  EXPECT_EQ(pruned.routes[0].uri, "short.com");
  EXPECT_EQ(pruned.routes[0].addresses, std::vector<std::string>{address_of(1)});
  now = start + 120s + 1ms;
  EXPECT_EQ(table->prune(now).endpoints, 2u);
}

TEST_F(Slice, PrunesOnlyWhatWasNotHeardAgain) {
  for (std::uint16_t port = 1; port <= 20; ++port)
    put("a.com/x", port, [](auto& s) { s.isolation_segment = "seg"; });
  now = start + 100s;
  put("a.com/x", 7, [](auto& s) { s.isolation_segment = "seg"; });
  now = start + 121s;
  const auto pruned = table->prune(now);
  EXPECT_EQ(pruned.endpoints, 19u);
  EXPECT_EQ(pruned.routes.at(0).uri, "a.com/x");
  EXPECT_EQ(pruned.routes.at(0).isolation_segment, "seg");
  EXPECT_EQ(pool("a.com", "x"), "7");
  now = start + 221s;
  EXPECT_EQ(table->prune(now).endpoints, 1u);
  EXPECT_EQ(pool("a.com", "x"), "empty");
}

TEST_F(Slice, NeverPrunesTlsByAge) {
  put("a.com", 1, tls);
  now = start + 1000h;
  EXPECT_EQ(table->prune(now).endpoints, 0u);
  EXPECT_EQ(pool("a.com"), "1");
}

TEST_F(Slice, NoticesThatATlsEndpointBecamePlain) {
  put("a.com", 1, tls);
  put("a.com", 1);
  now = start + 121s;
  EXPECT_EQ(table->prune(now).endpoints, 1u);
}

TEST_F(Slice, RefreshesAllAtOnce) {
  put("a.com", 1);
  now = start + 500s;
  table->refresh_all(now);
  EXPECT_EQ(table->prune(now).endpoints, 0u);
  now = start + 619s;
  EXPECT_EQ(table->prune(now).endpoints, 0u);
  now = start + 621s;
  EXPECT_EQ(table->prune(now).endpoints, 1u);
}

TEST_F(Slice, DoesNotRenewWhatItIgnores) {
  put("a.com", 1, [](auto& s) { s.modification_guid = "g", s.modification_index = 2; });
  now = start + 100s;
  put("a.com", 1, [](auto& s) { s.modification_guid = "g", s.modification_index = 1; });
  now = start + 121s;
  EXPECT_EQ(table->prune(now).endpoints, 1u);
}

TEST_F(Slice, PrunesInPortions) {
  for (int i = 0; i < 1000; ++i)
    put("host-" + std::to_string(i), 1);
  now = start + 121s;
  prune_result result;
  int steps = 1;
  while (!table->prune_step(now, 100, result)) {
    ++steps;
    ASSERT_LE(result.endpoints, static_cast<std::size_t>(steps) * 12);
  }
  EXPECT_EQ(result.endpoints, 1000u);
  EXPECT_GT(steps, 50);
  EXPECT_EQ(table->endpoint_count(), 0u);
}

// -- Routes without endpoints

TEST_F(Slice, KeepsARouteWhoseLastEndpointLeft) {
  put("unregistered.com", 1);
  put("aged.com", 1);
  put("failed.com", 1, tls);
  take("unregistered.com", 1);
  table->report_failure("failed.com", "", address_of(1), true, now);
  table->prune(now = start + 121s);
  for (const char* host : {"unregistered.com", "aged.com", "failed.com"})
    EXPECT_EQ(pool(host), "empty") << host;
  EXPECT_EQ(table->empty_route_count(), 3u);
  table->prune(now = start + 24h);
  EXPECT_EQ(pool("unregistered.com"), "empty");
  table->prune(now = start + 24h + 1s);
  EXPECT_EQ(pool("unregistered.com"), "gone");
  EXPECT_EQ(table->prune(now = start + 25h).routes_gone, 1u);
  EXPECT_EQ(table->route_count(), 0u);
}

TEST_F(Slice, BoundsTheRoutesItKeepsAndForgetsTheOldest) {
  use({.keep_routes_max = 2});
  for (const char* host : {"a.com", "b.com", "c.com"}) {
    put(host, 1);
    EXPECT_FALSE(take(host, 1).route_gone);
  }
  EXPECT_EQ(pool("a.com"), "gone");
  EXPECT_EQ(pool("b.com"), "empty");
  EXPECT_EQ(table->route_count(), 2u);
}

TEST_F(Slice, BringsAKeptRouteBack) {
  put("a.com", 1);
  take("a.com", 1);
  const auto back = table->register_endpoint(heard("a.com", make_endpoint(2)), now, wall_ns);
  EXPECT_TRUE(back.route_added);
  EXPECT_EQ(pool("a.com"), "2");
  EXPECT_EQ(table->empty_route_count(), 0u);
  now = start + 119s;
  EXPECT_EQ(table->prune(now).routes_gone, 0u);
}

TEST_F(Slice, KeepsNothingIfToldSo) {
  use({.keep = 0s});
  put("a.com", 1);
  EXPECT_TRUE(take("a.com", 1).route_gone);
}

TEST_F(Slice, FollowsGorouterOnEmptyPoolsIfToldSo) {
  const struct {
    bool response_503;
    nanoseconds timeout;
    const char *unregistered, *failed, *after_a_cycle, *after_the_timeout;
  } rows[] = {
    {false, 0s, "gone", "empty", "gone", "gone"},
    {false, 60s, "gone", "empty", "gone", "gone"},
    {true, 0s, "gone", "empty", "gone", "gone"},
    {true, 60s, "empty", "empty", "empty", "gone"},
  };
  for (const auto& row : rows) {
    use({.legacy = true, .response_503 = row.response_503, .empty_timeout = row.timeout});
    now = start;
    put("u.com", 1);
    put("f.com", 1, tls);
    take("u.com", 1);
    table->report_failure("f.com", "", address_of(1), true, now);
    EXPECT_EQ(pool("u.com"), row.unregistered);
    EXPECT_EQ(pool("f.com"), row.failed);
    table->prune(now = start + 60s);
    EXPECT_EQ(pool("f.com"), row.after_a_cycle);
    table->prune(now = start + 60s + 1ms);
    EXPECT_EQ(pool("f.com"), row.after_the_timeout);
  }
}

// -- Failures

TEST_F(Slice, MarksForAQuarterOfTheThreshold) {
  put("a.com", 1);
  put("a.com", 2, tls);
  EXPECT_EQ(table->report_failure("a.com", "", address_of(1), true, now), failure_report::marked)
    << "a plain endpoint is not pruned";
  EXPECT_EQ(table->report_failure("a.com", "", address_of(2), false, now), failure_report::marked);
  const auto granted = table->grant("a.com");
  for (const auto& e : granted.paths.at(0).endpoints)
    EXPECT_EQ(e.failed_until, start + 30s);
}

TEST_F(Slice, FindsAnEndpointInItsRouteAlone) {
  put("a.com/path", 1);
  const auto found = table->endpoint_at("a.com", "path", address_of(1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address(), address_of(1));
  EXPECT_FALSE(table->endpoint_at("a.com", "", address_of(1)));
  EXPECT_FALSE(table->endpoint_at("a.com", "path", address_of(2)));
  EXPECT_FALSE(table->endpoint_at("b.com", "path", address_of(1)));
}

TEST_F(Slice, KeepsAMarkOnReplacementButNotOnReturn) {
  put("a.com", 1);
  put("a.com", 2);
  table->report_failure("a.com", "", address_of(1), false, now);
  put("a.com", 1, [](auto& s) { s.app = "x"; });
  EXPECT_EQ(table->grant("a.com").paths.at(0).endpoints.at(0).failed_until, start + 30s);
  take("a.com", 1);
  put("a.com", 1);
  EXPECT_EQ(table->grant("a.com").paths.at(0).endpoints.at(1).failed_until, time_point{});
}

TEST_F(Slice, PrunesAFailedTlsEndpointFromThatPoolOnly) {
  put("a.com", 1, tls);
  put("b.com", 1, tls);
  EXPECT_EQ(table->report_failure("a.com", "", address_of(1), true, now), failure_report::pruned);
  EXPECT_EQ(pool("a.com"), "empty");
  EXPECT_EQ(pool("b.com"), "1");
  EXPECT_EQ(put("a.com", 1, tls), added) << "a heartbeat brings it back";
  EXPECT_EQ(table->report_failure("a.com", "x", address_of(1), true, now), failure_report::unknown);
  EXPECT_EQ(table->report_failure("c.com", "", address_of(1), true, now), failure_report::unknown);
}

// -- Looking

TEST_F(Slice, ShowsEachRouteOnceWhileOthersComeAndGo) {
  for (int i = 0; i < 500; ++i)
    put("stays-" + std::to_string(i) + (i % 2 == 0 ? "/p" : ""), 1);
  std::multiset<std::string> seen;
  int next = 0;
  for (std::uint64_t at = 0; at != slice::walk_end;) {
    at = table->for_each_route(at, 7, [&](const slice::route_view& r) {
      if (r.host.starts_with("stays-"))
        seen.insert(std::string{r.host});
    });
    for (int i = 0; i < 20; ++i, ++next)
      put("comes-" + std::to_string(next), 1);
    take("comes-" + std::to_string(next / 2), 1);
  }
  EXPECT_EQ(seen.size(), 500u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 500u);
}

TEST_F(Slice, ShowsWhatTheRoutesPageNeeds) {
  put("a.com/x", 1, [](auto& s) { s.stale_threshold_seconds = 500; });
  table->for_each_route([&](const slice::route_view& r) {
    EXPECT_EQ(r.host, "a.com");
    EXPECT_EQ(r.path, "x");
    r.for_each_endpoint([](const endpoint& e, std::chrono::seconds ttl) {
      EXPECT_EQ(e.address(), address_of(1));
      EXPECT_EQ(ttl, 120s);
    });
  });
}

TEST_F(Slice, ForgetsAWatchedHostWithItsLastWatcher) {
  table->watch("nothing.com");
  table->unwatch("nothing.com");
  table->unwatch("never.com");
  put("*.w.com", 1);
  EXPECT_EQ(table->grant_wildcards().size(), 1u);
  take("*.w.com", 1);
  table->take_changes();
  table->prune(now = start + 25h);
  table->take_changes();
  EXPECT_TRUE(table->grant_wildcards().empty());
}

} // namespace
} // namespace shunt::routing
