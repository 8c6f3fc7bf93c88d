// The Routing API as another source of routes: what it lists and streams is routed, what it cannot
// tell is not denied, and without it no router starts.
#include "tests/process/harness/log_order.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/routing_api_kit.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class RoutingApi : public testing::Test {
protected:
  RoutingApi() { api.begin_at_the_root(); }

  json settings() const { return asking(api, certificates, files); }
  void list(std::initializer_list<json> routes) {
    api.set_routes(api_list(routes));
  }
  /// To the router, once it listens.
  void stream(const std::string& text) {
    EXPECT_TRUE(eventually([&] { return api.send(text) == 1; }));
  }

  /// How a router ends that cannot start with these settings.
  std::string failed_start(json with) {
    const nats_server nats;
    with["nats"] = {{"hosts", {{{"hostname", "127.0.0.1"}, {"port", nats.port()}}}}};
    const auto path = files.path_of("failing.yml");
    write_file(path, with.dump());
    child_process process{{shunt_executable(), "-c", path}, files.path_of("output")};
    EXPECT_EQ(process.wait_for_exit(), 1) << process.output();
    return process.output();
  }

  net::test_certificates certificates;
  net::routing_api_server api{certificates};
  temporary_directory files;
};

TEST_F(RoutingApi, RoutesWhatIsListed) {
  const backend app;
  list({api_route(app, "listed.test/path")});
  const stage here{settings()};
  ASSERT_TRUE(eventually([&] { return here.under_test.lists("listed.test/path", app.address()); }));
  EXPECT_EQ(here.get("listed.test", "/path/x").status, 200);
  const auto line = here.under_test.wait_for_access("listed.test");
  EXPECT_THAT(line, HasSubstr("app-guid"));
  EXPECT_EQ(api.latest("routes")["client"], "client") << "mutual TLS";
  EXPECT_THAT(api.latest("routes")["authorization"].get<std::string>(), HasSubstr("bearer token-"));
  EXPECT_EQ(here.under_test.wait_for_log("setting-up-routing-api")["log_level"], 1);
}

TEST_F(RoutingApi, RoutesByEventsUntilTheyDelete) {
  const backend app;
  const stage here{settings()};
  stream(api_event("Upsert", api_route(app, "streamed.test", 1)));
  EXPECT_TRUE(here.eventually_answers("streamed.test", "/", 200));
  stream(api_event("Delete", api_route(app, "streamed.test", 2)));
  EXPECT_TRUE(here.eventually_answers("streamed.test", "/", 503)) << "known, and empty";
  EXPECT_FALSE(here.under_test.lists("streamed.test", app.address()));
}

TEST_F(RoutingApi, TakesBackWhatIsListedNoMore) {
  const backend app, other;
  list({api_route(app, "staying.test"), api_route(other, "leaving.test")});
  auto often = settings();
  often["prune_stale_droplets_interval"] = "2s"; // The list is fetched twice as often.
  const stage here{often};
  ASSERT_TRUE(eventually([&] { return here.under_test.lists("leaving.test", other.address()); }));
  list({api_route(app, "staying.test")});
  EXPECT_TRUE(eventually([&] { return !here.under_test.lists("leaving.test", other.address()); }));
  EXPECT_TRUE(here.under_test.lists("staying.test", app.address()));
}

TEST_F(RoutingApi, StandsBesideNats) {
  const backend by_api, by_nats;
  list({api_route(by_api, "both.test")});
  stage here{settings()};
  here.map("both.test", by_nats);
  ASSERT_TRUE(eventually([&] { return here.under_test.lists("both.test", by_api.address()); }));
  EXPECT_TRUE(eventually([&] {
    EXPECT_EQ(here.get("both.test").status, 200);
    return by_api.request_count() > 0 && by_nats.request_count() > 0;
  }));
}

TEST_F(RoutingApi, KeepsItsRoutesAndDeniesNothingWhileItIsAway) {
  const backend app;
  list({api_route(app, "kept.test")});
  const stage here{settings()};
  ASSERT_TRUE(eventually([&] { return here.under_test.lists("kept.test", app.address()); }));
  ASSERT_TRUE(here.eventually_answers("unknown.test", "/", 404)) << "the API is followed";
  api.kill();
  EXPECT_TRUE(here.eventually_answers("unknown.test", "/", 503)) << "it may exist by now";
  EXPECT_EQ(here.get("kept.test").status, 200);
}

TEST_F(RoutingApi, IsSetUpBetweenNatsAndTheDoors) {
  const stage here{settings()};
  here.under_test.wait_for_log("gorouter.started");
  expect_in_order(here.under_test, {"Successfully-connected-to-nats", "setting-up-routing-api", "subscriber-starting",
                                    "tcp-listener-started", "gorouter.started"});
}

TEST_F(RoutingApi, IsNeededAtTheStart) {
  const refusing_port closed;
  auto without_api = settings();
  without_api["routing_api"]["port"] = closed.port();
  EXPECT_THAT(failed_start(without_api), HasSubstr("routing-api-connection-failed"));
  auto without_uaa = settings();
  without_uaa["oauth"]["port"] = closed.port();
  EXPECT_THAT(failed_start(without_uaa), HasSubstr("routing-api-connection-failed"));
}

TEST_F(RoutingApi, HasItsFailuresCounted) {
  auto with = settings();
  with["prometheus"] = {{"enabled", true}};
  const stage here{with};
  const auto port = here.under_test.status_listener("prometheus.port");
  ASSERT_TRUE(api.await("events", 1));
  api.end_streams(false);
  EXPECT_TRUE(eventually([&] {
    const auto text = client{port}.send(get_request("x", "/metrics")).response().body;
    return text.find("\nshunt_subscribe_events_errors_total 1") != text.npos;
  }));
}

} // namespace
} // namespace shunt::test
