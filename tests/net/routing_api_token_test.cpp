#include "net/routing_api_token.hpp"

#include <gtest/gtest.h>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;

TEST(RoutingApiToken, ReadsTextAndLife) {
  const auto read =
    read_token(R"({"access_token":"ey.J0","token_type":"bearer","expires_in":599,"jti":"x"})");
  ASSERT_TRUE(read.token) << read.reason;
  EXPECT_EQ(read.token->text, "ey.J0");
  EXPECT_EQ(read.token->expires_in, 599s);
}

TEST(RoutingApiToken, TakesALifeItCannotReadForNone) {
  for (const auto* life : {"null", "\"599\"", "-5", "[]"}) {
    const auto read = read_token(R"({"access_token":"t","expires_in":)" + std::string{life} + '}');
    ASSERT_TRUE(read.token) << life;
    EXPECT_EQ(read.token->expires_in, 0s) << life;
  }
  EXPECT_EQ(read_token(R"({"access_token":"t"})").token->expires_in, 0s);
  EXPECT_GT(read_token(R"({"access_token":"t","expires_in":1e300})").token->expires_in, 24h);
}

TEST(RoutingApiToken, RefusesWhatCannotStandInAHeader) {
  for (const auto* answer : {"", "[]", "null", "{", "{}", R"({"access_token":""})",
                             R"({"access_token":1})", R"({"access_token":"a b"})",
                             R"({"access_token":"a\r\nX: y"})", R"({"access_token":"\u00e9"})"}) {
    const auto read = read_token(answer);
    EXPECT_FALSE(read.token) << answer;
    EXPECT_FALSE(read.reason.empty()) << answer;
  }
}

TEST(TokenCache, KeepsATokenUntilShortlyBeforeItExpires) {
  token_cache cache{30s};
  const token_cache::time_point now{1000s};
  EXPECT_EQ(cache.find(now), nullptr);
  cache.keep({"t", 100s}, now);
  ASSERT_NE(cache.find(now + 69s), nullptr);
  EXPECT_EQ(*cache.find(now + 69s), "t");
  EXPECT_EQ(cache.find(now + 70s), nullptr);
}

TEST(TokenCache, DoesNotKeepWhatExpiresAtOnce) {
  token_cache cache{30s};
  cache.keep({"t", 30s}, token_cache::time_point{1000s});
  EXPECT_EQ(cache.find(token_cache::time_point{1000s}), nullptr);
}

TEST(TokenCache, ForgetsWhatWasRefused) {
  token_cache cache{0s};
  cache.keep({"t", 100s}, token_cache::time_point{1000s});
  cache.forget();
  EXPECT_EQ(cache.find(token_cache::time_point{1000s}), nullptr);
}

} // namespace
} // namespace shunt::net
