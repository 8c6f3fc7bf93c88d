// How large the pools are that are balanced by hash, as a slice tells it to whoever counts them.
#include "routing/slice.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace shunt::routing {
namespace {

using namespace testing;

class SlicePools : public ::testing::Test {
protected:
  void put(const std::string& uri, std::uint16_t port, const std::string& loadbalancing = "hash") {
    const auto e = make_endpoint(port, [&](endpoint_spec& s) {
      s.loadbalancing = loadbalancing;
      s.hash_header = "X-Tenant";
    });
    table->register_endpoint(heard(uri, e), start, wall_ns);
  }
  void take(const std::string& uri, std::uint16_t port) {
    table->unregister_endpoint(registration::make(true, make_endpoint(port), uri), start);
  }
  std::vector<hash_pool> told() { return table->take_hash_pools(); }
  using pools = std::vector<hash_pool>;

  std::unique_ptr<slice> table = std::make_unique<slice>(table_rules{});
};

TEST_F(SlicePools, AreToldWhenTheyChange) {
  put("a.test/x", 1);
  put("a.test/x", 2);
  put("b.test", 1);
  EXPECT_EQ(told(), (pools{{"a.test/x", 2}, {"b.test", 1}}));
  put("a.test/x", 2);
  EXPECT_EQ(told(), pools{}) << "heard again";
  take("a.test/x", 1);
  EXPECT_EQ(told(), (pools{{"a.test/x", 1}}));
  take("a.test/x", 2);
  EXPECT_EQ(told(), (pools{{"a.test/x", 0}}));
}

TEST_F(SlicePools, AreThoseBalancedByHashAlone) {
  put("a.test", 1, "");
  put("b.test", 1, "least-connection");
  EXPECT_EQ(told(), pools{});
  put("a.test", 2);
  EXPECT_EQ(told(), (pools{{"a.test", 2}})) << "one endpoint with the option speaks for all";
  put("a.test", 3, "");
  EXPECT_EQ(told(), (pools{{"a.test", 3}}));
  put("a.test", 4, "round-robin");
  EXPECT_EQ(told(), (pools{{"a.test", 0}})) << "the smallest option counts";
  take("a.test", 4);
  EXPECT_EQ(told(), (pools{{"a.test", 3}}));
  put("a.test", 2, "");
  EXPECT_EQ(told(), (pools{{"a.test", 0}})) << "updated";
}

TEST_F(SlicePools, GoWithTheirStaleEndpoints) {
  put("a.test", 1);
  EXPECT_EQ(told().size(), 1u);
  table->prune(start + 1h);
  EXPECT_EQ(told(), (pools{{"a.test", 0}}));
}

TEST_F(SlicePools, FollowReservations) {
  put("a.test", 1, "");
  reservation by_hash{.host = "a.test", .path = ""};
  by_hash.loadbalancing = "hash";
  by_hash.until = start + 1h;
  ASSERT_TRUE(table->reserve(by_hash, start));
  EXPECT_EQ(told(), (pools{{"a.test", 1}}));
  put("a.test", 2, "");
  EXPECT_EQ(told(), (pools{{"a.test", 2}}));
  ASSERT_TRUE(table->unreserve("a.test", "", start));
  EXPECT_EQ(told(), (pools{{"a.test", 0}}));
}

} // namespace
} // namespace shunt::routing
