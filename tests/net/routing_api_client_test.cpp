// The client against real servers over TLS: what it asks, what it makes of lists, and what becomes
// of it when they refuse, talk nonsense, or take their time.
#include "routing_api_fixture.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <thread>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RoutingApiClient : public routing_api_fixture {};

// -- Asking

TEST_F(RoutingApiClient, AsksForATokenAndShowsIt) {
  connect();
  const auto token = server.latest("token");
  EXPECT_EQ(token["path"], "oauth/token");
  EXPECT_EQ(token["authorization"], "Basic cm91dGVyOm5hbWU6dGhlIHNlY3JldA==");
  EXPECT_EQ(token["body"], "grant_type=client_credentials&token_format=jwt");
  const auto list = server.latest("routes");
  EXPECT_EQ(list["authorization"], "bearer token-1");
  EXPECT_EQ(list["client"], "client") << "the certificate was not shown";
  EXPECT_EQ(handler.batches(), 0) << "nobody is there to hear it yet";
}

TEST_F(RoutingApiClient, ShowsAnEmptyTokenIfItNeedsNone) {
  options.auth_disabled = true;
  run();
  EXPECT_EQ(server.count("token"), 0u);
  EXPECT_EQ(server.latest("routes")["authorization"], "bearer ");
}

TEST_F(RoutingApiClient, UsesATokenAgain) {
  run();
  EXPECT_EQ(server.count("token"), 1u);
  EXPECT_GE(server.count("routes"), 2u);
}

TEST_F(RoutingApiClient, FetchesANewTokenBeforeTheOldOneExpires) {
  server.set_expiry(30); // Which the buffer leaves nothing of.
  run();
  EXPECT_GE(server.count("token"), 3u);
}

TEST_F(RoutingApiClient, TriesOnceMoreWithAFreshToken) {
  run();
  const auto lists = server.count("routes");
  server.revoke();
  client->refresh();
  ASSERT_TRUE(server.await("routes", lists + 2));
  EXPECT_EQ(server.latest("routes")["authorization"], "bearer token-2");
  EXPECT_TRUE(logged.lines("failed-to-fetch-routes").empty());
}

TEST_F(RoutingApiClient, GivesUpIfTheFreshTokenIsRefusedAsWell) {
  server.prepare("routes", {{"status", 401}});
  server.prepare("routes", {{"status", 401}});
  EXPECT_EQ(refusal(), "unauthorized");
  EXPECT_EQ(server.count("token"), 2u);
}

// -- Failing to start

TEST_F(RoutingApiClient, RetriesForAToken) {
  for (int i = 0; i < 3; ++i)
    server.prepare("token", {{"status", 503}});
  connect();
  EXPECT_EQ(server.count("token"), 4u);
  EXPECT_EQ(client->counters().token_fetch_errors, 0u);
}

TEST_F(RoutingApiClient, SaysWhyThereIsNoToken) {
  for (int i = 0; i < 4; ++i)
    server.prepare("token", {{"status", 401}, {"body", "bad credentials"}});
  EXPECT_EQ(refusal(), "unable-to-fetch-token: status code: 401, body: bad credentials");
  EXPECT_EQ(client->counters().token_fetch_errors, 1u);
  EXPECT_EQ(server.count("token"), 4u);
}

TEST_F(RoutingApiClient, RefusesATokenThatIsNone) {
  options.token_retries_max = 0;
  server.prepare("token", {{"body", R"({"access_token":"a\r\nX-Evil: y"})"}});
  EXPECT_EQ(refusal(), "unable-to-fetch-token: the answer holds no usable access_token");
}

TEST_F(RoutingApiClient, SaysWhyThereAreNoRoutes) {
  server.prepare("routes", {{"status", 503}, {"body", "no database"}});
  EXPECT_EQ(refusal(), "status code: 503, body: no database");
}

TEST_F(RoutingApiClient, TrustsNobodyElse) {
  const test_certificates others;
  options.tls.ca_certs = others.ca();
  EXPECT_THAT(refusal(), HasSubstr("certificate"));
  options.tls.ca_certs = certificates->ca();
  options.token_tls.ca_certs = others.ca();
  options.token_retries_max = 0;
  EXPECT_THAT(refusal(), AllOf(StartsWith("unable-to-fetch-token: "), HasSubstr("certificate")));
  options.token_tls.verify = false;
  EXPECT_EQ(refusal(), "");
}

