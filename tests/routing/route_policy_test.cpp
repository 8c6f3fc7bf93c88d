// Who may use a route: what callers are told by, what options mean, and what is decided by both.
#include "routing/route_policy.hpp"

#include "make.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using testing::make_endpoint;

const caller_identity alice{"app-a", "space-1", "org-1"};

caller_identity read_units(std::vector<std::string> units) {
  return caller_of(units);
}

endpoint_ptr endpoint_in(std::string_view space, std::string_view organization) {
  const std::array<endpoint_spec::tag_view, 2> tags{
    {{"space_id", space}, {"organization_id", organization}}};
  return make_endpoint(1, [&](endpoint_spec& s) { s.tags = tags; });
}

std::string decided(std::vector<policy_option> options, const caller_identity& caller = alice) {
  const route_policy policy{options};
  const auto verdict = policy.admits(caller);
  return std::string{verdict.allowed ? "+" : "-"}.append(verdict.rule);
}

std::string decided_at(std::vector<policy_option> options, const endpoint& target,
                       const caller_identity& caller = alice) {
  const route_policy policy{options};
  const auto verdict = policy.admits(caller, target);
  return std::string{verdict.allowed ? "+" : "-"}.append(verdict.rule);
}

// -- Guids

TEST(Guid, IsShortAndHasOnlyLettersDigitsDashesAndUnderscores) {
  for (const std::string good : {"a", "0", "d45e4b57-3420-40b3-b13d-9ef0562d58c5", "A_z-9"})
    EXPECT_TRUE(is_guid(good)) << good;
  EXPECT_TRUE(is_guid(std::string(guid_bytes_max, 'g')));
  EXPECT_FALSE(is_guid(std::string(guid_bytes_max + 1, 'g')));
  for (const std::string bad : {"", " a", "a ", "a:b", "a,b", "a/b", "a.b", "a*", "\xc3\xa4", "a\n"})
    EXPECT_FALSE(is_guid(bad)) << bad;
  EXPECT_FALSE(is_guid(std::string_view{"a\0b", 3}));
}

// -- Callers

TEST(Caller, IsReadFromItsUnits) {
  EXPECT_EQ(read_units({"app:app-a", "space:space-1", "organization:org-1"}), alice);
  EXPECT_EQ(read_units({"organization:org-1", "ignored", "space:space-1", "", "app:app-a"}), alice);
  EXPECT_EQ(read_units({"app:app-a"}), (caller_identity{"app-a", "", ""}));
}

TEST(Caller, IsNobodyWithoutOneApp) {
  const std::vector<std::vector<std::string>> units{
    {},
    {"space:space-1", "organization:org-1"},
    {"app:"},
    {"App:app-a"},
    {" app:app-a"},
    {"xapp:app-a"},
    {"app:a b"},
    {"app:a,app:b"},
    {"app:app-a", "app:app-b"},
    {"app:app-a", "app:app-a"},
    {"app:app-a", "space:"},
    {"app:app-a", "space:space-1", "space:space-2"},
    {"app:app-a", "organization:a:b"},
    {std::string{"app:a\0b", 7}},
  };
  for (const auto& each : units) {
    const auto caller = caller_of(each);
    EXPECT_EQ(caller, caller_identity{}) << ::testing::PrintToString(each);
    EXPECT_FALSE(caller.is_known());
  }
}

// -- Sources

TEST(RoutePolicy, AllowsWhomASourceNames) {
  EXPECT_EQ(decided({{"any", "cf:app:app-a"}}), "+route:cf:app:app-a");
  EXPECT_EQ(decided({{"any", "cf:space:space-1"}}), "+route:cf:space:space-1");
  EXPECT_EQ(decided({{"any", "cf:org:org-1"}}), "+route:cf:org:org-1");
  EXPECT_EQ(decided({{"any", "cf:any"}}), "+route:cf:any");
  EXPECT_EQ(decided({{"any", "cf:app:b, cf:space:2 , cf:org:3,cf:app:app-a,cf:app:c"}}),
            "+route:cf:app:app-a");
}

TEST(RoutePolicy, RefusesWhomNoSourceNames) {
  for (const std::string sources :
       {"cf:app:app-b", "cf:app:APP-A", "cf:app:app-", "cf:app:app-aa", "cf:space:app-a",
        "cf:org:space-1", "cf:space:space-2,cf:org:org-2,cf:app:space-1"})
    EXPECT_EQ(decided({{"any", sources}}), "-route:route_policies") << sources;
  const caller_identity homeless{"app-a", "", ""};
  EXPECT_EQ(decided({{"any", "cf:space:space-1,cf:org:org-1"}}, homeless), "-route:route_policies");
}

TEST(RoutePolicy, RefusesAllWhereNobodyIsNamed) {
  for (const std::string scope : {"any", "org", "space"})
    EXPECT_EQ(decided({{scope, ""}}), "-route:no_route_policies");
}

TEST(RoutePolicy, RefusesWhoeverIsNotKnown) {
  for (const caller_identity& nobody : {caller_identity{}, caller_identity{"", "space-1", "org-1"}})
    for (const std::string sources : {"cf:any", "cf:space:space-1", "", "nonsense"})
      EXPECT_EQ(decided({{"any", sources}}, nobody), "-identity_extraction") << sources;
}

