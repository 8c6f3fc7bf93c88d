// Sessions of route services: a service has its time and no more, a signature its uses; loops end; whose the time
// was is told; and none of that depends on which loop or which router a request comes back to.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/route_service_kit.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <future>
#include <regex>
#include <thread>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto session_time = 400ms;

class RouteServiceSessions : public SharedStage<RouteServiceSessions> {
public:
  static nlohmann::json configuration() {
    return service_settings({{"route_services", {{"session_timeout", slowed_text(session_time)}}},
                             {"prometheus", {{"enabled", true}}},
                             {"logging", {{"extra_access_log_fields", {"route_service_time", "app_time"}}}}});
  }

protected:
  std::string bound() { return here().mapped(app, bound_to(service.port())); }
  static std::string line_of(const std::string& host, const std::string& what = {}) {
    return here().under_test.wait_for_access(host + " - [" + what);
  }
  /// Seconds in the line of the request that left for the service; negative: none.
  static double seconds(const std::string& line, const std::string& field) {
    std::smatch found;
    return std::regex_search(line, found, std::regex{" " + field + ":(\\d+\\.\\d{6}) "}) ? std::stod(found[1]) : -1;
  }
  /// The line of a request that left for its service, not of the one that came back.
  static std::string outer_line(const std::string& host) {
    std::string found;
    eventually([&] {
      for (const auto& line : here().under_test.access_log())
        if (line.starts_with(host + " - [") && seconds(line, "route_service_time") >= 0)
          found = line;
      return !found.empty();
    });
    return found;
  }
  static double metric(const std::string& name) {
    const auto port = here().under_test.status_listener("prometheus.port");
    const auto text = "\n" + client{port}.send(get_request("localhost", "/metrics")).response().body;
    const auto at = text.find("\n" + name + " ");
    return at == text.npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
  /// Returns when a session that begins now has lost its service, and all earlier ones would have, too.
  void wait_for_deadline() {
    const backend deaf{answers::silent()};
    const tls_backend silent{deaf, {.own = &services_certificate()}};
    EXPECT_EQ(here().get(here().mapped(app, bound_to(silent.port()))).status, 504);
  }

  backend app{answers::ok("the app")};
  backend logic{sending_back(port())};
  tls_backend service{logic, {.own = &services_certificate()}};
};

// -- The deadline.

TEST_F(RouteServiceSessions, GiveUpAServiceThatSaysNothing) {
  logic.answer_with(answers::silent());
  const auto host = bound();
  const auto began = clock::now();
  const auto answer = here().get(host);
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "route_service_timeout");
  EXPECT_EQ(answer.body, "504 Gateway Timeout: Route service did not answer in time.\n");
  EXPECT_GE(clock::now() - began, slowed(session_time));
  EXPECT_LT(clock::now() - began, slowed(4s)) << "endpoint_timeout is eight seconds";
  EXPECT_TRUE(eventually([&] { return logic.ended_count() == 1; })) << "its connection is closed";
  EXPECT_EQ(logic.request_count(), 1u) << "and nothing is tried again";
  EXPECT_EQ(app.request_count(), 0u);
  EXPECT_THAT(outer_line(host), HasSubstr(" 504 "));

  logic.answer_with(sending_back(port()));
  EXPECT_EQ(here().get(host).body, "the app");
  EXPECT_EQ(service.connection_count(), 2u) << "by a new connection";
}

