// What may be asked for, and when answers change a verdict.
#include "routing/health_check.hpp"
#include "tests/routing/make.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shunt::routing {
namespace {

using namespace testing;

TEST(HealthCheck, TakesOnlyPathsThatAreAWholeTarget) {
  for (const auto* good : {"/", "/healthz", "/a/b?c=d&e=%20", "/~!$'()*+,;=:@-._"})
    EXPECT_TRUE(is_check_path(good)) << good;
  for (const auto* bad : {"", "healthz", "http://a/b", " /a", "/a b", "/a\tb", "/a\r\nHost: b", "/a#b",
                          "/\xc3\xa4", "/a\x7f"})
    EXPECT_FALSE(is_check_path(bad)) << bad;
  EXPECT_TRUE(is_check_path(std::string(check_path_bytes_max, '/')));
  EXPECT_FALSE(is_check_path(std::string(check_path_bytes_max + 1, '/')));
  EXPECT_FALSE(is_check_path(std::string("/a\0b", 4)));
}

TEST(HealthCheck, KeepsIntervalsWithinReason) {
  const health_check_rules rules{.interval = 20s};
  EXPECT_EQ(interval_of({"/", 0}, rules), 20s);
  EXPECT_EQ(interval_of({"/", 5'000}, rules), 5s);
  EXPECT_EQ(interval_of({"/", 1}, rules), 1s);
  EXPECT_EQ(interval_of({"/", 4'000'000'000}, rules), 1h);
  EXPECT_EQ(interval_of({"/", 0}, {.interval = 1ms}), 1s);
}

TEST(HealthVerdict, ChangesAfterEnoughResultsInARowAndNotBefore) {
  for (std::uint32_t bad = 1; bad <= 4; ++bad)
    for (std::uint32_t good = 1; good <= 4; ++good) {
      const health_check_rules rules{.unhealthy_after = bad, .healthy_after = good};
      health_verdict verdict;
      EXPECT_TRUE(verdict.healthy()) << "innocent until enough checks failed";
      for (int round = 0; round < 3; ++round) {
        for (std::uint32_t i = 1; i < bad; ++i)
          EXPECT_FALSE(verdict.heard(false, rules));
        EXPECT_TRUE(verdict.heard(false, rules));
        EXPECT_FALSE(verdict.healthy());
        EXPECT_FALSE(verdict.heard(false, rules)) << "it is unhealthy already";
        for (std::uint32_t i = 1; i < good; ++i)
          EXPECT_FALSE(verdict.heard(true, rules));
        EXPECT_TRUE(verdict.heard(true, rules));
        EXPECT_TRUE(verdict.healthy());
        EXPECT_FALSE(verdict.heard(true, rules)) << "it is healthy already";
      }
    }
}

/// Every sequence of ten results, against counting by hand.
TEST(HealthVerdict, CountsOnlyWhatComesInARow) {
  const health_check_rules rules{.unhealthy_after = 3, .healthy_after = 2};
  for (unsigned results = 0; results < 1024; ++results) {
    health_verdict verdict;
    std::string seen;
    bool healthy = true;
    for (unsigned i = 0; i < 10; ++i) {
      const bool success = ((results >> i) & 1u) != 0;
      seen += success ? '+' : '-';
      const bool before = healthy;
      if (healthy && seen.ends_with("---"))
        healthy = false;
      else if (!healthy && seen.ends_with("++"))
        healthy = true;
      ASSERT_EQ(verdict.heard(success, rules), healthy != before) << seen;
      ASSERT_EQ(verdict.healthy(), healthy) << seen;
    }
  }
}

TEST(HealthCheck, IsPackedIntoTheEndpointWithoutTrace) {
  const auto plain = make_endpoint(1);
  const auto asking = make_endpoint(1, [](endpoint_spec& s) {
    s.health_check_path = "/healthz";
    s.health_check_interval_ms = 5'000;
  });
  EXPECT_EQ(asking->health_check_path(), "/healthz");
  EXPECT_EQ(asking->health_check_interval_ms(), 5'000u);
  EXPECT_EQ(plain->health_check_path(), "");
  EXPECT_EQ(plain->health_check_interval_ms(), 0u);
  EXPECT_FALSE(*plain == *asking);
  const auto by_default = make_endpoint(1, [](endpoint_spec& s) { s.health_check_path = "/healthz"; });
  EXPECT_EQ(by_default->health_check_interval_ms(), 0u);
  EXPECT_FALSE(*by_default == *asking);
  const auto pointless = make_endpoint(1, [](endpoint_spec& s) { s.health_check_interval_ms = 5'000; });
  EXPECT_TRUE(*pointless == *plain) << "an interval alone asks for nothing, and costs nothing";
  EXPECT_EQ(pointless->allocated_bytes(), plain->allocated_bytes());
}

TEST(HealthCheck, StandsBesideAllOtherFieldsOfAnEndpoint) {
  const auto full = make_endpoint(1, [](endpoint_spec& s) {
    s.app = s.instance_id = s.instance_index = s.server_cert_domain_san = "x";
    s.protocol = "h2c";
    s.isolation_segment = s.availability_zone = s.route_service_url = s.loadbalancing = "y";
    s.hash_header = s.modification_guid = "z";
    s.hash_balance = 1.5;
    s.updated_at_ns = 7;
    s.modification_index = 9;
    s.health_check_path = "/h";
    s.health_check_interval_ms = 2'000;
  });
  EXPECT_EQ(full->health_check_path(), "/h");
  EXPECT_EQ(full->health_check_interval_ms(), 2'000u);
  EXPECT_EQ(full->modification_index(), 9u);
  EXPECT_EQ(full->protocol(), "h2c");
  EXPECT_EQ(full->hash_balance(), 1.5);
}

} // namespace
} // namespace shunt::routing
