// Registrations come by NATS and by the Routing API, to each node in an order of its own. As long as each endpoint's own
// events come in order, all copies end up the same, by their digests and by what they route to.
#include "routing/slice.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace shunt::routing::testing {
namespace {

using chance = std::mt19937_64;
/// What happens to one endpoint of one route, in order.
using story = std::deque<registration>;

constexpr std::uint16_t ports = 4;

std::string any_uri(chance& from) {
  static const std::vector<std::string> uris{"a.com", "a.com/path", "A.com/path", "b.com", "*.c.com", "x.c.com"};
  return uris[from() % uris.size()];
}

/// As NATS or as the Routing API has it, of a few instances that differ in what a route as a whole may take from them.
endpoint_ptr any_endpoint(std::uint16_t port, std::uint32_t index, chance& from) {
  return make_endpoint(port, [&](endpoint_spec& spec) {
    static const std::vector<std::string> services{"", "https://one.test", "https://two.test"};
    static const std::vector<std::string> algorithms{"", "round-robin", "least-connection"};
    static const std::vector<std::string> apps{"app-0", "app-1"};
    spec.app = apps[from() % apps.size()];
    spec.route_service_url = services[from() % services.size()];
    spec.loadbalancing = algorithms[from() % algorithms.size()];
    if (from() % 2 == 0) {
      spec.modification_guid = "guid";
      spec.modification_index = index;
    }
  });
}

std::vector<story> any_stories(chance& from) {
  std::map<std::pair<std::string, std::uint16_t>, story> all;
  for (std::uint32_t i = 0; i < 60; ++i) {
    auto uri = any_uri(from);
    std::string key = uri;
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto port = static_cast<std::uint16_t>(1 + from() % ports);
    const bool ends = from() % 3 == 0;
    all[{key, port}].push_back(registration::make(ends, any_endpoint(port, i, from), std::move(uri)));
  }
  std::vector<story> some;
  for (auto& [key, each] : all)
    some.push_back(std::move(each));
  return some;
}

/// One of the orders in which all of it may arrive.
std::vector<registration> told(std::vector<story> stories, chance& from) {
  std::vector<registration> all;
  while (!stories.empty()) {
    auto& next = stories[from() % stories.size()];
    all.push_back(std::move(next.front()));
    next.pop_front();
    std::erase_if(stories, [](const story& each) { return each.empty(); });
  }
  return all;
}

struct copy {
  slice table{table_rules{}};

  explicit copy(const std::vector<registration>& heard) {
    table.keep_history({});
    for (const auto& each : heard)
      if (each.unregister)
        table.unregister_endpoint(each, start);
      else
        table.register_endpoint(each, start, wall_ns);
  }
  /// What loops route by, but for the order of a pool, in which it was heard, and for what a route says of itself that
  /// nobody serves any more: that follows from whoever left last.
  std::map<std::string, std::string> routes() const {
    std::map<std::string, std::string> all;
    for (const auto* host : {"a.com", "b.com", "*.c.com", "x.c.com"}) {
      for (const auto& path : const_cast<slice&>(table).grant(host).paths) {
        std::vector<std::string> pool;
        for (const auto& each : path.endpoints)
          pool.push_back(std::string{each.target->address()}.append("=").append(each.target->app()));
        std::sort(pool.begin(), pool.end());
        auto& text = all[std::string{host}.append("/").append(path.path)];
        if (!pool.empty())
          text = path.traits.route_service_url;
        for (const auto& each : pool)
          text.append(" ").append(each);
      }
    }
    return all;
  }
};

TEST(SliceOrder, DecidesNothingBetweenEndpoints) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    chance from{seed};
    const auto stories = any_stories(from);
    const copy one{told(stories, from)};
    for (int other = 0; other < 4; ++other) {
      const copy another{told(stories, from)};
      ASSERT_EQ(one.table.history()->digest(), another.table.history()->digest()) << "seed " << seed;
      ASSERT_EQ(one.routes(), another.routes()) << "seed " << seed;
    }
  }
}

TEST(SliceOrder, OfOneEndpointsEventsDoesDecide) {
  const auto here = registration::make(false, make_endpoint(1), "a.com");
  const auto gone = registration::make(true, make_endpoint(1), "a.com");
  const copy stays{{gone, here}}, ends{{here, gone}};
  EXPECT_NE(stays.table.history()->digest(), ends.table.history()->digest());
  EXPECT_NE(stays.routes(), ends.routes());
}

} // namespace
} // namespace shunt::routing::testing
