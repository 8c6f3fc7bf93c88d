// The operator's rules for headers and times, asked for by curl: what backends are told of the client's scheme,
// which fields a client may have dropped, traces, rewritten responses, and timeouts by the client's version of HTTP.
#include "tests/process/harness/curl.hpp"
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_settings.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <future>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

const tls_kit::minted& front() {
  static const auto own = tls_kit::mint({.common_name = "front", .dns = {"*.example.com"}});
  return own;
}

json settings(const json& more) {
  return tls_front({&front()}, more);
}

/// What a backend was told, by a client that comes by `tls` and claims that scheme.
std::vector<std::string> scheme_told(stage& here, bool tls, const std::string& claimed) {
  const backend app;
  const auto host = here.mapped(app);
  const curl ask{here.under_test};
  std::vector<std::string> claim;
  if (!claimed.empty())
    claim = {"-H", "X-Forwarded-Proto: " + claimed};
  EXPECT_EQ((tls ? ask.get_tls(host, claim) : ask.get(host, claim)).status, 200);
  return app.last_request().all("X-Forwarded-Proto");
}

TEST(CurlScheme, IsTheClientsWordByDefault) {
  stage here{settings(json::object())};
  EXPECT_THAT(scheme_told(here, true, ""), ElementsAre("https"));
  EXPECT_THAT(scheme_told(here, false, ""), ElementsAre("http"));
  EXPECT_THAT(scheme_told(here, true, "http"), ElementsAre("http"));
  EXPECT_THAT(scheme_told(here, false, "https"), ElementsAre("https"));
}

TEST(CurlScheme, IsThatOfTheConnectionWhenSanitized) {
  stage here{settings({{"sanitize_forwarded_proto", true}})};
  EXPECT_THAT(scheme_told(here, true, "http"), ElementsAre("https"));
  EXPECT_THAT(scheme_told(here, false, "https"), ElementsAre("http"));
  EXPECT_THAT(scheme_told(here, true, ""), ElementsAre("https"));
}

TEST(CurlScheme, IsHttpsWhenForced) {
  stage here{settings({{"force_forwarded_proto_https", true}, {"sanitize_forwarded_proto", true}})};
  EXPECT_THAT(scheme_told(here, true, "http"), ElementsAre("https"));
  EXPECT_THAT(scheme_told(here, false, "http"), ElementsAre("https")) << "it outweighs the other rule";
  EXPECT_THAT(scheme_told(here, false, ""), ElementsAre("https"));
}

TEST(CurlHopByHop, LosesWhatConnectionNames) {
  stage here;
  const backend app;
  const curl ask{here.under_test};
  const auto host = here.mapped(app);
  EXPECT_EQ(ask.get(host, {"-H", "Connection: X-Kept, X-Forwarded-For, x-other", "-H", "X-Kept: 1", "-H", "X-Other: 2",
                           "-H", "X-Forwarded-For: 192.0.2.7", "-H", "X-Third: 3"})
              .status,
            200);
  const auto seen = app.last_request();
  EXPECT_THAT(seen.all("X-Kept"), IsEmpty());
  EXPECT_THAT(seen.all("X-Other"), IsEmpty());
  EXPECT_THAT(seen.all("X-Third"), ElementsAre("3"));
  EXPECT_THAT(seen.all("X-Forwarded-For"), ElementsAre("127.0.0.1")) << "the address of the client is added later";
}

TEST(CurlHopByHop, KeepsWhatTheOperatorProtects) {
  stage here{{{"hop_by_hop_headers_to_filter", {"x-kept", "X-Forwarded-For"}}}};
  const backend app;
  const curl ask{here.under_test};
  const auto host = here.mapped(app);
  EXPECT_EQ(ask.get(host, {"-H", "Connection: X-Kept, X-Forwarded-For, x-other", "-H", "X-Kept: 1", "-H", "X-Other: 2",
                           "-H", "X-Forwarded-For: 192.0.2.7"})
              .status,
            200);
  const auto seen = app.last_request();
  EXPECT_THAT(seen.all("X-Kept"), ElementsAre("1"));
  EXPECT_THAT(seen.all("X-Other"), IsEmpty()) << "this one is not protected";
  EXPECT_THAT(seen.all("X-Forwarded-For"), ElementsAre("192.0.2.7, 127.0.0.1"));
}