TEST_F(RoutingApiClient, ChecksTheServersName) {
  options.url = "https://127.0.0.1:" + std::to_string(server.api_port()) + server.prefix();
  EXPECT_THAT(refusal(), HasSubstr("127.0.0.1"));
}

TEST_F(RoutingApiClient, IsRefusedWithoutItsCertificate) {
  options.tls.cert_chain.clear();
  options.tls.private_key.clear();
  EXPECT_NE(refusal(), "");
}

TEST_F(RoutingApiClient, RefusesOptionsThatCannotWork) {
  options.tls.ca_certs = "no certificate";
  EXPECT_NE(refusal(), "");
  options.tls.ca_certs = certificates->ca();
  options.url = "ftp://localhost";
  EXPECT_NE(refusal(), "");
}

TEST_F(RoutingApiClient, DoesNotWaitForASlowList) {
  options.list_patience = 200ms;
  server.prepare("routes", {{"delay", 60}});
  EXPECT_EQ(refusal(), "no complete answer within 200 ms");
  server.prepare("routes", {{"body", std::string(1000, ' ')}, {"pause", 0.05}});
  EXPECT_EQ(refusal(), "no complete answer within 200 ms");
}

TEST_F(RoutingApiClient, DoesNotReadAListWithoutEnd) {
  options.list_bytes_max = 1000;
  server.set_routes(std::string(1001, ' '));
  EXPECT_EQ(refusal(), "the answer is larger than 1000 bytes");
}

TEST_F(RoutingApiClient, RefusesAListThatIsNone) {
  for (const auto* body : {"{}", "[1]", "<html>", "[{}"}) {
    server.set_routes(body);
    EXPECT_THAT(refusal(), StartsWith("the list of routes: ")) << body;
  }
  server.prepare("routes", {{"body", "[{\"route\":"}, {"length", 1000}});
  EXPECT_NE(refusal(), "");
}

// -- The list

TEST_F(RoutingApiClient, HandsOverWhatIsListed) {
  server.set_routes(json{route("A.com/x", 1, "g", 3), route("b.com", 2, "h", 0)}.dump());
  run();
  const auto heard = handler.heard();
  ASSERT_GE(heard.size(), 2u);
  EXPECT_EQ(heard[0], "+A.com/x 10.0.0.1:1 g 3");
  EXPECT_EQ(heard[1], "+b.com 10.0.0.1:2 h 0");
}

TEST_F(RoutingApiClient, HasTheRoutesWithoutTheStreamToo) {
  server.set_routes(json{route("a.com", 1, "g", 0)}.dump());
  server.prepare("events", {{"status", 404}});
  connect();
  client->start();
  EXPECT_TRUE(handler.await("+a.com 10.0.0.1:1 g 0"));
  EXPECT_TRUE(logged.await("failed-subscribing-to-routing-api-event-stream"));
  EXPECT_TRUE(handler.await_synchronised()) << "it did not try again";
}

TEST_F(RoutingApiClient, HandsOverInBatchesOfBoundedSize) {
  options.batch_routes_max = 10;
  auto all = json::array();
  for (int port = 1; port <= 95; ++port)
    all.push_back(route("a.com", port, "g", 0));
  server.set_routes(all.dump());
  run();
  ASSERT_TRUE(handler.await("+a.com 10.0.0.1:95 g 0", 2));
  EXPECT_GE(handler.batches(), 20);
}

TEST_F(RoutingApiClient, WaitsWhileTooManyBatchesAreAlive) {
  options.batch_routes_max = 1;
  options.batches_alive_max = 3;
  auto all = json::array();
  for (int port = 1; port <= 9; ++port)
    all.push_back(route("a.com", port, "g", 0));
  server.set_routes(all.dump());
  handler.hold_batches();
  connect();
  client->start();
  ASSERT_TRUE(handler.await("+a.com 10.0.0.1:3 g 0"));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(handler.held(), 3u);
  handler.release();
  EXPECT_TRUE(handler.await("+a.com 10.0.0.1:9 g 0"));
}

