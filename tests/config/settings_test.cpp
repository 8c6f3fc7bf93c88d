// What values mean where 0 or an absent key stands for something else.
#include "support.hpp"

#include <gtest/gtest.h>

namespace shunt::config::test {
namespace {

TEST(Settings, LegacyEmptyPoolsAreAskedForByName) {
  EXPECT_FALSE(loaded("").legacy_empty_pools());
  EXPECT_FALSE(loaded("empty_pool_response_code_503: true").legacy_empty_pools());
  EXPECT_TRUE(loaded("empty_pool_response_code_503: false").legacy_empty_pools());
  EXPECT_TRUE(loaded("empty_pool: {keep: 0s}").legacy_empty_pools());
  EXPECT_TRUE(
    loaded("empty_pool: {keep: 0s}\nempty_pool_response_code_503: true").legacy_empty_pools());
  EXPECT_EQ(loaded("empty_pool_response_code_503: false").empty_pool_response_code_503, false);
}

TEST(Settings, HeaderLimitsHaveSensibleMeanings) {
  EXPECT_EQ(loaded("").request_header_bytes_max(), 1 << 20);
  EXPECT_EQ(loaded("max_request_header_bytes: -1").request_header_bytes_max(), 1 << 20);
  EXPECT_EQ(loaded("max_request_header_bytes: 500").request_header_bytes_max(), 500);
  EXPECT_EQ(loaded("max_request_header_bytes: 2000000").request_header_bytes_max(), 1 << 20);
  EXPECT_EQ(loaded("").response_header_bytes_max(), 10 << 20);
  EXPECT_EQ(loaded("max_response_header_bytes: 500").response_header_bytes_max(), 500);
}

TEST(Settings, ThereIsAlwaysOneAttempt) {
  EXPECT_EQ(loaded("").backend_attempts_max(), 1);
  EXPECT_EQ(loaded("backends: {max_attempts: 3}").backend_attempts_max(), 3);
}

TEST(Settings, IdleConnectionsFollowGo) {
  EXPECT_EQ(loaded("max_idle_conns_per_host: 0").idle_conns_per_host_max(), 2);
  EXPECT_EQ(loaded("max_idle_conns_per_host: 100").idle_conns_per_host_max(), 100);
}

TEST(Settings, EachProtocolMayHaveATimeoutOfItsOwn) {
  const auto s = loaded("endpoint_timeout: 9s\nhttp_2_endpoint_timeout: 2s");
  EXPECT_EQ(s.endpoint_timeout_for(1), 9s);
  EXPECT_EQ(s.endpoint_timeout_for(2), 2s);
  EXPECT_EQ(loaded("http_1_endpoint_timeout: 3s").endpoint_timeout_for(1), 3s);
}

TEST(Settings, LoopsAreOnePerCpuUnlessGiven) {
  EXPECT_EQ(loaded("").loop_count(8), 8u);
  EXPECT_EQ(loaded("").loop_count(0), 1u);
  EXPECT_EQ(loaded("go_max_procs: 0").loop_count(8), 8u);
  EXPECT_EQ(loaded("go_max_procs: 3").loop_count(8), 3u);
}

} // namespace
} // namespace shunt::config::test
