// The client and the stream of changes: what it hears, and what it does when the stream ends,
// breaks or falls silent; and that it stops whatever it waits for.
#include "routing_api_fixture.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;

class RoutingApiEvents : public routing_api_fixture {};

// -- The stream

TEST_F(RoutingApiEvents, SubscribesWithItsToken) {
  run();
  const auto subscription = server.latest("events");
  EXPECT_EQ(subscription["authorization"], "bearer token-1");
  EXPECT_EQ(subscription["client"], "client");
  EXPECT_TRUE(logged.await("subscribing-to-routing-api-event-stream"));
  EXPECT_TRUE(logged.await("Successfully-subscribed-to-routing-api-event-stream"));
}

TEST_F(RoutingApiEvents, HandsOverEvents) {
  run();
  server.send(event("Upsert", route("a.com", 1, "g", 0)));
  ASSERT_TRUE(handler.await("+a.com 10.0.0.1:1 g 0"));
  server.send(event("Upsert", route("a.com", 1, "g", 1))
              + event("Delete", route("a.com", 1, "g", 1)));
  ASSERT_TRUE(handler.await("-a.com 10.0.0.1:1 g 1"));
  EXPECT_THAT(handler.heard(), ElementsAre("+a.com 10.0.0.1:1 g 0", "+a.com 10.0.0.1:1 g 1",
                                           "-a.com 10.0.0.1:1 g 1"));
  EXPECT_EQ(client->counters().events, 3u);
}

TEST_F(RoutingApiEvents, HearsEventsWhileItWaitsForTheList) {
  run();
  server.prepare("routes", {{"delay", 0.5}, {"body", json{route("b.com", 2, "h", 0)}.dump()}});
  const auto lists = server.count("routes");
  client->refresh();
  ASSERT_TRUE(server.await("routes", lists + 1));
  server.send(event("Upsert", route("a.com", 1, "g", 0))
              + event("Delete", route("b.com", 2, "h", 0)));
  ASSERT_TRUE(handler.await("-b.com 10.0.0.1:2 h 0"));
  const auto applied = client->counters().lists.load();
  while (client->counters().lists == applied)
    std::this_thread::sleep_for(5ms);
  EXPECT_THAT(handler.heard(), ElementsAre("+a.com 10.0.0.1:1 g 0", "-b.com 10.0.0.1:2 h 0"))
    << "the list was older than both";
}

TEST_F(RoutingApiEvents, IgnoresEventsOfOtherKinds) {
  run();
  server.send(":\n\nevent: Whatever\ndata: x\n\ndata: y\n\n"
              + event("Upsert", route("a.com", 1, "g", 0)));
  ASSERT_TRUE(handler.await("+a.com 10.0.0.1:1 g 0"));
  EXPECT_EQ(client->counters().rejected, 0u);
}

TEST_F(RoutingApiEvents, GoesOnBehindAnEventThatCannotBeReadAndAsksForTheList) {
  options.event_bytes_max = 1000;
  run();
  auto lists = server.count("routes");
  server.send("event: Upsert\ndata: {\n\n" + event("Upsert", route("a.com", 1, "g", 0)));
  ASSERT_TRUE(handler.await("+a.com 10.0.0.1:1 g 0"));
  ASSERT_TRUE(logged.await("validation-error"));
  EXPECT_TRUE(server.await("routes", lists + 1));
  lists = server.count("routes");
  server.send("event: Upsert\ndata: " + std::string(2000, 'x') + "\n\n"
              + event("Upsert", route("b.com", 2, "h", 0)));
  ASSERT_TRUE(handler.await("+b.com 10.0.0.1:2 h 0"));
  EXPECT_TRUE(server.await("routes", lists + 1));
  EXPECT_EQ(client->counters().rejected, 2u);
  EXPECT_EQ(server.count("events"), 1u) << "the stream was no worse for it";
}

TEST_F(RoutingApiEvents, ComesBackWhenTheStreamBreaks) {
  run();
  for (const bool cleanly : {false, true}) {
    const auto before = handler.synchronised();
    server.set_routes(json{route("a.com", 1, "g", cleanly)}.dump());
    server.end_streams(cleanly);
    ASSERT_TRUE(handler.await_synchronised(before + 1));
    EXPECT_TRUE(handler.await("+a.com 10.0.0.1:1 g " + std::to_string(cleanly)));
  }
  EXPECT_EQ(handler.out_of_date(), 2);
  EXPECT_EQ(client->counters().subscribe_events_errors, 2u);
  const auto lines = logged.lines("failed-getting-next-event: ");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["data"]["error"], "EOF");
}

