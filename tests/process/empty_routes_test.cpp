// Routes whose backends left: known, so 503 and not 404, unless the operator wants gorouter's ways.
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

namespace shunt::test {
namespace {

class EmptyRoutes : public SharedStage<EmptyRoutes> {};

TEST_F(EmptyRoutes, AreAnsweredWith503AndRetryAfter) {
  const backend there;
  const auto host = here().mapped(there);
  EXPECT_EQ(here().get(host).status, 200);
  here().unmap(host, there);
  ASSERT_TRUE(here().eventually_answers(host, "/", 503));
  const auto answer = here().get(host, "/any/path");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.reason, "Service Unavailable");
  EXPECT_EQ(answer.body, "503 Service Unavailable: Requested route ('" + host
                           + "') has no available endpoints.\n");
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "no_endpoints");
  EXPECT_EQ(answer.one("Retry-After"), "5");
  EXPECT_EQ(answer.one("Cache-Control"), "public,max-age=2");
  EXPECT_EQ(answer.one("X-Content-Type-Options"), "nosniff");
}

TEST_F(EmptyRoutes, AreNeverAnsweredWith404EvenWhenNobodyAskedBefore) {
  const backend there;
  const auto host = here().mapped(there);
  here().unmap(host, there);
  EXPECT_EQ(here().get(host).status, 503);
}

TEST_F(EmptyRoutes, ServeAgainWhenABackendComesBack) {
  const backend there;
  const auto host = here().mapped(there);
  here().unmap(host, there);
  ASSERT_TRUE(here().eventually_answers(host, "/", 503));
  here().map(host, there);
  EXPECT_TRUE(here().eventually_answers(host, "/", 200));
}

TEST_F(EmptyRoutes, ShadowNeitherAShorterPathNorAWildcard) {
  const backend shorter{answers::ok("shorter")};
  const backend wild{answers::ok("wild")};
  const backend gone;
  const auto base = fresh_host();
  here().map("a." + base + "/p", shorter);
  here().map("*." + base, wild);
  here().map("a." + base + "/p/q", gone);
  here().map("b." + base, gone);
  here().unmap("a." + base + "/p/q", gone);
  here().unmap("b." + base, gone);
  EXPECT_TRUE(eventually([&] { return here().get("a." + base, "/p/q").body == "shorter"; }));
  EXPECT_TRUE(eventually([&] { return here().get("b." + base).body == "wild"; }));
}

TEST_F(EmptyRoutes, LeaveTheOthersOfAnUnregisterAlone) {
  const backend one;
  const backend two;
  const auto host = here().mapped(one);
  here().map(host, two);
  here().unmap(host, one);
  EXPECT_EQ(here().under_test.routes().at(host).size(), 1u);
  here().bus.withdraw(one.port(), "unknown." + host); // Matches nothing and does nothing.
  here().unmap("x" + host, one.port());
  EXPECT_EQ(here().get(host).status, 200);
}

class CustomEmptyRoutes : public SharedStage<CustomEmptyRoutes> {
public:
  static nlohmann::json configuration() {
    return {{"empty_pool",
             {{"status", 410},
              {"body", "{\"gone\":true}"},
              {"content_type", "application/json"},
              {"retry_after", "90s"}}}};
  }
};

TEST_F(CustomEmptyRoutes, AreAnsweredAsTheOperatorSays) {
  const backend there;
  const auto host = here().mapped(there);
  here().unmap(host, there);
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 410);
  EXPECT_EQ(answer.body, "{\"gone\":true}");
  EXPECT_EQ(answer.one("Content-Type"), "application/json");
  EXPECT_EQ(answer.one("Retry-After"), "90");
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "no_endpoints");
}

/// The two ways to ask for gorouter's behaviour.
struct legacy_case {
  const char* name;
  nlohmann::json configuration;
};

class LegacyEmptyRoutes : public testing::TestWithParam<legacy_case> {};

TEST_P(LegacyEmptyRoutes, AreUnknownAtOnce) {
  stage here{GetParam().configuration};
  const backend there;
  const auto host = here.mapped(there);
  EXPECT_EQ(here.get(host).status, 200);
  here.unmap(host, there);
  ASSERT_TRUE(here.eventually_answers(host, "/", 404));
  EXPECT_EQ(here.get(host).one("X-Cf-RouterError"), "unknown_route");
  EXPECT_FALSE(here.under_test.routes().contains(host));
}

INSTANTIATE_TEST_SUITE_P(
  All, LegacyEmptyRoutes,
  testing::Values(legacy_case{"KeepZero", {{"empty_pool", {{"keep", "0s"}}}}},
                  legacy_case{"ResponseCodeOff", {{"empty_pool_response_code_503", false}}}),
  [](const auto& each) { return each.param.name; });

} // namespace
} // namespace shunt::test
