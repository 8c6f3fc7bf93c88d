// Requests through real actors, loops and sockets: what the actors make of what net/ and routing/
// can do. The details of heads, bodies and errors are the process tests' business.
#include "tests/actors/support/registrations.hpp"
#include "tests/actors/support/router_in_process.hpp"
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/client.hpp"
#include "tests/process/harness/gate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shunt {
namespace {

using namespace std::literals;
using test::backend;
using test::client;
using test::eventually;
using test::get_request;
using test::router_in_process;
using testing::HasSubstr;
using testing::SizeIs;
namespace answers = test::answers;

/// A port at which nobody listens.
std::uint16_t refused_port() {
  const backend gone;
  return gone.port();
}

test::http_response get(const router_in_process& router, std::string_view host,
                        std::string_view path = "/") {
  client fresh{router.port()};
  fresh.send(get_request(host, path));
  return fresh.response();
}

/// 200 with the target of the request.
backend::script target_as_body() {
  return [](test::backend_session& session) {
    const auto body = session.request.target;
    session.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n"
                 + body);
  };
}

TEST(Connection, KeepsTheClientAndTheBackend) {
  backend app;
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", app.port());
  client visitor{router.port()};
  for (int i = 0; i < 3; ++i) {
    visitor.send(get_request("a.example"));
    const auto response = visitor.response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello");
    EXPECT_FALSE(response.lists("Connection", "close"));
  }
  EXPECT_EQ(app.connection_count(), 1u);
}

TEST(Connection, AnswersPipelinedRequestsInTheirOrder) {
  backend app{target_as_body()};
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", app.port());
  client visitor{router.port()};
  visitor.send(get_request("a.example", "/1") + get_request("a.example", "/2")
               + get_request("unknown.example") + get_request("a.example", "/3"));
  EXPECT_EQ(visitor.response().body, "/1");
  EXPECT_EQ(visitor.response().body, "/2");
  EXPECT_EQ(visitor.response().status, 404);
  EXPECT_EQ(visitor.response().body, "/3");
}

TEST(Connection, TriesAnotherEndpointWhenOneRefuses) {
  backend app;
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", refused_port());
  router.add_route("a.example", app.port());
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(get(router, "a.example").status, 200);
  // Whichever came first, the bad one had its turn once and is avoided from then on.
  const auto lines = router.log.lines("backend-endpoint-failed");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_THAT(lines[0]["data"]["error"].get<std::string>(), HasSubstr("connection refused"));
  EXPECT_TRUE(router.log.await("endpoint-marked-as-ineligible"));
}

TEST(Connection, AnswersWithTheLastErrorWhenEveryEndpointRefuses) {
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", refused_port());
  router.add_route("a.example", refused_port());
  const auto response = get(router, "a.example");
  EXPECT_EQ(response.status, 502);
  EXPECT_THAT(response.one("X-Cf-RouterError"), HasSubstr("endpoint_failure"));
  EXPECT_NE(router.access_log().await({"a.example", " 502 "}), "");
}

TEST(Connection, DeniesAHostThatIsUnknown) {
  router_in_process router{router_in_process::defaults()};
  const auto response = get(router, "unknown.example");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.one("X-Cf-RouterError"), "unknown_route");
}

TEST(Connection, SaysThatARouteWithoutBackendsIsUnavailable) {
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", 1);
  router.remove_route("a.example", 1);
  const auto response = get(router, "a.example");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.one("X-Cf-RouterError"), "no_endpoints");
  EXPECT_EQ(response.one("Retry-After"), "5");
}

TEST(Connection, DeniesNothingWhileNatsIsAway) {
  backend app;
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", app.port());
  EXPECT_EQ(get(router, "a.example").status, 200);
  router.tell_shards({.connected = false});
  EXPECT_TRUE(eventually([&] { return get(router, "unknown.example").status == 503; }));
  const auto response = get(router, "unknown.example");
  EXPECT_TRUE(response.has("Retry-After"));
  EXPECT_EQ(get(router, "a.example").status, 200);
  router.tell_shards({.connected = true});
  EXPECT_TRUE(eventually([&] { return get(router, "unknown.example").status == 404; }));
}

TEST(Connection, FollowsTheTable) {
  backend blue{answers::ok("blue")}, green{answers::ok("green")};
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", blue.port());
  client visitor{router.port()}; // The same connection sees every change.
  const auto sees = [&](const std::string& colour) {
    return eventually([&] {
      visitor.send(get_request("a.example"));
      return visitor.response().body == colour;
    });
  };
  EXPECT_TRUE(sees("blue"));
  router.add_route("a.example", green.port());
  router.remove_route("a.example", blue.port());
  EXPECT_TRUE(sees("green"));
  router.add_route("*.wild.example", blue.port());
  EXPECT_TRUE(eventually([&] { return get(router, "any.wild.example").body == "blue"; }));
}

TEST(Connection, LogsAClientThatLeftBeforeItsAnswer) {
  backend app{answers::silent()};
  router_in_process router{router_in_process::defaults()};
  router.add_route("a.example", app.port());
  {
    client visitor{router.port()};
    visitor.send(get_request("a.example", "/left"));
    ASSERT_TRUE(app.wait_for_requests(1));
  }
  const auto line = router.access_log().await({"/left"});
  EXPECT_THAT(line, HasSubstr(" 499 "));
  EXPECT_TRUE(eventually([&] { return app.ended_count() == 1; })); // Its backend is let go.
  EXPECT_TRUE(eventually([&] { return router.context().connections() == 0; }));
}

TEST(Connection, CountsWhatIsInFlightUntilTheEnd) {
  const test::gate held;
  backend app{held.holding("/held")};
  auto settings = router_in_process::defaults();
  settings.backends.max_conns = 1;
  router_in_process router{settings};
  router.add_route("a.example", app.port());
  client first{router.port()};
  first.send(get_request("a.example", "/held"));
  ASSERT_TRUE(app.wait_for_requests(1));
  const auto refused = get(router, "a.example");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.one("X-Cf-RouterError"), "Connection Limit Reached");
  held.open();
  EXPECT_EQ(first.response().status, 200);
  EXPECT_EQ(get(router, "a.example").status, 200);
}

TEST(Connection, RefusesWhatIsNoRequestAndCloses) {
  router_in_process router{router_in_process::defaults()};
  client visitor{router.port()};
  visitor.send("GET / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  EXPECT_EQ(visitor.response().status, 400);
  EXPECT_TRUE(visitor.sees_end());
}

} // namespace
} // namespace shunt