TEST_F(RoutingApiEvents, ForgetsATokenThatTheStreamIsRefusedFor) {
  run();
  server.revoke();
  server.end_streams(true);
  ASSERT_TRUE(handler.await_synchronised(2));
  EXPECT_EQ(server.latest("events")["authorization"], "bearer token-2");
  EXPECT_EQ(logged.lines("failed-subscribing-to-routing-api-event-stream").at(0)["data"]["error"],
            "unauthorized");
}

TEST_F(RoutingApiEvents, SeeksTheStreamUntilItIsBack) {
  run();
  for (const int status : {500, 502, 503, 504, 404})
    server.prepare("events", {{"status", status}});
  server.end_streams(false);
  EXPECT_TRUE(handler.await_synchronised(2));
  EXPECT_EQ(server.count("events"), 7u);
}

TEST_F(RoutingApiEvents, ConnectsAnewWhenTheStreamIsSilent) {
  options.silence_patience = 100ms;
  run();
  EXPECT_TRUE(handler.await_synchronised(2));
  EXPECT_TRUE(logged.await("routing-api-event-stream-silent"));
  EXPECT_EQ(client->counters().subscribe_events_errors, 0u);
}

TEST_F(RoutingApiEvents, WaitsAsLongAsTheServerAsks) {
  options.retry_max = 400ms;
  run();
  server.send("retry: 400\n\n" + event("Upsert", route("a.com", 1, "g", 0)));
  ASSERT_TRUE(handler.await("+a.com 10.0.0.1:1 g 0"));
  const auto begun = std::chrono::steady_clock::now();
  server.end_streams(true);
  ASSERT_TRUE(handler.await_synchronised(2));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 400ms);
}

// -- Stopping

class RoutingApiStop : public routing_api_fixture {
protected:
  bool takes_no_time() {
    const auto begun = std::chrono::steady_clock::now();
    client->stop();
    return std::chrono::steady_clock::now() - begun < 1s;
  }
};

TEST_F(RoutingApiStop, DoesNotWaitForEvents) {
  run();
  EXPECT_TRUE(takes_no_time());
  client->stop();
  EXPECT_EQ(logged.lines("stopping").size(), 1u);
}

TEST_F(RoutingApiStop, DoesNotWaitForAList) {
  run();
  server.prepare("routes", {{"delay", 60}});
  const auto lists = server.count("routes");
  client->refresh();
  ASSERT_TRUE(server.await("routes", lists + 1));
  EXPECT_TRUE(takes_no_time());
}

TEST_F(RoutingApiStop, DoesNotWaitForAToken) {
  run();
  server.revoke();
  server.prepare("token", {{"delay", 60}});
  client->refresh();
  ASSERT_TRUE(server.await("token", 2));
  EXPECT_TRUE(takes_no_time());
}

TEST_F(RoutingApiStop, DoesNotWaitToAskForATokenAgain) {
  options.token_retry_interval = 1h;
  run();
  server.revoke();
  server.prepare("token", {{"status", 500}});
  client->refresh();
  ASSERT_TRUE(logged.await("retry-fetching-token"));
  EXPECT_TRUE(takes_no_time());
}

TEST_F(RoutingApiStop, DoesNotWaitForTheShards) {
  options.batch_routes_max = 1;
  options.batches_alive_max = 1;
  server.set_routes(json{route("a.com", 1, "g", 0), route("a.com", 2, "g", 0)}.dump());
  handler.hold_batches();
  connect();
  client->start();
  ASSERT_TRUE(handler.await("+a.com 10.0.0.1:1 g 0"));
  EXPECT_TRUE(takes_no_time());
  EXPECT_EQ(handler.batches(), 1);
}

TEST_F(RoutingApiStop, HandsNothingOverAfterItHasStopped) {
  run();
  client->stop();
  const auto before = handler.heard().size();
  server.send(event("Upsert", route("a.com", 1, "g", 0)));
  client.reset();
  EXPECT_EQ(handler.heard().size(), before);
}

} // namespace
} // namespace shunt::net