TEST_F(RouteServiceSessions, GiveUpAServiceThatSaysNothingToABody) {
  logic.answer_with([](backend_session& session) { session.wait_for_close(); });
  const auto answer = here().ask(post_request(bound(), std::string(500'000, 'x')), "POST");
  EXPECT_EQ(answer.status, 504);
  EXPECT_TRUE(eventually([&] { return logic.ended_count() == 1; }));
}

TEST_F(RouteServiceSessions, GiveUpAServiceThatStallsInItsHandshake) {
  const tls_backend stalling{logic, {.own = &services_certificate(), .stalls = true}};
  const auto answer = here().get(here().mapped(app, bound_to(stalling.port())));
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "route_service_timeout");
}

TEST_F(RouteServiceSessions, GiveUpAServiceThatTakesNoConnection) {
  const stuck_port stuck;
  EXPECT_EQ(here().get(here().mapped(app, bound_to(stuck.port()))).status, 504);
}

TEST_F(RouteServiceSessions, WaitForTheAppOfARequestThatCameBack) {
  const gate slow;
  app.answer_with(slow.holding("/"));
  const auto host = bound();
  client visitor{port()};
  visitor.send(get_request(host));
  EXPECT_TRUE(app.wait_for_requests(1));
  wait_for_deadline();
  slow.open();
  EXPECT_EQ(visitor.response().status, 200);
  const auto line = outer_line(host);
  EXPECT_GE(seconds(line, "app_time"), std::chrono::duration<double>{slowed(session_time)}.count() * 0.9) << line;
  EXPECT_GE(seconds(line, "route_service_time"), 0) << line;
}

TEST_F(RouteServiceSessions, WaitForTheRestOfAnAnswerThatBegan) {
  const gate slow;
  logic.answer_with([slow](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    slow.wait(session);
    session.send("half");
  });
  client visitor{port()};
  visitor.send(get_request(bound()));
  EXPECT_EQ(visitor.response_head().status, 200);
  wait_for_deadline();
  slow.open();
  EXPECT_EQ(visitor.reader().exactly(8), "halfhalf");
}

// -- Signatures that are used again.

TEST_F(RouteServiceSessions, AllowASignatureAfterTheAnswer) {
  const auto host = bound();
  EXPECT_EQ(here().get(host).status, 200);
  const auto fields = fields_back(logic.last_request());
  const auto at_service = logic.request_count();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(here().get(host, "/", fields).body, "the app");
  EXPECT_EQ(logic.request_count(), at_service);
}

TEST_F(RouteServiceSessions, TakeNoRepetitionsForALoop) {
  logic.answer_with([router = port()](backend_session& session) {
    int good = 0;
    for (int i = 0; i < 40; ++i)
      good += send_back(session, router, host_back(session.request)).status == 200;
    answer(session, 200, std::to_string(good));
  });
  EXPECT_EQ(here().get(bound()).body, "40");
}

// -- Whose the time was.

TEST_F(RouteServiceSessions, AreCountedAndMeasured) {
  const auto responses = std::string{"responses_route_services{status_group=\"2xx\"}"};
  const auto before = metric(responses);
  const auto service_before = metric("shunt_route_service_duration_seconds_count");
  const auto app_before = metric("shunt_route_service_app_duration_seconds_count");
  const auto host = bound();
  EXPECT_EQ(here().get(host).status, 200);
  EXPECT_TRUE(eventually([&] { return metric(responses) == before + 1; })) << "once, not for the way back, too";
  EXPECT_EQ(metric("shunt_route_service_duration_seconds_count"), service_before + 1);
  EXPECT_EQ(metric("shunt_route_service_app_duration_seconds_count"), app_before + 1);
  EXPECT_GE(seconds(outer_line(host), "app_time"), 0);

  logic.answer_with(answers::ok("by itself"));
  const auto other = bound();
  EXPECT_EQ(here().get(other).body, "by itself");
  EXPECT_THAT(outer_line(other), HasSubstr(" app_time:\"-\" "));
  EXPECT_TRUE(eventually([&] { return metric(responses) == before + 2; }));
  EXPECT_EQ(metric("shunt_route_service_app_duration_seconds_count"), app_before + 1);

  const auto free = here().mapped(app);
  EXPECT_EQ(here().get(free).status, 200);
  EXPECT_THAT(line_of(free), HasSubstr(" route_service_time:\"-\" app_time:\"-\" "));
  EXPECT_EQ(metric(responses), before + 2);
}

// -- X-Forwarded-Proto.

TEST_F(RouteServiceSessions, VouchForTheSchemeOnlyWithTheUrl) {
  const auto host = bound();
  EXPECT_EQ(here().get(host, "/", "X-Forwarded-Proto: https\r\n").status, 200);
  const auto back = fields_back(logic.last_request());
  const auto without_url = back.substr(back.find("\r\n") + 2);
  EXPECT_EQ(here().get(host, "/", back).status, 200);
  EXPECT_FALSE(app.last_request().has("X-Forwarded-Proto")) << "nothing of this router's";
  EXPECT_EQ(here().get(host, "/", without_url).status, 200);
  EXPECT_EQ(app.last_request().one("X-Forwarded-Proto"), "http");
}

// -- Without a deadline, which a loop on a slow machine might meet first.

TEST(RouteServiceSessionsElsewhere, EndLoops) {
  stage here{service_settings()};
  const auto port = here.under_test.port();
  const backend app{answers::ok("the app")};
  backend logic;
  const tls_backend service{logic, {.own = &services_certificate()}};
  // A service that is an app of this platform, and sends what it gets to itself.
  backend looping;
  const auto own_host = here.mapped(looping);
  looping.answer_with([own_host, router = port](backend_session& session) {
    const auto answered = send_back(session, router, own_host);
    answer(session, answered.status, answered.one("X-Cf-RouterError") + answered.body);
  });
  logic.answer_with([own_host, router = port](backend_session& session) {
    const auto answered = send_back(session, router, own_host);
    answer(session, answered.status, answered.body);
  });
  const auto answer = here.get(here.mapped(app, bound_to(service.port())));
  EXPECT_EQ(answer.status, 508);
  EXPECT_THAT(answer.body, HasSubstr("route_service_loop508 Loop Detected: Too many requests"));
  EXPECT_EQ(looping.request_count(), 16u);
  EXPECT_EQ(app.request_count(), 0u);
  EXPECT_THAT(here.under_test.wait_for_log("signature-validation-failed").at("data").at("error"),
              HasSubstr("too many requests with this signature"));
}

// -- With a limit of uses, on two loops.

class SignatureUses : public SharedStage<SignatureUses> {
public:
  static nlohmann::json configuration() {
    return service_settings({{"route_services", {{"max_signature_uses", 1}}}, {"go_max_procs", 2}});
  }

protected:
  backend app{answers::ok("the app")};
  backend logic{sending_back(port())};
  tls_backend service{logic, {.own = &services_certificate()}};
};

TEST_F(SignatureUses, AreLimited) {
  std::string second;
  logic.answer_with([&second, router = port()](backend_session& session) {
    const auto host = host_back(session.request);
    EXPECT_EQ(send_back(session, router, host).status, 200);
    const auto again = eventually([&] { // Another loop may be too busy to say so.
      const auto refused = send_back(session, router, host);
      second = refused.body;
      return refused.status == 502;
    });
    EXPECT_TRUE(again);
    answers::ok("done")(session);
  });
  const auto host = here().mapped(app, bound_to(service.port()));
  EXPECT_EQ(here().get(host).body, "done");
  EXPECT_EQ(second, "502 Bad Gateway: Failed to validate Route Service Signature: "
                    "route service signature was used too often\n");
  EXPECT_EQ(here().under_test.wait_for_log("signature-validation-failed").at("data").at("error"),
            "route service signature was used too often");
}

TEST_F(SignatureUses, EndWithTheAnswer) {
  const auto host = here().mapped(app, bound_to(service.port()));
  EXPECT_EQ(here().get(host).status, 200);
  const auto fields = fields_back(logic.last_request());
  EXPECT_TRUE(eventually([&] { return here().get(host, "/", fields).status == 502; }));
}

/// Four connections that are open at once are on both loops. If a loop did not hear of the other's uses,
/// at least one request of each would be let through. (On a busy machine a loop may answer too late: anew.)
TEST_F(SignatureUses, AreCountedOnAllLoopsTogether) {
  logic.answer_with([router = port()](backend_session& session) {
    std::vector<std::unique_ptr<client>> open;
    int good = 0;
    const auto request = get_request(host_back(session.request), "/", fields_back(session.request));
    for (int i = 0; i < 4; ++i) { // Each has been served, so each has its loop.
      open.push_back(std::make_unique<client>(router));
      EXPECT_EQ(open.back()->send(get_request("nowhere.test")).response().status, 404);
    }
    for (auto& each : open)
      good += each->send(request).response().status == 200;
    answer(session, 200, std::to_string(good));
  });
  const auto host = here().mapped(app, bound_to(service.port()));
  EXPECT_TRUE(eventually([&] { return here().get(host).body == "1"; }));
}

// -- Two routers that share a secret, and nothing else.

class TwoRouters : public testing::Test {
protected:
  static nlohmann::json settings() {
    return service_settings({{"route_services", {{"max_signature_uses", 1}}}});
  }
  std::string bound() {
    const auto host = one.mapped(app, bound_to(service.port()));
    EXPECT_TRUE(eventually([&] { return other.lists(host, app.address()); }));
    return host;
  }

  stage one{settings()};
  router other{one.nats.port(), settings()};
  backend app{answers::ok("the app")};
  backend logic{sending_back(other.port())};
  tls_backend service{logic, {.own = &services_certificate()}};
};

TEST_F(TwoRouters, ServeARequestThatComesBackToTheOther) {
  const auto host = bound();
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(one.get(host).body, "the app");
  EXPECT_EQ(app.request_count(), 3u);
  EXPECT_THAT(other.wait_for_access(host + " - ["), HasSubstr(" 200 "));
  // Its uses are counted by the router that signed it, so the other one refuses none.
  logic.answer_with([port = other.port()](backend_session& session) {
    const auto back = host_back(session.request);
    EXPECT_EQ(send_back(session, port, back).status, 200);
    EXPECT_EQ(send_back(session, port, back).status, 200);
    answers::ok("twice")(session);
  });
  EXPECT_EQ(one.get(host).body, "twice");
}

TEST_F(TwoRouters, ServeARequestWhoseOwnRouterIsGone) {
  const gate held;
  std::promise<int> answered;
  logic.answer_with([&, port = other.port()](backend_session& session) {
    held.wait(session);
    answered.set_value(send_back(session, port, host_back(session.request)).status);
    answers::ok("too late for the client")(session);
  });
  const auto host = bound();
  client visitor{one.under_test.port()};
  visitor.send(get_request(host));
  EXPECT_TRUE(logic.wait_for_requests(1));
  const auto fields = fields_back(logic.last_request());
  one.under_test.process().signal(SIGKILL);
  EXPECT_TRUE(one.under_test.process().wait_for_exit());
  EXPECT_TRUE(visitor.sees_end());
  held.open();
  auto status = answered.get_future();
  ASSERT_EQ(status.wait_for(slowed(step_time)), std::future_status::ready);
  EXPECT_EQ(status.get(), 200);
  EXPECT_EQ(app.request_count(), 1u);

  // Nor does a successor, which numbers its sessions as the dead one did, take the signature for its own.
  logic.answer_with(answers::ok("by itself"));
  const router successor{one.nats.port(), settings()};
  one.bus.announce(app.port(), host, bound_to(service.port()));
  EXPECT_TRUE(eventually([&] { return successor.lists(host, app.address()); }));
  EXPECT_EQ(client{successor.port()}.send(get_request(host)).response().body, "by itself");
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(client{successor.port()}.send(get_request(host, "/", fields)).response().body, "the app");
}

} // namespace
} // namespace shunt::test