// -- Traces.

class CurlTraces : public SharedStage<CurlTraces> {
public:
  static json configuration() {
    return {{"tracing", {{"enable_zipkin", true}, {"enable_w3c", true}, {"w3c_tenant_id", "tenant"}}}};
  }

protected:
  http_request seen_after(const std::vector<std::string>& options) const {
    const backend app;
    EXPECT_EQ(ask.get(here().mapped(app), options).status, 200);
    return app.last_request();
  }
  const curl ask{here().under_test};
};

TEST_F(CurlTraces, BeginAtTheRouter) {
  const auto seen = seen_after({});
  const auto trace = seen.one("X-B3-TraceId"), span = seen.one("X-B3-SpanId");
  EXPECT_THAT(trace, MatchesRegex("[0-9a-f]{32}"));
  EXPECT_EQ(span, trace.substr(16));
  EXPECT_EQ(seen.one("b3"), trace + "-" + span);
  EXPECT_EQ(seen.one("traceparent"), "00-" + trace + "-" + span + "-01");
  EXPECT_EQ(seen.one("tracestate"), "tenant@gorouter=" + span);
  auto id = seen.one("X-Vcap-Request-Id");
  id.erase(std::remove(id.begin(), id.end(), '-'), id.end());
  EXPECT_EQ(id, trace);
}

TEST_F(CurlTraces, GoOnFromASingleB3) {
  const std::string trace = "463ac35c9f6413ad48485a3953bb6124";
  const auto seen = seen_after({"-H", "b3: " + trace + "-a2fb4a1d1a96d312-1"});
  EXPECT_EQ(seen.one("b3"), trace + "-a2fb4a1d1a96d312-1");
  EXPECT_FALSE(seen.has("X-B3-TraceId"));
  EXPECT_EQ(seen.one("X-Vcap-Request-Id").size(), 36u);
}

TEST_F(CurlTraces, GoOnFromTheFieldsOfB3) {
  const std::string trace = "463ac35c9f6413ad48485a3953bb6124";
  const auto seen = seen_after({"-H", "X-B3-TraceId: " + trace, "-H", "X-B3-SpanId: a2fb4a1d1a96d312", "-H",
                                "X-B3-Sampled: 1", "-H", "X-B3-ParentSpanId: 0020000000000001"});
  EXPECT_EQ(seen.one("X-B3-TraceId"), trace);
  EXPECT_EQ(seen.one("X-B3-SpanId"), "a2fb4a1d1a96d312");
  EXPECT_EQ(seen.one("b3"), trace + "-a2fb4a1d1a96d312-1-0020000000000001");
}

TEST_F(CurlTraces, GoOnFromATraceparent) {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  const auto seen = seen_after({"-H", "traceparent: 00-" + trace + "-b7ad6b7169203331-00", "-H",
                                "tracestate: vendor=1,tenant@gorouter=old,other=2"});
  EXPECT_THAT(seen.one("traceparent"), MatchesRegex("00-" + trace + "-[0-9a-f]{16}-00"));
  const auto parent = seen.one("traceparent").substr(36, 16);
  EXPECT_NE(parent, "b7ad6b7169203331");
  EXPECT_EQ(seen.one("tracestate"), "tenant@gorouter=" + parent + ",vendor=1,other=2");
}

TEST_F(CurlTraces, AreNamedInTheLog) {
  const std::string trace = "0af7651916cd43dd8448eb211c80319c";
  const auto missing = ask.get(fresh_host(), {"-H", "X-CF-App-Instance: nonsense", "-H", "b3: " + trace + "-b7ad6b7169203331"});
  EXPECT_EQ(missing.status, 400);
  const auto line = here().under_test.wait_for_log("invalid-app-instance-header").at("data");
  EXPECT_EQ(line.at("trace-id"), trace);
  EXPECT_EQ(line.at("span-id"), "b7ad6b7169203331");
  EXPECT_EQ(line.at("vcap_request_id"), missing.one("X-Vcap-Request-Id"));
}

