// How requests spread over the endpoints of a route, and when there is no room on any.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <map>

namespace shunt::test {
namespace {

class Balancing : public SharedStage<Balancing> {};

TEST_F(Balancing, TakesTurns) {
  backend there[3];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  client one{port()};
  for (int i = 0; i < 30; ++i)
    EXPECT_EQ(one.send(get_request(host)).response().status, 200);
  for (auto& each : there)
    EXPECT_EQ(each.request_count(), 10u);
}

TEST_F(Balancing, TakesTurnsOverManyConnections) {
  backend there[4];
  const auto host = fresh_host();
  for (auto& each : there)
    here().map(host, each);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  for (auto& each : there)
    EXPECT_EQ(each.request_count(), 5u);
}

TEST_F(Balancing, CountsTurnsPerRouteAndNotPerHost) {
  backend there[2];
  const auto host = fresh_host();
  for (auto& each : there) {
    here().map(host + "/a", each);
    here().map(host + "/b", each);
  }
  for (int i = 0; i < 4; ++i) { // With one cursor for both, each path would keep its backend.
    here().get(host, "/a");
    here().get(host, "/b");
  }
  for (auto& each : there) {
    std::map<std::string, int> seen;
    for (const auto& request : each.requests())
      ++seen[request.target];
    EXPECT_EQ(seen["/a"], 2);
    EXPECT_EQ(seen["/b"], 2);
  }
}

TEST_F(Balancing, PrefersTheIdleWhenLeastConnectionIsChosen) {
  gate held;
  backend there[2];
  const auto host = fresh_host();
  for (auto& each : there) {
    each.answer_with(held.holding("/hold"));
    here().map(host, each, {{"options", {{"loadbalancing", "least-connection"}}}});
  }
  client busy{port()};
  busy.send(get_request(host, "/hold"));
  ASSERT_TRUE(eventually([&] { return there[0].request_count() + there[1].request_count() == 1; }));
  auto& idle = there[0].request_count() == 0 ? there[0] : there[1];
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(idle.request_count(), 12u);
  held.open();
  EXPECT_EQ(busy.response().status, 200);
}

class ConnectionLimit : public SharedStage<ConnectionLimit> {
public:
  static nlohmann::json configuration() {
    return {{"backends", {{"max_conns", 1}, {"max_attempts", 3}}}};
  }
};

TEST_F(ConnectionLimit, IsAnsweredExactlyAndEndsWithTheRequest) {
  gate held;
  const backend there{held.holding("/hold")};
  const auto host = here().mapped(there);
  client busy{port()};
  busy.send(get_request(host, "/hold"));
  ASSERT_TRUE(there.wait_for_requests(1));
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "503 Service Unavailable: Requested route ('" + host
                           + "') has reached the connection limit.\n");
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "Connection Limit Reached");
  EXPECT_EQ(answer.one("X-Content-Type-Options"), "nosniff");
  EXPECT_FALSE(answer.has("Cache-Control"));
  held.open();
  EXPECT_EQ(busy.response().status, 200);
  EXPECT_EQ(here().get(host).status, 200);
}

TEST_F(ConnectionLimit, SendsRequestsToWhoeverHasRoom) {
  gate held;
  backend there[2];
  const auto host = fresh_host();
  for (auto& each : there) {
    each.answer_with(held.holding("/hold"));
    here().map(host, each);
  }
  client busy{port()};
  busy.send(get_request(host, "/hold"));
  ASSERT_TRUE(eventually([&] { return there[0].request_count() + there[1].request_count() == 1; }));
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  client second{port()};
  second.send(get_request(host, "/hold"));
  ASSERT_TRUE(there[0].wait_for_requests(1) && there[1].wait_for_requests(1));
  ASSERT_TRUE(eventually([&] { return there[0].request_count() + there[1].request_count() == 8; }));
  EXPECT_EQ(here().get(host).status, 503);
  held.open();
  EXPECT_EQ(busy.response().status, 200);
  EXPECT_EQ(second.response().status, 200);
}

/// The whole response counts, where the operator says so; normally only the wait for its head.
class WholeResponseLimit : public testing::TestWithParam<std::string> {};

TEST_P(WholeResponseLimit, CountsWhatItSays) {
  stage here{{{"backends", {{"max_conns", 1}, {"max_conns_counts", GetParam()}}}}};
  gate held;
  const backend there{[&](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
    if (session.request.target == "/hold")
      held.wait(session);
    session.send("bc");
  }};
  const auto host = here.mapped(there);
  client slow{here.under_test.port()};
  slow.send(get_request(host, "/hold"));
  auto answer = slow.response_head();
  EXPECT_EQ(here.get(host).status, GetParam() == "whole_response" ? 503 : 200);
  held.open();
  slow.reader().body(answer);
  EXPECT_EQ(answer.body, "abc");
  EXPECT_TRUE(here.eventually_answers(host, "/", 200));
}

INSTANTIATE_TEST_SUITE_P(All, WholeResponseLimit,
                         testing::Values("awaiting_headers", "whole_response"),
                         [](const auto& each) { return each.param; });

} // namespace
} // namespace shunt::test
