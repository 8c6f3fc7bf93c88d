#include "routing/route_service_url.hpp"

#include <gtest/gtest.h>

namespace shunt::routing {
namespace {

TEST(RouteServiceUrl, SaysWhereToConnectAndWhatToAskFor) {
  const auto url = route_service_url::parse("https://Logger.example.com:8443/v1/log?level=1");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "Logger.example.com");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->authority, "Logger.example.com:8443");
  EXPECT_EQ(url->target, "/v1/log?level=1");
}

TEST(RouteServiceUrl, HasDefaults) {
  const auto url = route_service_url::parse("HTTPS://a.example.com");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->port, 443);
  EXPECT_EQ(url->target, "/");
  EXPECT_EQ(url->authority, "a.example.com");
}

TEST(RouteServiceUrl, AlwaysAsksForAPath) {
  EXPECT_EQ(route_service_url::parse("https://a.example.com?x=1")->target, "/?x=1");
}

TEST(RouteServiceUrl, TakesAddresses) {
  const auto url = route_service_url::parse("https://[2001:db8::1]:444/x");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->host, "2001:db8::1");
  EXPECT_EQ(url->port, 444);
  EXPECT_EQ(url->authority, "[2001:db8::1]:444");
  EXPECT_EQ(route_service_url::parse("https://[::1]")->port, 443);
  EXPECT_EQ(route_service_url::parse("https://192.0.2.1/")->host, "192.0.2.1");
}

class NoRouteServiceUrl : public testing::TestWithParam<std::string_view> {};

TEST_P(NoRouteServiceUrl, IsRefused) {
  EXPECT_FALSE(route_service_url::parse(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(, NoRouteServiceUrl,
                         testing::Values("", "https://", "https:///x", "http://a.example.com", "httpsx://a",
                                         "https://a.example.com:", "https://a.example.com:0",
                                         "https://a.example.com:65536", "https://a.example.com:4x",
                                         "https://user@a.example.com/", "https://user:pass@a.example.com/",
                                         "https://a.example.com/x y", "https://a.example.com/\r\nX: y",
                                         "https://a.example.com/#part", "https://[::1", "https://[]/",
                                         "https://[::1]x/", "https://[a.example.com]/",
                                         "https://a.example.com/\x7f", "https://\xc3\xa4.example.com/"));

TEST(RouteServiceUrl, IsBounded) {
  EXPECT_FALSE(route_service_url::parse("https://a.example.com/" + std::string(8192, 'x')));
}

} // namespace
} // namespace shunt::routing
