// Each counter of the metrics moves by what it is named after, and by nothing else: one cause a test, and what the
// counter was before.
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_backend.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"
#include "tests/process/harness/tool.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using nlohmann::json;

const tls_kit::minted& ca() {
  static const auto made = tls_kit::mint_ca("backend-ca");
  return made;
}

tls_kit::minted certificate_for(const char* name) {
  return tls_kit::mint({.common_name = name, .dns = {name}, .issuer = &ca()});
}

constexpr const char* upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

class Counters : public SharedStage<Counters> {
public:
  static json configuration() {
    static const auto own = tls_kit::mint({.common_name = "router", .dns = {"localhost"}});
    return tls_front({&own}, {{"prometheus", {{"enabled", true}}},
                              {"enable_http2", true},
                              {"enable_h2c", true},
                              {"ca_certs", {ca().pem()}},
                              {"prune_stale_droplets_interval", "100ms"},
                              {"endpoint_dial_timeout", slowed_text(2s)},
                              {"backends", {{"max_conns", 1}, {"max_attempts", 1}}}});
  }

protected:
  /// What has to be unchanged unless a test says otherwise.
  static constexpr std::array failures = {
    "rejected_requests",        "bad_gateways",      "backend_invalid_id",
    "backend_invalid_tls_cert", "websocket_upgrades", "backend_tls_handshake_failed",
    "backend_exhausted_conns",  "websocket_failures", "empty_content_length_header",
    "shunt_malformed_requests_total", "shunt_failed_handshakes_total", "routes_pruned",
    "shunt_shed_requests_total", "total_dropped_messages"};

  void SetUp() override {
    SharedStage::SetUp();
    before_ = scrape(here());
  }
  double since(const std::string& name) const { return value(scrape(here()), name) - value(before_, name); }
  bool grows(const std::string& name, double by) const {
    return eventually([&] { return since(name) == by; });
  }
  /// Of `failures` these alone have moved, by one or so many.
  void expect_only(const std::map<std::string, double>& moved) const {
    for (const auto& [name, by] : moved)
      EXPECT_TRUE(grows(name, by)) << name << " moved by " << since(name) << " instead of " << by;
    const auto now = scrape(here());
    for (const auto* name : failures)
      if (!moved.contains(name)) {
        EXPECT_TRUE(now.contains(name)) << name << " is not there";
        EXPECT_EQ(value(now, name) - value(before_, name), 0) << name;
      }
  }
  static std::string group(const char* of) { return std::string{"responses{status_group=\""} + of + "\"}"; }
  static std::string mapped(const tls_backend& to, const std::string& san) {
    auto host = fresh_host();
    here().map(host, to.port(), {{"port", nullptr}, {"tls_port", to.port()}, {"server_cert_domain_san", san}});
    return host;
  }

private:
  metric_values before_;
};

// -- WebSockets.

TEST_F(Counters, OfWebSocketsThatBegan) {
  const backend app{answers::upgrade_echo()};
  client one{port()};
  one.send(get_request(here().mapped(app), "/", upgrade));
  EXPECT_EQ(one.response_head().status, 101);
  EXPECT_TRUE(grows("websocket_upgrades", 1)) << "while it lives";
  one.socket().half_close();
  EXPECT_TRUE(one.sees_close());
  EXPECT_TRUE(grows(group("xxx"), 1));
  expect_only({{"websocket_upgrades", 1}});
}

TEST_F(Counters, OfWebSocketsThatWereAnsweredOtherwise) {
  const backend app{answers::bytes("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")};
  EXPECT_EQ(here().get(here().mapped(app), "/", upgrade).status, 403);
  expect_only({{"websocket_upgrades", 1}});
}

TEST_F(Counters, OfWebSocketsWhoseBackendIsGone) {
  const refusing_port closed;
  const auto host = fresh_host();
  here().map(host, closed.port());
  EXPECT_EQ(here().get(host, "/", upgrade).status, 502);
  expect_only({{"websocket_failures", 1}, {"bad_gateways", 1}});
}

TEST_F(Counters, OfWebSocketsWhoseBackendAgreesToSomethingElse) {
  const backend app{answers::upgrade_echo("something-else")};
  EXPECT_EQ(here().get(here().mapped(app), "/", upgrade).status, 502);
  expect_only({{"websocket_failures", 1}});
}

TEST_F(Counters, OfOtherUpgradesAreNone) {
  const backend app{answers::upgrade_echo("something-else")};
  client one{port()};
  one.send(get_request(here().mapped(app), "/", "Connection: Upgrade\r\nUpgrade: something-else\r\n"));
  EXPECT_EQ(one.response_head().status, 101);
  one.socket().half_close();
  EXPECT_TRUE(one.sees_close());
  EXPECT_TRUE(grows(group("xxx"), 1));
  expect_only({});
}