TEST_F(CurlTraces, AreNotOnResponses) {
  const backend app;
  const auto answer = ask.get(here().mapped(app));
  for (const auto* name : {"b3", "X-B3-TraceId", "X-B3-SpanId", "traceparent", "tracestate"})
    EXPECT_FALSE(answer.has(name)) << name;
  EXPECT_EQ(answer.one("X-Vcap-Request-Id"), app.last_request().one("X-Vcap-Request-Id"));
}

// -- Responses.

TEST(CurlRewriting, ReachesEveryResponse) {
  stage here{{{"http_rewrite",
               {{"responses",
                 {{"remove_headers", {{{"name", "x-powered-by"}}, {{"name", "X-Cf-RouterError"}}}},
                  {"add_headers_if_not_present",
                   {{{"name", "X-Frame-Options"}, {"value", "DENY"}},
                    {{"name", "X-Powered-By"}, {"value", "nobody"}}}}}}}}}};
  const curl ask{here.under_test};
  const backend app{answers::ok("x", "X-POWERED-BY: something\r\n")};
  const auto answer = ask.get(here.mapped(app));
  EXPECT_THAT(answer.all("X-Powered-By"), ElementsAre("nobody")) << "removed before anything is added";
  EXPECT_THAT(answer.all("X-Frame-Options"), ElementsAre("DENY"));
  const backend own{answers::ok("x", "x-frame-options: SAMEORIGIN\r\n")};
  EXPECT_THAT(ask.get(here.mapped(own)).all("X-Frame-Options"), ElementsAre("SAMEORIGIN"));
  const auto error = ask.get(fresh_host());
  EXPECT_EQ(error.status, 404);
  EXPECT_FALSE(error.has("X-Cf-RouterError"));
  EXPECT_THAT(error.all("X-Frame-Options"), ElementsAre("DENY"));
}

// -- Times.

class CurlTimeouts : public testing::Test {
protected:
  static json settings(const char* limited, const char* patient) {
    return {{"enable_h2c", true}, {"endpoint_timeout", "600s"}, {limited, slowed_text(300ms)}, {patient, "600s"}};
  }
  /// A client by one version runs into its time, and one by the other waits on.
  void expect_apart(stage& here, const std::vector<std::string>& hasty, const std::vector<std::string>& patient) {
    app.answer_with(held.holding("/hold"));
    const auto host = here.mapped(app);
    const curl first{here.under_test}, second{here.under_test};
    auto waiting = std::async(std::launch::async, [&] { return second.get(host, patient, "/hold"); });
    ASSERT_TRUE(app.wait_for_requests(1));
    const auto late = first.get(host, hasty, "/hold");
    EXPECT_EQ(late.status, 502);
    EXPECT_EQ(late.one("X-Cf-RouterError"), "endpoint_failure (context deadline exceeded)");
    held.open();
    EXPECT_EQ(waiting.get().body, "hello");
  }

  gate held;
  backend app;
  const std::vector<std::string> http1{"--http1.1"}, http2{"--http2-prior-knowledge"};
};

TEST_F(CurlTimeouts, OfHttp1AreNotThoseOfHttp2) {
  stage here{settings("http_1_endpoint_timeout", "http_2_endpoint_timeout")};
  expect_apart(here, http1, http2);
}

TEST_F(CurlTimeouts, OfHttp2AreNotThoseOfHttp1) {
  stage here{settings("http_2_endpoint_timeout", "http_1_endpoint_timeout")};
  expect_apart(here, http2, http1);
}

TEST_F(CurlTimeouts, AreTheGeneralOneWithoutTheirOwn) {
  stage here{{{"enable_h2c", true},
              {"endpoint_timeout", slowed_text(300ms)},
              {"http_1_endpoint_timeout", "0s"},
              {"http_2_endpoint_timeout", "0s"}}};
  app.answer_with(answers::silent());
  const auto host = here.mapped(app);
  const curl ask{here.under_test};
  EXPECT_EQ(ask.get(host, http1).status, 502);
  EXPECT_EQ(ask.get(host, http2).status, 502);
}

} // namespace
} // namespace shunt::test