TEST(RoutePolicy, TakesSourcesWithoutScopeForThoseOfAny) {
  const auto in_other_space = endpoint_in("space-9", "org-9");
  EXPECT_EQ(decided_at({{"", "cf:app:app-a"}}, *in_other_space), "+route:cf:app:app-a");
  EXPECT_EQ(decided({{"", "cf:app:app-b"}}), "-route:route_policies");
}

TEST(RoutePolicy, RefusesAllWhenItCannotBeUnderstood) {
  for (const std::string scope : {"Any", "ORG", "spaces", " any", "any ", "*", "none"}) {
    EXPECT_EQ(decided({{scope, "cf:any"}}), "-route:malformed_policy") << scope;
    EXPECT_FALSE(is_understood(scope, "cf:any")) << scope;
  }
  for (const std::string sources :
       {",", "cf:any,", ",cf:any", "cf:any,,cf:app:a", " ", "cf:app:", "cf:app", "cf:", "cf:ANY",
        "cf:any:x", "app:app-a", "cf:apps:app-a", "cf:app:app-a;cf:any", "cf:app:a b",
        "spiffe://x,cf:any", "cf:any\n", "\tcf:any"}) {
    EXPECT_EQ(decided({{"any", sources}}), "-route:malformed_policy") << sources;
    EXPECT_FALSE(is_understood("any", sources)) << sources;
  }
  EXPECT_TRUE(is_understood("", ""));
  EXPECT_TRUE(is_understood("space", "cf:app:a,cf:any"));
}

TEST(RoutePolicy, HasABoundedNumberOfSources) {
  std::string sources = "cf:app:app-a";
  for (std::size_t i = 1; i < policy_sources_max; ++i)
    sources.append(",cf:app:").append(std::to_string(i));
  EXPECT_EQ(decided({{"any", sources}}), "+route:cf:app:app-a");
  EXPECT_EQ(decided({{"any", sources}}, {"999", "", ""}), "+route:cf:app:999");
  sources.append(",cf:app:more");
  EXPECT_EQ(decided({{"any", sources}}), "-route:malformed_policy");
}

// -- Scopes

TEST(RoutePolicy, ComparesItsScopeWithTheEndpoint) {
  struct row {
    std::string scope, space, organization, decision;
  };
  const row rows[] = {
    {"any", "space-9", "org-9", "+route:cf:any"},  {"org", "space-9", "org-1", "+route:cf:any"},
    {"org", "space-1", "org-9", "-domain:scope=org"}, {"space", "space-1", "org-9", "+route:cf:any"},
    {"space", "space-9", "org-1", "-domain:scope=space"}, {"space", "", "", "-domain:scope=space"},
    {"org", "", "", "-domain:scope=org"},
  };
  for (const auto& each : rows) {
    const auto target = endpoint_in(each.space, each.organization);
    EXPECT_EQ(decided_at({{each.scope, "cf:any"}}, *target), each.decision) << each.scope;
    EXPECT_EQ(decided({{each.scope, "cf:any"}}), "+route:cf:any") << "no endpoint, no scope";
  }
}

TEST(RoutePolicy, TakesNoAbsenceForAMatch) {
  const caller_identity homeless{"app-a", "", ""};
  const auto bare = make_endpoint(1);
  EXPECT_EQ(decided_at({{"org", "cf:any"}}, *bare, homeless), "-domain:scope=org");
  EXPECT_EQ(decided_at({{"space", "cf:any"}}, *bare, homeless), "-domain:scope=space");
  EXPECT_EQ(decided_at({{"org", "cf:any"}}, *bare), "-domain:scope=org");
}

TEST(RoutePolicy, LooksForTheSourceBeforeTheScope) {
  const auto home = endpoint_in("space-1", "org-1");
  EXPECT_EQ(decided_at({{"space", "cf:app:app-b"}}, *home), "-route:route_policies");
  EXPECT_EQ(decided_at({{"space", ""}}, *home), "-route:no_route_policies");
}

// -- Several

TEST(RoutePolicy, AsksForTheConsentOfAllThatTheEndpointsCarry) {
  const policy_option narrow{"any", "cf:app:app-a"}, wide{"any", "cf:app:app-a,cf:app:app-b"};
  const caller_identity bob{"app-b", "space-1", "org-1"};
  EXPECT_EQ(decided({narrow, wide}), "+route:cf:app:app-a");
  EXPECT_EQ(decided({narrow, wide}, bob), "-route:route_policies");
  EXPECT_EQ(decided({wide}, bob), "+route:cf:app:app-b");
  EXPECT_EQ(decided({narrow, {"any", ""}}), "-route:no_route_policies");
  EXPECT_EQ(decided({narrow, {"any", "nonsense"}}), "-route:malformed_policy");
  const auto in_other_space = endpoint_in("space-9", "org-1");
  EXPECT_EQ(decided_at({{"any", "cf:any"}, {"space", "cf:any"}}, *in_other_space), "-domain:scope=space");
  EXPECT_EQ(decided_at({{"any", "cf:any"}, {"org", "cf:any"}}, *in_other_space), "+route:cf:any");
}

TEST(RoutePolicy, RefusesAllWhenTooManyDiffer) {
  std::vector<policy_option> options;
  for (std::size_t i = 0; i < route_policies_max; ++i)
    options.push_back({"any", "cf:any,cf:app:" + std::to_string(i)});
  EXPECT_EQ(decided(options), "+route:cf:any");
  options.push_back({"any", "cf:any"});
  EXPECT_EQ(decided(options), "-route:malformed_policy");
}

} // namespace
} // namespace shunt::routing