// -- TLS to backends.

TEST_F(Counters, OfBackendsWithAnotherName) {
  const auto own = certificate_for("somebody.else");
  const backend app;
  const tls_backend there{app, {.own = &own}};
  EXPECT_EQ(here().get(mapped(there, "app.internal")).status, 503);
  expect_only({{"backend_invalid_id", 1}});
  EXPECT_TRUE(grows(group("5xx"), 1));
}

TEST_F(Counters, OfBackendsWithABadCertificate) {
  const auto own = tls_kit::mint({.common_name = "app.internal", .dns = {"app.internal"}});
  const auto expired = tls_kit::mint(
    {.common_name = "app.internal", .dns = {"app.internal"}, .issuer = &ca(), .from_s = -7200, .until_s = -60});
  const backend app;
  const tls_backend by_itself{app, {.own = &own}}, late{app, {.own = &expired}};
  EXPECT_EQ(here().get(mapped(by_itself, "app.internal")).status, 526);
  EXPECT_EQ(here().get(mapped(late, "app.internal")).status, 526);
  expect_only({{"backend_invalid_tls_cert", 2}});
}

TEST_F(Counters, OfBackendsWithoutTls) {
  const tls_backend plain{{}, {.says_instead = "HTTP/1.1 400 Bad Request\r\n\r\n"}};
  EXPECT_EQ(here().get(mapped(plain, "app.internal")).status, 525);
  expect_only({{"backend_tls_handshake_failed", 1}});
}

TEST_F(Counters, OfBackendsThatWantAnotherCertificateAreNone) {
  const auto own = certificate_for("app.internal");
  const auto routers = tls_kit::mint_ca("router-ca");
  const backend app;
  const tls_backend there{app, {.own = &own, .max = TLS1_2_VERSION, .asks_for = &routers}};
  const auto status = here().get(mapped(there, "app.internal")).status;
  EXPECT_TRUE(status == 496 || status == 525) << status;
  expect_only(status == 525 ? std::map<std::string, double>{{"backend_tls_handshake_failed", 1}}
                            : std::map<std::string, double>{});
}

// -- What cannot be routed.

TEST_F(Counters, OfRoutesAtTheirConnectionLimit) {
  const backend app{answers::silent()};
  const auto host = here().mapped(app);
  client busy{port()};
  busy.send(get_request(host));
  ASSERT_TRUE(app.wait_for_requests(1));
  EXPECT_EQ(here().get(host).status, 503);
  EXPECT_EQ(here().get(host, "/", upgrade).status, 503);
  expect_only({{"backend_exhausted_conns", 2}});
}

TEST_F(Counters, OfRejectedRequests) {
  const backend app;
  const auto host = here().mapped(app);
  const std::string guid = "11111111-2222-3333-4444-555555555555";
  EXPECT_EQ(here().ask("GET / HTTP/1.1\r\nHost:\r\n\r\n").status, 400);
  expect_only({{"rejected_requests", 1}});
  EXPECT_EQ(here().get(host, "/", "X-CF-App-Instance: nonsense\r\n").status, 400);
  expect_only({{"rejected_requests", 2}});
  EXPECT_EQ(here().get(host, "/", "X-CF-Process-Instance: nonsense\r\n").status, 400);
  expect_only({{"rejected_requests", 3}});
  EXPECT_EQ(here().get(host, "/", "X-CF-App-Instance: " + guid + ":0\r\n").status, 400);
  expect_only({{"rejected_requests", 4}});
  EXPECT_EQ(here().get(host, "/", "X-CF-Process-Instance: " + guid + "\r\n").status, 400);
  expect_only({{"rejected_requests", 5}});
  EXPECT_EQ(here().get(fresh_host()).status, 404);
  expect_only({{"rejected_requests", 6}});
  const auto broken = "POST / HTTP/1.1\r\nHost: " + host + "\r\nTransfer-Encoding: chunked\r\n\r\nnot hex\r\n";
  EXPECT_EQ(here().ask(broken, "POST").status, 400);
  expect_only({{"rejected_requests", 6}}); // It had a route.
  for (const auto* which : {"2xx", "3xx", "4xx", "5xx", "xxx"})
    EXPECT_EQ(since(group(which)), 0) << "no endpoint was chosen";
}

TEST_F(Counters, OfRoutesThatHaveLostTheirAppAreNone) {
  const backend app;
  const auto host = here().mapped(app);
  here().unmap(host, app);
  EXPECT_EQ(here().get(host).status, 503);
  expect_only({});
}

