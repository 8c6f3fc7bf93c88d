// Routes that are open while their route service is down, because they say so; and what does not count as down.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/route_service_kit.hpp"

#include <gmock/gmock.h>

#include <atomic>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto mark = " x_cf_route_service_bypassed:\"true\"";

class OpenRoutes : public SharedStage<OpenRoutes> {
public:
  static nlohmann::json configuration() {
    return service_settings({{"route_services", {{"session_timeout", slowed_text(400ms)}}},
                             {"prometheus", {{"enabled", true}}}});
  }

protected:
  static nlohmann::json open_to(std::uint16_t service_port) {
    return bound_to(service_port, {{"options", {{"route_service_failure", "open"}}}});
  }
  std::string bound() { return here().mapped(app, open_to(service.port())); }
  void expect_bypass(const std::string& host) {
    const auto answer = here().get(host);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "the app");
    EXPECT_TRUE(here().under_test.wait_for_access(host + " - [").ends_with(mark));
  }
  void expect_none(const std::string& host, const http_response& answer, int status) {
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(app.request_count(), 0u);
    EXPECT_THAT(here().under_test.wait_for_access(host + " - ["), Not(HasSubstr("bypassed")));
  }

  backend app{answers::ok("the app")};
  backend logic{answers::ok("the service")};
  tls_backend service{logic, {.own = &services_certificate()}};
};

TEST_F(OpenRoutes, GoToTheAppWhenTheServiceCannotBeReached) {
  const refusing_port down;
  expect_bypass(here().mapped(app, open_to(down.port())));
  const auto port = here().under_test.status_listener("prometheus.port");
  EXPECT_TRUE(eventually([&] {
    const auto text = client{port}.send(get_request("localhost", "/metrics")).response().body;
    return text.find("\nshunt_route_service_bypassed_total 0\n") == text.npos;
  }));
}

TEST_F(OpenRoutes, GoToTheAppWhenTheServiceIsNotTrusted) {
  const auto stranger = tls_kit::mint({.common_name = "stranger", .ips = {"127.0.0.1"}});
  const tls_backend impostor{logic, {.own = &stranger}};
  expect_bypass(here().mapped(app, open_to(impostor.port())));
  EXPECT_EQ(logic.request_count(), 0u);
}

TEST_F(OpenRoutes, GoToTheAppWhenTheServiceBreaksOff) {
  logic.answer_with(answers::resetting());
  expect_bypass(bound());
}

TEST_F(OpenRoutes, GoToTheAppWhenTheServicesTimeIsOver) {
  logic.answer_with(answers::silent());
  expect_bypass(bound());
}

TEST_F(OpenRoutes, RefuseAServiceThatWakesUpTooLate) {
  const gate late, slow;
  std::atomic<int> refused{0};
  logic.answer_with([&](backend_session& session) {
    late.wait(session);
    refused = send_back(session, port(), host_back(session.request)).status;
    session.close();
  });
  app.answer_with(slow.holding("/"));
  client visitor{port()};
  visitor.send(get_request(bound()));
  EXPECT_TRUE(app.wait_for_requests(1)) << "without the service";
  late.open();
  EXPECT_TRUE(eventually([&] { return refused != 0; }));
  EXPECT_EQ(refused, 504);
  slow.open();
  EXPECT_EQ(visitor.response().status, 200);
  EXPECT_EQ(app.request_count(), 1u);
}

TEST_F(OpenRoutes, StayWithAServiceThatAnswers) {
  for (const int status : {200, 403, 500, 503}) {
    logic.answer_with([status](backend_session& session) { answer(session, status, "said"); });
    const auto host = bound();
    expect_none(host, here().get(host), status);
  }
}

TEST_F(OpenRoutes, AreClosedToARequestWhoseBodyIsGone) {
  logic.answer_with(answers::closing());
  const auto host = bound();
  expect_none(host, here().ask(post_request(host, "the body"), "POST"), 502);
}

TEST_F(OpenRoutes, SendNothingToTheAppTwice) {
  logic.answer_with([router = port()](backend_session& session) {
    EXPECT_EQ(send_back(session, router, host_back(session.request)).status, 200);
    session.close();
  });
  const auto host = bound();
  std::string request = "DELETE / HTTP/1.1\r\nHost: ";
  EXPECT_EQ(here().ask(request.append(host).append("\r\n\r\n"), "DELETE").status, 502);
  EXPECT_EQ(app.request_count(), 1u);
}

TEST_F(OpenRoutes, DoNothingForAClientThatLeft) {
  logic.answer_with(answers::silent());
  const auto host = bound();
  {
    client impatient{port()};
    impatient.send(get_request(host));
    EXPECT_TRUE(logic.wait_for_requests(1));
    impatient.socket().reset();
  }
  EXPECT_THAT(here().under_test.wait_for_access(host + " - ["), HasSubstr(" 499 "));
  EXPECT_EQ(app.request_count(), 0u);
}

TEST_F(OpenRoutes, AreNoneThatSayTheyAreClosed) {
  const refusing_port down;
  const auto host =
    here().mapped(app, bound_to(down.port(), {{"options", {{"route_service_failure", "closed"}}}}));
  expect_none(host, here().get(host), 502);
}

} // namespace
} // namespace shunt::test
