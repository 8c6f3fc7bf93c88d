// Endpoints and their statistics: that packing loses nothing and equality misses nothing.
#include "routing/endpoint_stats.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace shunt::routing {
namespace {

using namespace std::chrono_literals;
using testing::make_endpoint;

TEST(Endpoint, GivesBackAllItWasMadeOf) {
  const std::array<endpoint_spec::tag_view, 3> tags{
    {{"zeta", "1"}, {"component", "app-guid"}, {"zeta", "2"}}};
  const auto e = make_endpoint(61001, [&](endpoint_spec& s) {
    s.host = "::1";
    s.tls = true;
    s.app = "app-guid";
    s.instance_id = s.server_cert_domain_san = "instance";
    s.instance_index = "3";
    s.protocol = "http2";
    s.isolation_segment = "seg";
    s.availability_zone = "z1";
    s.route_service_url = "https://rs";
    s.loadbalancing = "least-connection";
    s.hash_header = "X-H";
    s.hash_balance = 1.25;
    s.policy_scope = "org";
    s.policy_sources = "cf:any";
    s.updated_at_ns = -7;
    s.modification_guid = "mg";
    s.modification_index = 9;
    s.stale_threshold_seconds = -5;
    s.tags = tags;
  });
  EXPECT_EQ(e->address(), "::1:61001");
  EXPECT_EQ(e->host(), "::1");
  EXPECT_EQ(e->port(), 61001);
  EXPECT_TRUE(e->tls());
  EXPECT_EQ(e->app(), "app-guid");
  EXPECT_EQ(e->instance_id(), "instance");
  EXPECT_EQ(e->server_cert_domain_san(), "instance");
  EXPECT_EQ(e->instance_index(), "3");
  EXPECT_EQ(e->protocol(), "http2");
  EXPECT_EQ(e->isolation_segment(), "seg");
  EXPECT_EQ(e->availability_zone(), "z1");
  EXPECT_EQ(e->route_service_url(), "https://rs");
  EXPECT_EQ(e->algorithm(), algorithm::least_connection);
  EXPECT_EQ(e->hash_header(), "X-H");
  EXPECT_EQ(e->hash_balance(), 1.25);
  EXPECT_EQ(e->policy_scope(), "org");
  EXPECT_EQ(e->policy_sources(), "cf:any");
  EXPECT_TRUE(e->has_policy());
  EXPECT_EQ(e->updated_at_ns(), -7);
  EXPECT_EQ(e->modification_guid(), "mg");
  EXPECT_EQ(e->modification_index(), 9u);
  EXPECT_EQ(e->stale_threshold_seconds(), -5);
  ASSERT_EQ(e->tag_count(), 2u); // Sorted, and of equal keys the last.
  EXPECT_EQ(e->tag(0), (std::pair<std::string_view, std::string_view>{"component", "app-guid"}));
  EXPECT_EQ(e->tag("zeta"), "2");
  EXPECT_EQ(e->tag("none"), "");
}

TEST(Endpoint, HasDefaults) {
  const auto e = make_endpoint(1);
  EXPECT_EQ(e->protocol(), "http1");
  EXPECT_FALSE(e->has_policy());
  EXPECT_TRUE(*e == *make_endpoint(1, [](endpoint_spec& s) { s.protocol = "http1"; }));
  EXPECT_EQ(make_endpoint(1, [](endpoint_spec& s) { s.protocol = "quic"; })->protocol(), "quic");
}

TEST(Endpoint, DiffersByEveryField) {
  using change = void (*)(endpoint_spec&);
  static const std::array<endpoint_spec::tag_view, 1> tags{{{"k", "v"}}};
  const change changes[] = {
    [](endpoint_spec& s) { s.host = "10.0.0.2"; },
    [](endpoint_spec& s) { s.port = 2; },
    [](endpoint_spec& s) { s.tls = true; },
    [](endpoint_spec& s) { s.app = "x"; },
    [](endpoint_spec& s) { s.instance_id = "x"; },
    [](endpoint_spec& s) { s.instance_index = "x"; },
    [](endpoint_spec& s) { s.server_cert_domain_san = "x"; },
    [](endpoint_spec& s) { s.protocol = "http2"; },
    [](endpoint_spec& s) { s.protocol = "x"; },
    [](endpoint_spec& s) { s.isolation_segment = "x"; },
    [](endpoint_spec& s) { s.availability_zone = "x"; },
    [](endpoint_spec& s) { s.route_service_url = "x"; },
    [](endpoint_spec& s) { s.tags = tags; },
    [](endpoint_spec& s) { s.loadbalancing = "x"; },
    [](endpoint_spec& s) { s.hash_header = "x"; },
    [](endpoint_spec& s) { s.hash_balance = 2; },
    [](endpoint_spec& s) { s.policy_scope = "x"; },
    [](endpoint_spec& s) { s.policy_sources = "x"; },
    [](endpoint_spec& s) { s.updated_at_ns = 1; },
    [](endpoint_spec& s) { s.modification_guid = "x"; },
    [](endpoint_spec& s) { s.modification_index = 1; },
    [](endpoint_spec& s) { s.stale_threshold_seconds = 1; },
  };
  std::vector<endpoint_ptr> all{make_endpoint(1)};
  for (const auto& c : changes)
    all.push_back(make_endpoint(1, c));
  for (std::size_t a = 0; a < all.size(); ++a)
    for (std::size_t b = 0; b < all.size(); ++b)
      EXPECT_EQ(*all[a] == *all[b], a == b) << a << ' ' << b;
}

TEST(Endpoint, IsEqualWhateverTheOrderOfTags) {
  const std::array<endpoint_spec::tag_view, 2> one{{{"a", "1"}, {"b", "2"}}};
  const std::array<endpoint_spec::tag_view, 2> other{{{"b", "2"}, {"a", "1"}}};
  EXPECT_TRUE(*make_endpoint(1, [&](endpoint_spec& s) { s.tags = one; })
              == *make_endpoint(1, [&](endpoint_spec& s) { s.tags = other; }));
}

TEST(Endpoint, StoresEqualTextsOnce) {
  const std::string id(36, 'i');
  const auto apart = make_endpoint(1, [&](endpoint_spec& s) { s.instance_id = id; });
  const auto shared = make_endpoint(
    1, [&](endpoint_spec& s) { s.instance_id = s.server_cert_domain_san = s.app = id; });
  EXPECT_EQ(shared->allocated_bytes(), apart->allocated_bytes() + 8);
}

TEST(Endpoint, IsBounded) {
  const std::string big(endpoint::text_bytes_max + 1, 'x');
  EXPECT_FALSE(make_endpoint(1, [&](endpoint_spec& s) { s.app = big; }));
  std::vector<std::string> keys;
  for (std::size_t i = 0; i <= endpoint::tags_max; ++i)
    keys.push_back(std::to_string(i));
  std::vector<endpoint_spec::tag_view> tags;
  for (const auto& k : keys)
    tags.emplace_back(k, k);
  EXPECT_FALSE(make_endpoint(1, [&](endpoint_spec& s) { s.tags = tags; }));
  tags.pop_back();
  const auto most = make_endpoint(1, [&](endpoint_spec& s) { s.tags = tags; });
  ASSERT_TRUE(most);
  EXPECT_EQ(most->tag("255"), "255");
}

TEST(Endpoint, KeepsTagsWhoseKeysAreTooManyOrTooLongToIntern) {
  for (int i = 0; i < 5000; ++i) {
    const std::string key =
      "made-up-" + std::to_string(i) + (i % 100 == 0 ? std::string(80, 'k') : "");
    const std::array<endpoint_spec::tag_view, 1> tags{{{key, "value"}}};
    const auto set = [&](endpoint_spec& s) { s.tags = tags; };
    const auto e = make_endpoint(1, set);
    ASSERT_EQ(e->tag(key), "value");
    ASSERT_EQ(e->tag(0).first, key);
    ASSERT_TRUE(*e == *make_endpoint(1, set));
  }
}

TEST(Endpoint, IsHeardNeverTooEarlyAndHardlyTooLate) {
  const auto e = make_endpoint(1);
  EXPECT_EQ(e->heard(), time_point{});
  for (const auto after : {0ns, 1ns, 50'000'000ns, 99'999'999ns, 100'000'000ns}) {
    const auto now = time_point{1h} + after;
    e->hear(now);
    EXPECT_GE(e->heard(), now);
    EXPECT_LT(e->heard(), now + 100ms);
  }
}

TEST(Endpoint, IsHeardOnMachinesThatRunForYears) {
  const auto e = make_endpoint(1);
  for (const auto days : {497, 498, 1000, 4900}) {
    const time_point now{days * 24h};
    e->hear(now);
    EXPECT_EQ(e->heard(), now) << days;
  }
}

TEST(EndpointStats, AreSharedByAddressAndGoWithTheirLastHolder) {
  const auto before = endpoint_stats::interned_count();
  {
    const auto one = endpoint_stats::intern("10.9.9.9:1");
    one->in_flight = 3;
    EXPECT_EQ(endpoint_stats::intern("10.9.9.9:1")->in_flight, 3u);
    EXPECT_EQ(endpoint_stats::interned_count(), before + 1);
  }
  EXPECT_EQ(endpoint_stats::interned_count(), before);
  EXPECT_EQ(endpoint_stats::intern("10.9.9.9:1")->in_flight, 0u);
}

TEST(EndpointStats, SurviveManyThreads) {
  const auto before = endpoint_stats::interned_count();
  std::atomic<int> wrong{0};
  const auto run = [&] {
    for (int i = 0; i < 20'000; ++i) {
      const auto held = endpoint_stats::intern(i % 2 == 0 ? "10.9.9.8:1" : "10.9.9.8:2");
      held->in_flight.fetch_add(1);
      wrong += held->in_flight.load() == 0;
      held->in_flight.fetch_sub(1);
    }
  };
  std::thread a{run}, b{run}, c{run};
  a.join();
  b.join();
  c.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(endpoint_stats::interned_count(), before);
}

} // namespace
} // namespace shunt::routing