TEST_F(Counters, OfAnEmptyContentLengthStandStill) {
  const backend app;
  EXPECT_EQ(
    here().ask("POST / HTTP/1.1\r\nHost: " + here().mapped(app) + "\r\nContent-Length:\r\n\r\n", "POST").status,
    400);
  EXPECT_EQ(app.request_count(), 0u);
  expect_only({{"shunt_malformed_requests_total", 1}});
}

TEST_F(Counters, OfResponsesByTheirStatus) {
  using row = std::pair<const char*, const char*>;
  for (const auto& [status, name] :
       {row{"204", "2xx"}, row{"302", "3xx"}, row{"404", "4xx"}, row{"503", "5xx"}, row{"999", "xxx"}}) {
    const backend answering{answers::bytes(std::string{"HTTP/1.1 "} + status + " X\r\nContent-Length: 0\r\n\r\n")};
    EXPECT_EQ(std::to_string(here().get(here().mapped(answering)).status), status);
    EXPECT_TRUE(grows(group(name), 1)) << status;
  }
  expect_only({});
}

// -- Clients.

TEST_F(Counters, OfHandshakesThatFailed) {
  const auto url = "https://127.0.0.1:" + std::to_string(here().under_test.tls_port()) + "/";
  const auto refused = run_tool({"curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "20", url});
  EXPECT_EQ(refused.exit_code, 60) << "curl trusts no certificate that signed itself: " << refused.output;
  expect_only({{"shunt_failed_handshakes_total", 1}});
}

TEST_F(Counters, OfStreams) {
  const backend app;
  const auto host = here().mapped(app);
  const auto told = run_tool({"h2load", "-n", "3", "-c", "1", "-m", "1", "-p", "h2c", "-H", ":authority: " + host,
                              "http://127.0.0.1:" + std::to_string(port()) + "/"});
  EXPECT_TRUE(told.says("3 succeeded")) << told.output;
  EXPECT_TRUE(grows("shunt_http2_streams_total", 3));
  EXPECT_TRUE(grows("shunt_requests_total", 3));
  EXPECT_TRUE(grows(group("2xx"), 3));
  expect_only({});
}

// -- The route table.

TEST_F(Counters, OfEndpointsThatWentStale) {
  const auto host = fresh_host();
  here().map(host, 1, {{"stale_threshold_in_seconds", 1}});
  here().map(host, 2, {{"stale_threshold_in_seconds", 1}});
  expect_only({{"routes_pruned", 2}});
  EXPECT_EQ(since("routes_unregistered"), 0) << "nobody asked for it";
}

TEST_F(Counters, OfHowLongARegistrationTook) {
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::system_clock::now().time_since_epoch())
                     .count();
  here().map(fresh_host(), 1, {{"endpoint_updated_at_ns", now}});
  EXPECT_TRUE(grows("route_registration_latency_count", 1));
  EXPECT_GT(since("route_registration_latency_sum"), 0);
  EXPECT_LT(since("route_registration_latency_sum"), 60'000) << "milliseconds";
  here().map(fresh_host(), 1);
  EXPECT_TRUE(grows("shunt_endpoints", 2));
  EXPECT_EQ(since("route_registration_latency_count"), 1) << "without a stamp nobody knows";
}

TEST_F(Counters, OfMessagesThatCannotBeRead) {
  here().bus.publish("router.register", "nonsense");
  EXPECT_TRUE(grows("shunt_invalid_registry_messages_total", 1));
}

// -- Limits.

TEST(CountersOfLimits, OfClientsTurnedAway) {
  const stage here{{{"prometheus", {{"enabled", true}}}, {"limits", {{"connections", 1}}}}};
  const auto before = scrape(here);
  client first{here.under_test.port()};
  ASSERT_TRUE(eventually([&] { return value(scrape(here), "shunt_connections") == 1; }));
  EXPECT_EQ(here.get("x").one("X-Cf-RouterError"), "overloaded");
  EXPECT_TRUE(eventually([&] {
    return value(scrape(here), "shunt_shed_requests_total") == value(before, "shunt_shed_requests_total") + 1;
  }));
}

TEST(CountersOfLimits, OfMessagesThatWereTooMany) {
  stage here{{{"prometheus", {{"enabled", true}}}, {"nats_pending", {{"messages", 1}}}}};
  EXPECT_EQ(value(scrape(here), "total_dropped_messages"), 0);
  EXPECT_TRUE(eventually([&] {
    for (int i = 0; i < 2000; ++i)
      here.bus.announce(1, "flood.test/" + std::to_string(i));
    return value(scrape(here), "total_dropped_messages") > 0;
  }));
  here.under_test.wait_for_log("nats-slow-consumer");
}

} // namespace
} // namespace shunt::test
