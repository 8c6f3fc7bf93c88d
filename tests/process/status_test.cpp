// What load balancers, operators and dashboards ask the router about itself.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <list>

namespace shunt::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* alive_path = "/is-process-alive-do-not-use-for-loadbalancing";

void expect_uncached(const http_response& answer) {
  EXPECT_EQ(answer.one("Cache-Control"), "private, max-age=0");
  EXPECT_EQ(answer.one("Expires"), "0");
}

class Status : public SharedStage<Status> {
public:
  static nlohmann::json configuration() { return {{"healthcheck_user_agent", "Prober/1"}}; }

protected:
  static http_response routes(const std::string& fields) {
    return client{here().under_test.routes_port()}
      .send(get_request("x", "/routes", fields))
      .response();
  }
};

TEST_F(Status, HealthIsOkWhenHealthy) {
  const auto answer = here().under_test.status("/health");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ok\n");
  EXPECT_EQ(answer.one("Content-Type"), "text/plain; charset=utf-8");
  expect_uncached(answer);
}

TEST_F(Status, ProcessIsAlive) {
  const auto answer = here().under_test.status(alive_path);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ok\n");
}

TEST_F(Status, AcceptsAnyMethod) {
  for (const auto* method : {"HEAD", "POST", "PUT", "BREW"})
    EXPECT_EQ(
      client{here().under_test.status_port()}
        .send(std::string{method} + " /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .response(method)
        .status,
      200)
      << method;
}

TEST_F(Status, TellsNoMoreThanTheHeadToWhoeverAsksForIt) {
  const auto told = [](std::uint16_t port, const std::string& path) {
    client asking{port};
    asking.send("HEAD " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dGVzdGVyOnNlY3JldA==\r\n\r\n");
    return asking.reader().rest();
  };
  stage old{{{"status", {{"enable_deprecated_varz_healthz_endpoints", true}, {"host", "localhost"}}}}};
  for (const auto& answer : {told(here().under_test.status_port(), "/health"), told(here().under_test.routes_port(), "/routes"),
                             told(old.under_test.status_port(), "/varz")}) {
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
  }
}

class DebugPort : public ::testing::Test {
protected:
  http_response set_level(const std::string& body, const std::string& method = "PUT", const std::string& path = "/log-level") const {
    return client{under.under_test.status_listener("debug_addr")}
      .send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body)
      .response(method);
  }
  stage under{{{"debug_addr", "127.0.0.1:0"}, {"logging", {{"level", "info"}}}}};
  const backend there;
};

TEST_F(DebugPort, ChangesTheLogLevel) {
  under.under_test.wait_for_log("debugserver-started");
  EXPECT_EQ(set_level("debug").status, 200);
  const auto host = under.mapped(there);
  under.unmap(host, there);
  EXPECT_EQ(under.under_test.wait_for_log("unregister-route")["log_level"], 0);
  EXPECT_EQ(set_level("E\n", "POST").status, 200);
  EXPECT_EQ(set_level("loud").status, 400);
  EXPECT_EQ(set_level(std::string(1000, 'd')).status, 400);
  EXPECT_EQ(set_level("", "GET").status, 405);
  EXPECT_EQ(set_level("debug", "PUT", "/debug/pprof/").status, 404);
}

TEST_F(DebugPort, ChangesTheLogLevelUntilTheFileIsReadAgainEvenIfThatIsTheSame) {
  under.under_test.wait_for_log("debugserver-started");
  EXPECT_EQ(set_level("error").status, 200);
  under.under_test.process().signal(SIGHUP);
  EXPECT_EQ(under.under_test.wait_for_log("configuration-reloaded")["data"]["changed"], "");
}

/// It takes nobody's password to connect and be silent.
TEST_F(Status, WhoeverAsksIsAnsweredHoweverManySayNothing) {
  auto& under_test = here().under_test;
  std::list<client> silent;
  for (int i = 0; i < 300; ++i) {
    silent.emplace_back(under_test.status_port());
    if (i % 2 == 0)
      silent.back().send("GET /health HT");
  }
  EXPECT_EQ(under_test.health(), 200);
  EXPECT_EQ(under_test.status(alive_path).status, 200);
  EXPECT_FALSE(under_test.routes().is_discarded()) << "nor does it concern another port";
  EXPECT_TRUE(silent.front().sees_end()) << "it had its time";
  EXPECT_EQ(silent.back().send(get_request("localhost", "/health")).response().status, 200) << "and the last has it yet";
}

TEST_F(Status, UnknownPathsAreNotFound) {
  for (const auto* path : {"/", "/healthz", "/health/x", "/routes"}) {
    const auto answer = here().under_test.status(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_THAT(answer.body, HasSubstr("404 page not found"));
  }
}

TEST_F(Status, HealthIsAlsoToldOnTheTrafficPortToTheRightUserAgent) {
  for (const auto* host : {"nowhere.test", "127.0.0.1"}) {
    const auto answer = here().get(host, "/any", "User-Agent: Prober/1\r\n");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "ok\n");
    EXPECT_FALSE(answer.has("Content-Type"));
    EXPECT_THAT(answer.one("Date"), testing::EndsWith(" GMT"));
    expect_uncached(answer);
  }
  EXPECT_EQ(here().get("nowhere.test", "/", "User-Agent: Prober/1.1\r\n").status, 404);
}

TEST_F(Status, RoutesNeedCredentials) {
  for (const std::string fields :
       {"", "Authorization: Basic dGVzdGVyOndyb25n\r\n", "Authorization: Basic !!!\r\n",
        "Authorization: Bearer dGVzdGVyOnNlY3JldA==\r\n", "Authorization: Basic\r\n",
        "Authorization: Basic dGVzdGVyOnNlY3JldDo=\r\n"}) {
    const auto answer = routes(fields);
    EXPECT_EQ(answer.status, 401) << fields;
    EXPECT_EQ(answer.body, "401 Unauthorized\n");
    EXPECT_EQ(answer.one("WWW-Authenticate"), "Basic");
  }
}

TEST_F(Status, RoutesAreListedAsTheReferenceDoes) {
  const auto host = fresh_host();
  here().map("Plain." + host + "/Path/", 1234);
  here().map("full." + host, 5678,
             {{"tls_port", 5678},
              {"availability_zone", "z1"},
              {"private_instance_id", "ins<1>"},
              {"server_cert_domain_san", "san"},
              {"tags", {{"component", "route-emitter"}}},
              {"stale_threshold_in_seconds", 30},
              {"options", {{"loadbalancing", "least-connection"}}}});
  const auto answer = routes("Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.one("Content-Type"), "application/json");
  EXPECT_THAT(answer.one("Date"), testing::EndsWith(" GMT"));
  EXPECT_TRUE(answer.lists("Connection", "close"));
  EXPECT_THAT(answer.body, testing::EndsWith("}\n"));
  EXPECT_THAT(
    answer.body,
    HasSubstr("\"plain." + host
              + R"(/path":[{"address":"127.0.0.1:1234","availability_zone":"","protocol":"http1",)"
              + R"("tls":false,"ttl":120,"tags":null}])"));
  EXPECT_THAT(
    answer.body,
    HasSubstr("\"full." + host
              + R"(":[{"address":"127.0.0.1:5678","availability_zone":"z1","protocol":"http1",)"
              + R"("tls":true,"ttl":30,"tags":{"component":"route-emitter"},)"
              + R"("private_instance_id":"ins\u003c1\u003e","server_cert_domain_san":"san",)"
              + R"("load_balancing_algorithm":"least-connection"}])"));
}

TEST_F(Status, RoutesAreSortedAndInPoolOrder) {
  const auto host = fresh_host();
  here().map("b." + host, 2);
  here().map("a." + host, 9);
  here().map("a." + host, 1);
  const auto body = routes("Authorization: Basic dGVzdGVyOnNlY3JldA==\r\n").body;
  EXPECT_LT(body.find("\"a." + host), body.find("\"b." + host));
  std::vector<std::string> order;
  const auto all = nlohmann::json::parse(body);
  for (const auto& endpoint : all.at("a." + host))
    order.push_back(endpoint.at("address"));
  EXPECT_THAT(order, ElementsAre("127.0.0.1:9", "127.0.0.1:1"));
}

TEST_F(Status, ManyRoutesAreListedWhole) {
  const auto host = fresh_host();
  nlohmann::json uris = nlohmann::json::array();
  for (int i = 0; i < 3000; ++i)
    uris.push_back(std::to_string(i) + "." + host);
  here().map("0." + host, 80, {{"uris", uris}});
  int count = 0;
  EXPECT_TRUE(eventually([&] {
    count = 0;
    const auto routes = here().under_test.routes();
    for (const auto& [uri, endpoints] : routes.items())
      count += uri.ends_with("." + host) ? 1 : 0;
    return count == 3000;
  }))
    << count;
}

/// A router that has not begun to serve.
TEST(Starting, IsTheHealthOfARouterThatWaitsForRoutes) {
  const nats_server nats;
  registrar bus{nats.url()};
  bus.listen("router.start");
  router starting{nats.port(), {{"start_response_delay_interval", "60s"}}, router::unhealthy{}};
  const auto answer = starting.status("/health");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "");
  expect_uncached(answer);
  EXPECT_EQ(starting.status(alive_path).body, "ok\n");
  EXPECT_TRUE(bus.next().has_value()) << "registrations are asked for before serving";
  EXPECT_THROW(stream_socket::connected_to(starting.port()), socket_error);
  // Registrations are taken meanwhile.
  bus.announce(1234, "early.test");
  EXPECT_TRUE(eventually([&] { return starting.lists("early.test", "127.0.0.1:1234"); }));
  starting.process().signal(SIGTERM);
  EXPECT_EQ(starting.process().wait_for_exit(), 0);
}

TEST(Starting, OpensTheTrafficPortBeforeItIsHealthy) {
  const nats_server nats;
  const router started{nats.port(), {{"start_response_delay_interval", "1s"}}};
  EXPECT_EQ(client{started.port()}.send(get_request("x")).response().status, 404);
  started.wait_for_log("gorouter.started"); // The listener may answer before the line is out.
  std::vector<std::string> messages;
  for (const auto& entry : started.log())
    messages.push_back(entry.value("message", ""));
  std::string order;
  for (const auto& message : messages)
    for (const auto* wanted : {"starting", "Successfully-connected-to-nats", "subscriber-started",
                               "tcp-listener-started", "gorouter.started"})
      if (message == wanted)
        order += message + " ";
  EXPECT_EQ(order, "starting Successfully-connected-to-nats subscriber-started "
                   "tcp-listener-started gorouter.started ");
}

} // namespace
} // namespace shunt::test
