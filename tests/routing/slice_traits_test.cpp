// What a route as a whole has, derived from its endpoints, and what of it outlives them.
#include "routing/random.hpp"
#include "tests/routing/slice_fixture.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;
using enum register_outcome;

class SliceTraits : public Slice {};

TEST_F(SliceTraits, DerivesTraitsFromTheSetOfEndpoints) {
  struct voice {
    std::uint16_t port;
    std::string uri, url, option, header;
  };
  for (const int others : {0, 20}) { // Small pools are read off, large ones counted.
    std::vector<voice> voices{{1, "a.com/x", "", "", ""},
                              {2, "A.com/X", "https://b", "least-connection", ""},
                              {3, "a.com/X", "https://a", "nonsense", ""},
                              {4, "a.com/x", "", "hash", "H"}};
    for (int i = 0; i < others; ++i)
      voices.push_back({static_cast<std::uint16_t>(100 + i), "a.com/x", "", "", ""});
    rng random{1};
    for (int round = 0; round < 50; ++round) {
      for (std::size_t i = voices.size(); i > 1; --i)
        std::swap(voices[i - 1], voices[random.below(i)]);
      use({});
      for (const auto& v : voices)
        put(v.uri, v.port, [&](endpoint_spec& s) {
          s.route_service_url = v.url;
          s.loadbalancing = v.option;
          s.hash_header = v.header;
        });
      EXPECT_EQ(traits("a.com"), (route_traits{.route_service_url = "https://a",
                                               .algorithm = algorithm::least_connection,
                                               .spelling = "A.com/X"}));
      take("a.com/x", 3);
      EXPECT_EQ(traits("a.com").route_service_url, "https://b");
      take("a.com/x", 2);
      EXPECT_EQ(traits("a.com"), (route_traits{.algorithm = algorithm::hash, .hash_header = "H"}));
      put("a.com/x", 4);
      EXPECT_EQ(traits("a.com"), route_traits{});
    }
  }
}

TEST_F(SliceTraits, KeepsEveryPolicyThatAnEndpointCarries) {
  using policies = std::vector<policy_option>;
  for (const int others : {0, 20}) {
    std::vector<policy_option> carried{{"", ""}, {"org", "cf:any"}, {"any", "cf:app:b"}, {"org", "cf:any"}};
    carried.resize(carried.size() + static_cast<std::size_t>(others));
    const auto with = [](const policy_option& p) {
      return [&p](endpoint_spec& s) {
        s.policy_scope = p.scope;
        s.policy_sources = p.sources;
      };
    };
    rng random{1};
    for (int round = 0; round < 20; ++round) {
      std::vector<std::uint16_t> order;
      for (std::size_t i = 0; i < carried.size(); ++i)
        order.push_back(static_cast<std::uint16_t>(i + 1));
      for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[random.below(i)]);
      use({});
      for (const auto port : order)
        put("a.com", port, with(carried[port - 1u]));
      EXPECT_EQ(traits("a.com").policies, (policies{{"any", "cf:app:b"}, {"org", "cf:any"}}));
      take("a.com", 2);
      EXPECT_EQ(traits("a.com").policies, (policies{{"any", "cf:app:b"}, {"org", "cf:any"}}));
      take("a.com", 3);
      EXPECT_EQ(traits("a.com").policies, (policies{{"org", "cf:any"}}));
      put("a.com", 4);
      EXPECT_EQ(traits("a.com").policies, policies{});
    }
  }
}

TEST_F(SliceTraits, KeepsOneMorePolicyThanAreUnderstood) {
  for (std::uint16_t port = 1; port <= 30; ++port) {
    const auto scope = std::to_string(port);
    put("a.com", port, [&](endpoint_spec& s) { s.policy_scope = scope; });
    EXPECT_EQ(traits("a.com").policies.size(), std::min<std::size_t>(port, route_policies_max + 1));
  }
}

TEST_F(SliceTraits, FollowsAChangedSpelling) {
  put("a.com/x", 1);
  EXPECT_EQ(put("a.com/X", 1), refreshed);
  EXPECT_EQ(traits("a.com").spelling, "a.com/X");
  EXPECT_EQ(put("a.com/x", 1), refreshed);
  EXPECT_EQ(traits("a.com").spelling, "");
}

TEST_F(SliceTraits, RemembersWhoGuardsARouteWithoutEndpoints) {
  use({});
  put("a.com", 1, [](endpoint_spec& e) {
    e.route_service_url = "https://a";
    e.policy_sources = "cf:app:b";
  });
  take("a.com", 1);
  EXPECT_EQ(traits("a.com").route_service_url, "https://a");
  EXPECT_EQ(traits("a.com").policies.size(), 1u);
  put("a.com", 1);
  EXPECT_EQ(traits("a.com"), route_traits{});
  take("a.com", 1);
  EXPECT_EQ(traits("a.com"), route_traits{}) << "it was unbound before it stopped";
}

} // namespace
} // namespace shunt::routing
