// A route whose service is down, by what the route says about that: its traits are made here.
#include "actors/policy.hpp"
#include "net/backend_tls.hpp"
#include "tests/actors/support/registrations.hpp"
#include "tests/actors/support/router_in_process.hpp"
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/client.hpp"
#include "tests/process/harness/ports.hpp"

#include <boost/smart_ptr/make_local_shared.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt {
namespace {

using namespace std::literals;
using test::backend;
using test::client;
using test::get_request;
using test::post_request;
using test::router_in_process;
using testing::HasSubstr;
using testing::Not;
namespace answers = test::answers;

constexpr auto bound_host = "bound.example";
constexpr auto bypassed = "x_cf_route_service_bypassed:\"true\"";

std::string at_port(std::uint16_t port) {
  return "https://127.0.0.1:" + std::to_string(port) + "/";
}

config::settings timed(std::chrono::nanoseconds timeout) {
  auto settings = router_in_process::defaults();
  settings.route_services.session_timeout = timeout;
  return settings;
}

class RouteServiceFailure : public testing::Test {
protected:
  void start(const config::settings& settings = router_in_process::defaults()) {
    router = std::make_unique<router_in_process>(settings);
    router->run_on_loop(0, [](loop_context& here) {
      auto rules = *here.rules;
      rules.route_services = std::make_shared<route_service_rules>(
        route_service_rules{.key = routing::signature_key{"secret"},
                            .previous_key = {},
                            .tls = net::backend_tls::for_route_services(rules.settings, {}),
                            .attempts_max = 2});
      here.rules = boost::make_local_shared<const policy>(std::move(rules));
    });
  }
  /// What a shard would grant the loop.
  void bind(const std::string& url, bool open, std::optional<std::uint16_t> app_port) {
    auto grant = std::make_shared<routing::host_grant>();
    grant->host = bound_host;
    auto& root = grant->paths.emplace_back();
    root.traits.route_service_url = url;
    if (open)
      root.traits.options =
        std::make_shared<const routing::route_options>(routing::route_options{.open_without_service = true});
    if (app_port)
      root.endpoints.push_back({test::registered(bound_host, *app_port).target, {}});
    router->run_on_loop(0, [&](loop_context& here) {
      here.leases.granted({.shard = 0, .incarnation = 1000, .sequence = 1, .in_sync = true, .grant = grant});
    });
  }
  test::http_response ask(const std::string& request, std::string_view method = "GET") {
    client fresh{router->port()};
    return fresh.send(request).response(method);
  }
  std::uint64_t bypasses() {
    net::request_totals sum;
    router->run_on_loop(0, [&](loop_context& here) { here.metrics.add_to(sum); });
    return sum.event(net::request_event::route_service_bypassed);
  }

  backend app{answers::echo()};
  test::refusing_port down;
  std::unique_ptr<router_in_process> router;
};

TEST_F(RouteServiceFailure, ClosesTheRouteUnlessItSaysOtherwise) {
  start();
  bind(at_port(down.port()), false, app.port());
  const auto answer = ask(get_request(bound_host));
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.one("X-Cf-RouterError"), HasSubstr("endpoint_failure (dial tcp"));
  EXPECT_EQ(app.request_count(), 0u);
  const auto line = router->access_log().await({bound_host, " 502 "});
  EXPECT_THAT(line, Not(HasSubstr("bypassed")));
  EXPECT_EQ(bypasses(), 0u);
}

TEST_F(RouteServiceFailure, OpensARouteThatSaysSo) {
  start();
  bind(at_port(down.port()), true, app.port());
  const auto answer = ask(post_request(bound_host, "the body",
                                       "X-CF-Forwarded-Url: forged\r\nX-CF-Proxy-Metadata: forged\r\n"
                                       "X-CF-ApplicationID: forged\r\nX-Other: kept\r\n"),
                          "POST");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "the body");
  const auto seen = app.last_request();
  EXPECT_FALSE(seen.has("X-CF-Forwarded-Url"));
  EXPECT_FALSE(seen.has("X-CF-Proxy-Signature"));
  EXPECT_FALSE(seen.has("X-CF-Proxy-Metadata"));
  EXPECT_EQ(seen.one("X-CF-ApplicationID"), "");
  EXPECT_EQ(seen.one("X-Other"), "kept");
  EXPECT_EQ(seen.one("X-Forwarded-Proto"), "http");
  EXPECT_EQ(seen.one("Host"), bound_host);
  EXPECT_FALSE(seen.has("X-CF-Route-Service-Bypassed"));
  const auto line = router->access_log().await({bound_host, " 200 "});
  EXPECT_TRUE(line.ends_with(bypassed)) << line;
  EXPECT_EQ(bypasses(), 1u);
  EXPECT_EQ(router->log.lines("route-service-connection-failed").size(), 2u) << "all attempts were made";
}

TEST_F(RouteServiceFailure, OpensARouteWhoseServiceTakesTooLong) {
  start(timed(100ms));
  const test::stuck_port stuck;
  bind(at_port(stuck.port()), true, app.port());
  const auto answer = ask(get_request(bound_host));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(router->access_log().await({bound_host, " 200 "}), HasSubstr(bypassed));
  const auto lines = router->log.lines("route-service-connection-failed");
  ASSERT_EQ(lines.size(), 1u) << "no time is left for another attempt";
  EXPECT_EQ(lines[0]["data"]["error"], "route service took too long");
}

TEST_F(RouteServiceFailure, GivesUpAServiceThatTakesTooLong) {
  start(timed(100ms));
  const test::stuck_port stuck;
  bind(at_port(stuck.port()), false, app.port());
  const auto answer = ask(get_request(bound_host));
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "route_service_timeout");
  EXPECT_EQ(answer.body, "504 Gateway Timeout: Route service did not answer in time.\n");
  EXPECT_EQ(app.request_count(), 0u);
}

TEST_F(RouteServiceFailure, OpensNothingForARouteWithoutApp) {
  start();
  bind(at_port(down.port()), true, std::nullopt);
  const auto answer = ask(get_request(bound_host));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "no_endpoints");
}

TEST_F(RouteServiceFailure, OpensNothingWhenTheUrlIsNone) {
  start();
  bind("https://user@127.0.0.1/", true, app.port());
  EXPECT_EQ(ask(get_request(bound_host)).status, 500) << "nothing is down";
  EXPECT_EQ(app.request_count(), 0u);
}

TEST_F(RouteServiceFailure, LeavesTheNextRequestOfTheConnectionAlone) {
  start();
  bind(at_port(down.port()), true, app.port());
  router->add_route("free.example", app.port());
  client visitor{router->port()};
  EXPECT_EQ(visitor.send(get_request(bound_host)).response().status, 200);
  EXPECT_EQ(visitor.send(get_request("free.example", "/", "X-CF-Forwarded-Url: own\r\n")).response().status, 200);
  EXPECT_EQ(app.last_request().one("X-CF-Forwarded-Url"), "own");
  EXPECT_THAT(router->access_log().await({"free.example"}), Not(HasSubstr("bypassed")));
  EXPECT_EQ(bypasses(), 1u);
}

} // namespace
} // namespace shunt
