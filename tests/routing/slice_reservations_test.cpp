// Routes that somebody reserved: with endpoints or without, until their time is over.
#include "routing/lease_table.hpp"
#include "tests/routing/slice_fixture.hpp"

namespace shunt::routing::testing {
namespace {

class Reservations : public Slice {
protected:
  reservation wanted(const std::string& host, const std::string& path = "") {
    reservation made;
    made.host = host;
    made.path = path;
    made.until = now + 1h;
    return made;
  }
  static route_options_ptr options(const std::function<void(route_options&)>& set) {
    auto made = std::make_shared<route_options>();
    set(*made);
    return made;
  }
  void pass(std::chrono::seconds time) {
    now += time;
    table->prune(now);
  }
};

TEST_F(Reservations, MakeARouteWithoutEndpoints) {
  EXPECT_TRUE(table->reserve(wanted("a.com"), now));
  EXPECT_EQ(pool("a.com"), "empty");
  EXPECT_EQ(table->route_count(), 1u);
  EXPECT_EQ(table->reservation_count(), 1u);
  EXPECT_EQ(traits("a.com").reserved, route_traits::reservation_kind::alone);
}

TEST_F(Reservations, OfWhatCannotBeARouteAreRefused) {
  EXPECT_FALSE(table->reserve(wanted(""), now));
  EXPECT_FALSE(table->reserve(wanted(std::string(5000, 'a')), now));
  EXPECT_EQ(table->route_count(), 0u);
}

TEST_F(Reservations, EndWhenTheirTimeIsOver) {
  table->reserve(wanted("a.com"), now);
  pass(59min);
  EXPECT_EQ(pool("a.com"), "empty");
  pass(2min);
  EXPECT_EQ(pool("a.com"), "gone");
  EXPECT_EQ(table->route_count(), 0u);
  EXPECT_EQ(table->reservation_count(), 0u);
}

TEST_F(Reservations, LastLongerWhenTheyAreRenewed) {
  table->reserve(wanted("a.com"), now);
  pass(30min);
  table->reserve(wanted("a.com"), now);
  EXPECT_EQ(table->reservation_count(), 1u);
  pass(59min);
  EXPECT_EQ(pool("a.com"), "empty");
}

TEST_F(Reservations, EndWhenTheyAreWithdrawn) {
  table->reserve(wanted("a.com", "x"), now);
  EXPECT_FALSE(table->unreserve("a.com", "", now));
  EXPECT_TRUE(table->unreserve("a.com", "x", now));
  EXPECT_EQ(pool("a.com", "x"), "gone");
  EXPECT_FALSE(table->unreserve("a.com", "x", now));
}

TEST_F(Reservations, KeepTheRouteOfAnAppThatStopsForever) {
  use({.keep = 0ns});
  put("a.com", 1);
  table->reserve(wanted("a.com"), now);
  EXPECT_FALSE(take("a.com", 1).route_gone);
  EXPECT_EQ(pool("a.com"), "empty");
  put("a.com", 2);
  EXPECT_EQ(pool("a.com"), "2");
}

TEST_F(Reservations, LeaveTheEndpointsAloneWhenTheyEnd) {
  table->reserve(wanted("a.com"), now);
  put("a.com", 1);
  pass(100s);
  put("a.com", 1);
  EXPECT_TRUE(table->unreserve("a.com", "", now));
  EXPECT_EQ(pool("a.com"), "1");
  EXPECT_EQ(traits("a.com"), route_traits{});
}

TEST_F(Reservations, LeaveARouteThatHadEndpointsToTheRulesOfEmptyRoutes) {
  use({.keep = 2h});
  put("a.com", 1);
  table->reserve(wanted("a.com"), now);
  take("a.com", 1);
  EXPECT_EQ(table->empty_route_count(), 0u) << "they do not count among those that are kept";
  pass(61min);
  EXPECT_EQ(pool("a.com"), "empty");
  EXPECT_EQ(table->empty_route_count(), 1u);
  EXPECT_EQ(traits("a.com").reserved, route_traits::reservation_kind::none);
  pass(62min);
  EXPECT_EQ(pool("a.com"), "gone");
}

TEST_F(Reservations, AreNotForgottenWhenTooManyRoutesAreEmpty) {
  use({.keep_routes_max = 1});
  table->reserve(wanted("a.com"), now);
  for (const std::string host : {"b.com", "c.com", "d.com"}) {
    put(host, 1);
    take(host, 1);
  }
  EXPECT_EQ(pool("a.com"), "empty");
  EXPECT_EQ(pool("c.com"), "gone");
}

TEST_F(Reservations, WinOverWhatTheEndpointsSay) {
  put("a.com", 1, [](endpoint_spec& s) {
    s.route_service_url = "https://of-the-app";
    s.loadbalancing = "round-robin";
  });
  auto made = wanted("a.com");
  made.route_service_url = "https://reserved";
  made.loadbalancing = "hash";
  made.hash_header = "X-User";
  made.options = options([](auto& o) { o.empty_status = 429; });
  table->reserve(made, now);
  EXPECT_EQ(traits("a.com").route_service_url, "https://reserved");
  EXPECT_EQ(traits("a.com").algorithm, algorithm::hash);
  EXPECT_EQ(traits("a.com").hash_header, "X-User");
  EXPECT_EQ(traits("a.com").options->empty_status, 429);
  table->unreserve("a.com", "", now);
  EXPECT_EQ(traits("a.com").route_service_url, "https://of-the-app");
  EXPECT_EQ(traits("a.com").algorithm, algorithm::round_robin);
  EXPECT_FALSE(traits("a.com").options);
}

TEST_F(Reservations, ThatSayNothingOfARouteServiceLeaveTheAppsInPlace) {
  put("a.com", 1, [](endpoint_spec& s) { s.route_service_url = "https://of-the-app"; });
  table->reserve(wanted("a.com"), now);
  EXPECT_EQ(traits("a.com").route_service_url, "https://of-the-app");
  take("a.com", 1);
  EXPECT_EQ(traits("a.com").route_service_url, "https://of-the-app");
}

TEST_F(Reservations, AreToldToWhoeverLeasesTheHost) {
  lease_table leases{lease_rules{}, 1};
  table->watch("a.com");
  leases.grant(table->grant("a.com"), now);
  const auto follow = [&] {
    for (const auto& change : table->take_changes())
      leases.apply(change);
  };
  table->reserve(wanted("a.com", "x"), now);
  follow();
  EXPECT_EQ(leases.match("a.com", leases.find("a.com"), "x/y").what, match_result::kind::empty);
  auto renewed = wanted("a.com", "x");
  renewed.route_service_url = "https://new";
  table->reserve(renewed, now);
  follow();
  EXPECT_EQ(leases.find("a.com")->pool("x")->traits().route_service_url, "https://new");
  table->unreserve("a.com", "x", now);
  follow();
  EXPECT_TRUE(leases.find("a.com")->is_miss());
}

TEST_F(Reservations, SayWhomToWake) {
  EXPECT_FALSE(table->state_of("a.com", "").known);
  auto made = wanted("a.com");
  made.app = "guid";
  table->reserve(made, now);
  EXPECT_TRUE(table->state_of("a.com", "").known);
  EXPECT_EQ(table->state_of("a.com", "").endpoints, 0u);
  EXPECT_EQ(table->state_of("a.com", "").app, "guid");
}

// -- Options that registrations carry.

TEST_F(Reservations, OptionsOfRegistrationsStayWhenTheAppStops) {
  route_options asked;
  asked.hold = 15s;
  asked.empty_body = "asleep";
  const auto with = [&](endpoint_spec& s) {
    s.route_options = &asked;
    s.app = "app-1";
  };
  put("a.com", 1, with);
  put("a.com", 2);
  EXPECT_EQ(*traits("a.com").options, asked);
  take("a.com", 2);
  take("a.com", 1, with);
  EXPECT_EQ(pool("a.com"), "empty");
  EXPECT_EQ(*traits("a.com").options, asked);
  EXPECT_EQ(table->state_of("a.com", "").app, "app-1");
  put("a.com", 3);
  EXPECT_FALSE(traits("a.com").options) << "whoever comes next says nothing of it";
}

TEST_F(Reservations, OptionsOfALargePoolAreTheSmallestWhoeverCameFirst) {
  route_options small, large;
  small.empty_status = 500;
  large.empty_status = 501;
  for (std::uint16_t port = 1; port <= 20; ++port)
    put("a.com", port, [&](endpoint_spec& s) { s.route_options = port % 2 == 0 ? &large : &small; });
  EXPECT_EQ(traits("a.com").options->empty_status, 500);
  for (std::uint16_t port = 1; port <= 20; port += 2)
    take("a.com", port, [&](endpoint_spec& s) { s.route_options = &small; });
  EXPECT_EQ(traits("a.com").options->empty_status, 501);
}

TEST(RouteOptions, ComeOutOfAPackAsTheyWentIn) {
  route_options all;
  all.empty_status = 599;
  all.retry_after = 0s;
  all.hold = 600s;
  all.fallback = all.open_without_service = true;
  all.empty_content_type = "text/html";
  all.empty_body = std::string{"a\0b", 3};
  EXPECT_EQ(unpack_route_options(pack(all)), all);
  EXPECT_EQ(unpack_route_options(pack({})), route_options{});
  EXPECT_EQ(unpack_route_options(""), route_options{});
  route_options other = all;
  other.retry_after.reset();
  EXPECT_NE(pack(other), pack(all));
}

// -- Which route serves a request.

class ReservedMatch : public Reservations {
protected:
  /// Which route a request meets, with "!" if that has no endpoints.
  std::string met(const std::string& host, const std::string& path, lease_rules rules = {}) {
    lease_table leases{rules, 1};
    for (const auto& granted : table->grant_wildcards())
      leases.grant(granted, now);
    leases.grant(table->grant(host), now);
    const auto found = leases.match(host, leases.find(host), path);
    if (found.what == match_result::kind::none)
      return "none";
    auto uri = found.pool->host();
    uri.append("/").append(found.pool->path());
    return found.what == match_result::kind::empty ? uri.append("!") : uri;
  }
};

TEST_F(ReservedMatch, BeatsShorterPathsAndWildcards) {
  put("a.com", 1);
  put("*.com", 2);
  table->reserve(wanted("a.com", "x"), now);
  table->reserve(wanted("b.com"), now);
  EXPECT_EQ(met("a.com", "x/y"), "a.com/x!");
  EXPECT_EQ(met("a.com", "z"), "a.com/");
  EXPECT_EQ(met("b.com", ""), "b.com/!");
  EXPECT_EQ(met("c.com", ""), "*.com/");
}

TEST_F(ReservedMatch, LeavesThemTheRequestsIfItSaysSo) {
  put("a.com", 1);
  auto made = wanted("a.com", "x");
  made.options = options([](auto& o) { o.fallback = true; });
  table->reserve(made, now);
  EXPECT_EQ(met("a.com", "x/y"), "a.com/");
  take("a.com", 1);
  EXPECT_EQ(met("a.com", "x/y"), "a.com/x!");
}

TEST_F(ReservedMatch, IsBeatenByLongerPathsWithEndpoints) {
  table->reserve(wanted("a.com", "x"), now);
  put("a.com/x/y", 1);
  EXPECT_EQ(met("a.com", "x/y/z"), "a.com/x/y");
  EXPECT_EQ(met("a.com", "x"), "a.com/x!");
}

TEST_F(ReservedMatch, LeavesWhatIsKnownOfLongerPathsAndOfTheHostItselfInPlace) {
  table->reserve(wanted("a.com"), now);
  table->reserve(wanted("*.com"), now);
  for (const std::string uri : {"a.com/x", "b.com"}) {
    put(uri, 1);
    take(uri, 1);
  }
  EXPECT_EQ(met("a.com", "x/y"), "a.com/x!");
  EXPECT_EQ(met("a.com", ""), "a.com/!");
  EXPECT_EQ(met("b.com", ""), "b.com/!");
  EXPECT_EQ(met("c.com", ""), "*.com/!");
}

TEST_F(ReservedMatch, ServesWithItsEndpointsAsAnyRoute) {
  table->reserve(wanted("a.com"), now);
  put("a.com", 1);
  EXPECT_EQ(met("a.com", "p"), "a.com/");
}

TEST_F(ReservedMatch, IsNever404WithGoroutersRulesEither) {
  use({.legacy = true});
  const lease_rules legacy{.legacy = true};
  table->reserve(wanted("a.com"), now);
  EXPECT_EQ(met("a.com", "", legacy), "a.com/!");
  auto made = wanted("b.com");
  made.options = options([](auto& o) { o.fallback = true; });
  table->reserve(made, now);
  EXPECT_EQ(met("b.com", "", legacy), "b.com/!");
  put("a.com", 1);
  EXPECT_FALSE(take("a.com", 1).route_gone);
  pass(30min);
  EXPECT_EQ(met("a.com", "", legacy), "a.com/!");
}

TEST_F(ReservedMatch, WorksForWildcards) {
  table->reserve(wanted("*.com"), now);
  EXPECT_EQ(met("x.com", ""), "*.com/!");
  EXPECT_TRUE(table->unreserve("*.com", "", now));
  EXPECT_EQ(met("x.com", ""), "none");
}

} // namespace
} // namespace shunt::routing::testing