TEST_F(RoutingApiClient, AsksAgainNowAndThen) {
  options.list_interval = 20ms;
  run();
  server.set_routes(json{route("a.com", 1, "g", 0)}.dump());
  EXPECT_TRUE(handler.await("+a.com 10.0.0.1:1 g 0", 2));
}

TEST_F(RoutingApiClient, UnregistersWhatIsNotListedAnyMore) {
  server.set_routes(json{route("a.com", 1, "g", 3), route("b.com", 2, "h", 0)}.dump());
  run();
  server.set_routes(json{route("b.com", 2, "h", 1)}.dump());
  client->refresh();
  EXPECT_TRUE(handler.await("-a.com 10.0.0.1:1 g 3"));
  EXPECT_TRUE(handler.await("+b.com 10.0.0.1:2 h 1"));
}

TEST_F(RoutingApiClient, TakesNothingBackWhenTheApiFails) {
  server.set_routes(json{route("a.com", 1, "g", 3)}.dump());
  run();
  for (const json& answer :
       {json{{"status", 500}}, json{{"body", "["}}, json{{"body", "[{}, x"}}}) {
    server.prepare("routes", answer);
    const auto failures = logged.lines("failed-to-fetch-routes").size();
    client->refresh();
    ASSERT_TRUE(logged.await("failed-to-fetch-routes", failures + 1)) << answer;
  }
  server.kill();
  client->refresh();
  ASSERT_TRUE(logged.await("failed-to-fetch-routes", 4));
  for (const auto& each : handler.heard())
    EXPECT_THAT(each, StartsWith("+"));
}

TEST_F(RoutingApiClient, LeavesOutWhatCannotBeReadAndTakesNothingBackForIt) {
  server.set_routes(json{route("a.com", 1, "g", 3), route("b.com", 2, "h", 0)}.dump());
  run();
  const auto before = client->counters().lists.load();
  auto odd = route("a.com", 1, "g", 4);
  odd["port"] = "one";
  server.set_routes(json{odd, route("c.com", 3, "i", 0)}.dump());
  client->refresh();
  ASSERT_TRUE(handler.await("+c.com 10.0.0.1:3 i 0"));
  ASSERT_TRUE(handler.await("-b.com 10.0.0.1:2 h 0")) << "which is not in the list";
  client->stop();
  for (const auto& each : handler.heard())
    EXPECT_THAT(each, Not(StartsWith("-a.com")));
  EXPECT_GT(client->counters().lists, before);
  const auto lines = logged.lines("validation-error");
  ASSERT_FALSE(lines.empty());
  EXPECT_THAT(lines[0]["data"]["error"], HasSubstr("port: "));
  EXPECT_EQ(lines[0]["source"], "test.route-fetcher");
}

/// A reader that waits, as the client does for the shards: the server is not to blame, whoever it is.
TEST_F(RoutingApiClient, HasPatienceWithServersWhileItDoesNotListen) {
  struct slow_reader final : http_reader {
    bool on_bytes(std::string_view) override {
      for (const auto until = http_transfers::clock::now() + std::exchange(patience, 0ms); http_transfers::clock::now() < until;)
        std::this_thread::yield();
      return true;
    }
    std::chrono::milliseconds patience{2100}; ///< That it takes of others.
  };
  const auto request = [this] {
    http_request asked{.url = options.url + "/routing/v1/routes"};
    asked.headers = {"Authorization: bearer token-1"};
    asked.whole_patience = 2s;
    asked.silence_patience = 2s;
    return asked;
  };
  connect();
  http_transfers all;
  slow_reader slow;
  server.prepare("routes", {{"body", std::string(2, ' ')}, {"pause", 2.5}});
  const auto transfer = all.begin(request(), options.tls, slow);
  while (!transfer->outcome())
    all.run(http_transfers::clock::time_point::max());
  EXPECT_EQ(transfer->outcome()->problem(), "status code: 200");
}

} // namespace
} // namespace shunt::net
