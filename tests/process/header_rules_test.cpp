// The operator's rules for headers: the scheme that is told to backends, fields of responses,
// traces.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using testing::MatchesRegex;

class HeaderRules : public SharedStage<HeaderRules> {
public:
  static nlohmann::json configuration() {
    return {{"sanitize_forwarded_proto", true},
            {"tracing", {{"enable_zipkin", true}, {"enable_w3c", true}, {"w3c_tenant_id", "t"}}},
            {"http_rewrite",
             {{"responses",
               {{"remove_headers", {{{"name", "X-Secret"}}, {{"name", "X-Vcap-Request-Id"}}}},
                {"add_headers_if_not_present",
                 {{{"name", "Strict-Transport-Security"}, {"value", "max-age=1"}}}}}}}}};
  }
};

TEST_F(HeaderRules, TheSchemeIsThatOfTheConnection) {
  const backend there;
  here().get(here().mapped(there), "/", "X-Forwarded-Proto: https\r\n");
  EXPECT_THAT(there.last_request().all("X-Forwarded-Proto"), testing::ElementsAre("http"));
}

TEST(ForcedProto, TheSchemeIsHttps) {
  stage here{{{"force_forwarded_proto_https", true}}};
  const backend there;
  const auto host = here.mapped(there);
  here.get(host, "/", "X-Forwarded-Proto: http\r\n");
  EXPECT_THAT(there.last_request().all("X-Forwarded-Proto"), testing::ElementsAre("https"));
  EXPECT_THAT(here.under_test.wait_for_access(host),
              testing::HasSubstr("x_forwarded_proto:\"https\""));
}

TEST_F(HeaderRules, FieldsOfResponsesAreRemovedAndAdded) {
  const backend there{answers::ok("x", "x-secret: 1\r\nX-Secret: 2\r\nX-Other: 3\r\n")};
  const auto answer = here().get(here().mapped(there));
  EXPECT_FALSE(answer.has("X-Secret"));
  EXPECT_FALSE(answer.has("X-Vcap-Request-Id"));
  EXPECT_EQ(answer.one("X-Other"), "3");
  EXPECT_EQ(answer.one("Strict-Transport-Security"), "max-age=1");
  const backend strict{answers::ok("x", "strict-transport-security: max-age=9\r\n")};
  EXPECT_THAT(here().get(here().mapped(strict)).all("Strict-Transport-Security"),
              testing::ElementsAre("max-age=9"));
}

TEST_F(HeaderRules, ErrorsOfTheRouterFollowThemToo) {
  const auto answer = here().get("nowhere.test");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.one("Strict-Transport-Security"), "max-age=1");
  EXPECT_FALSE(answer.has("X-Vcap-Request-Id"));
}

TEST_F(HeaderRules, ATraceBeginsHere) {
  const backend there;
  here().get(here().mapped(there));
  const auto seen = there.last_request();
  const auto trace = seen.one("X-B3-TraceId");
  EXPECT_THAT(trace, MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(seen.one("b3"), trace + "-" + seen.one("X-B3-SpanId"));
  EXPECT_THAT(seen.one("traceparent"), MatchesRegex("00-[0-9a-f]{32}-[0-9a-f]{16}-01"));
  EXPECT_THAT(seen.one("tracestate"), MatchesRegex("t@gorouter=[0-9a-f]{16}"));
}

TEST_F(HeaderRules, ATraceIsContinuedAndLogged) {
  const backend there;
  const auto host = here().mapped(there);
  here().get(host, "/",
             "b3: 0123456789abcdef0123456789abcdef-0123456789abcdef\r\n"
             "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n"
             "tracestate: other=1\r\n");
  const auto seen = there.last_request();
  EXPECT_EQ(seen.one("b3"), "0123456789abcdef0123456789abcdef-0123456789abcdef");
  EXPECT_FALSE(seen.has("X-B3-TraceId"));
  EXPECT_THAT(seen.one("traceparent"),
              MatchesRegex("00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00"));
  EXPECT_THAT(seen.one("tracestate"), MatchesRegex("t@gorouter=[0-9a-f]{16},other=1"));
  EXPECT_THAT(here().under_test.wait_for_access(host),
              testing::HasSubstr("b3:\"0123456789abcdef0123456789abcdef-0123456789abcdef\""));
}

TEST_F(HeaderRules, TheIdOfARequestComesFromItsTrace) {
  const backend there;
  here().get(here().mapped(there), "/",
             "b3: 0123456789ab1def8123456789abcdef-0123456789abcdef\r\n");
  EXPECT_EQ(there.last_request().one("X-Vcap-Request-Id"), "01234567-89ab-1def-8123-456789abcdef");
}

} // namespace
} // namespace shunt::test
