// The demo's route service before real apps: whole exchanges pass through it, over HTTP/1.1 and as
// upgrades, and when it misbehaves, clients get what section 5 of gorouter's behaviour says.
#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/bound_routes.hpp"
#include "tests/process/harness/demo_service.hpp"
#include "tests/process/harness/pattern.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_client.hpp"

#include <gmock/gmock.h>

#include <csignal>
#include <future>

namespace shunt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr const char* websocket_fields =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n";

class DemoRouteService : public SharedStage<DemoRouteService> {
public:
  static nlohmann::json configuration() {
    return bound_routes::settings({{"endpoint_timeout", slowed_text(60s)},
                                   {"route_services", {{"max_attempts", 2}, {"enable_websockets", true}}}});
  }

protected:
  std::string bound(const demo_service& to) { return here().mapped(app, {{"route_service_url", to.url()}}); }
  http_response get(const std::string& fields = {}) { return here().get(host, "/", fields); }

  backend app{answers::echo()};
  demo_service service{port()};
  std::string host = bound(service);
};

// -- What it is for.

TEST_F(DemoRouteService, PassesRequestsOnAndLogsThem) {
  const auto answer = here().ask("POST /a%2Fb?x=1 HTTP/1.1\r\nHost: " + host
                                   + "\r\nContent-Length: 4\r\nX-Own: kept\r\n\r\nbody",
                                 "POST");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "body");
  const auto seen = app.last_request();
  EXPECT_EQ(seen.target, "/a%2Fb?x=1");
  EXPECT_EQ(seen.one("X-Own"), "kept");
  EXPECT_FALSE(seen.has("X-CF-Proxy-Signature"));
  const auto line = service.wait_for_line("POST");
  EXPECT_THAT(line, HasSubstr("Z #1 POST https://" + host + "/a%2Fb?x=1 forwarded, 200"));
}

TEST_F(DemoRouteService, LeavesTheFieldsAboutTheClientAsTheRoutersMadeThem) {
  EXPECT_EQ(get("X-Forwarded-For: 10.1.1.1\r\n").status, 200);
  const auto seen = app.last_request();
  EXPECT_EQ(seen.one("X-Forwarded-For"), "10.1.1.1, 127.0.0.1, 127.0.0.1") << "each router adds its client";
  EXPECT_EQ(seen.one("X-Forwarded-Proto"), "http") << "as the client came";
  EXPECT_EQ(seen.one("Host"), host);
  EXPECT_EQ(seen.all("X-Vcap-Request-Id").size(), 1u);
}

TEST_F(DemoRouteService, NeverWritesASignature) {
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(get("X-Demo-Reject: 403\r\n").status, 403);
  service.wait_for_line("rejected");
  EXPECT_THAT(service.process().output(), AllOf(Not(HasSubstr("ignature")), Not(HasSubstr("=="))));
}

TEST_F(DemoRouteService, PassesTrailersOnBothWays) {
  app.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nTrailer: Grpc-Status\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "5\r\nhello\r\n0\r\nGrpc-Status: 7\r\nX-Other: a b\r\n\r\n"));
  const auto answer = here().ask("POST / HTTP/1.1\r\nHost: " + host
                                   + "\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "3\r\nabc\r\n0\r\nX-Checksum: 17\r\n\r\n",
                                 "POST");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.trailers, (std::vector<http_field>{{"Grpc-Status", "7"}, {"X-Other", "a b"}}));
  const auto seen = app.last_request();
  EXPECT_EQ(seen.body, "abc");
  EXPECT_EQ(seen.trailers, (std::vector<http_field>{{"X-Checksum", "17"}}));
}

TEST_F(DemoRouteService, PassesAnswersWithoutBodyOn) {
  app.answer_with(answers::bytes("HTTP/1.1 204 No Content\r\n\r\n"));
  EXPECT_EQ(get().status, 204);
  app.answer_with(answers::bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
  const auto head = here().ask("HEAD / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", "HEAD");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.one("Content-Length"), "5");
  app.answer_with(answers::bytes_then_close("HTTP/1.1 200 OK\r\n\r\nup to the end"));
  EXPECT_EQ(get().body, "up to the end");
}

TEST_F(DemoRouteService, AsksForABodyWhenTheAppDoes) {
  app.answer_with([](backend_session& session) {
    session.send("HTTP/1.1 100 Continue\r\n\r\n");
    answers::echo()(session);
  });
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(one.response("POST").status, 100);
  one.send("body");
  EXPECT_EQ(one.response("POST").body, "body");
}

/// Sends and checks as it goes: what the app gets of the request it sends back at once.
TEST_F(DemoRouteService, CarriesMuchBothWaysAtOnce) {
  constexpr std::size_t total = 16u << 20;
  app.answer_with([](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: " + session.request.one("Content-Length") + "\r\n\r\n");
    session.reader().body(session.request, [&](std::string_view bytes) { session.send(bytes); });
  });
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: " + std::to_string(total) + "\r\n\r\n");
  auto sender = std::async(std::launch::async, [&] {
    pattern source;
    for (std::size_t sent = 0; sent < total;) {
      const auto block = source.next(std::min<std::size_t>(65536, total - sent));
      one.socket().send(block);
      sent += block.size();
    }
  });
  auto answer = one.response_head("POST");
  pattern expected;
  std::size_t received = 0;
  bool same = true;
  one.reader().body(answer, [&](std::string_view bytes) {
    same = same && expected.matches(bytes);
    received += bytes.size();
  });
  sender.get();
  EXPECT_TRUE(same);
  EXPECT_EQ(received, total);
}

TEST_F(DemoRouteService, IsReachedByOneHandshakeForManyRequests) {
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(here().ask(post_request(host, "body"), "POST").status, 200); // Each by a client of its own.
  EXPECT_THAT(service.lines("forwarded, 200"), SizeIs(20));
  EXPECT_EQ(service.connection_count(), 1u);
  EXPECT_LE(app.connection_count(), 1u);
}

// -- WebSockets.

TEST_F(DemoRouteService, PassesWebSocketsThrough) {
  app.answer_with(answers::upgrade_echo());
  client one{port()};
  one.send(get_request(host, "/ws", websocket_fields));
  const auto answer = one.response_head();
  ASSERT_EQ(answer.status, 101);
  EXPECT_EQ(answer.one("Upgrade"), "websocket");
  pattern source;
  for (int i = 0; i < 50; ++i) {
    const std::string sent{source.next(20'000)};
    one.send(sent);
    ASSERT_EQ(one.reader().exactly(sent.size()), sent);
  }
  EXPECT_EQ(app.last_request().one("Sec-WebSocket-Key"), "x");
  EXPECT_THAT(service.wait_for_line("/ws"), HasSubstr("forwarded, 101"));
  one.socket().half_close();
  EXPECT_TRUE(one.sees_end());
  EXPECT_TRUE(eventually([&] { return app.ended_count() == app.connection_count(); })) << "the app is told";
}

TEST_F(DemoRouteService, PassesOnThatAnAppWantsNoWebSocket) {
  app.answer_with(answers::bytes("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"));
  const auto answer = get(websocket_fields);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.body, "no");
}

TEST(DemoRouteServiceElsewhere, GetsNoWebSocketsUnlessTheFileSaysSo) {
  stage strict{bound_routes::settings()};
  const backend app{answers::upgrade_echo()};
  demo_service service{strict.under_test.port()};
  const auto host = strict.mapped(app, {{"route_service_url", service.url()}});
  const auto answer = strict.get(host, "/ws", websocket_fields);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "route_service_unsupported");
  EXPECT_EQ(answer.body, "503 Service Unavailable: Websocket requests are not supported for routes bound "
                         "to Route Services.\n");
  EXPECT_EQ(app.request_count(), 0u);
  EXPECT_THAT(service.lines(), SizeIs(0));
}

// -- When it misbehaves.

TEST_F(DemoRouteService, ThatRejectsIsTheAnswer) {
  const auto answer = here().ask(post_request(host, std::string(100'000, 'x'), "X-Demo-Reject: 403\r\n"), "POST");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, "Rejected by the route service.\n");
  EXPECT_FALSE(answer.has("X-Cf-RouterError")) << "it is not the router's";
  EXPECT_EQ(app.request_count(), 0u);
  EXPECT_THAT(service.wait_for_line(host), HasSubstr("rejected, 403"));
  EXPECT_EQ(here().under_test.wait_for_log("route-service-response").at("data").at("status-code"), 403);
  EXPECT_EQ(get().status, 200) << "the next one is not concerned";
}

TEST_F(DemoRouteService, MayTakeItsTime) {
  const auto begin = clock::now();
  EXPECT_EQ(get("X-Demo-Delay: 150ms\r\n").status, 200);
  EXPECT_GE(clock::now() - begin, 150ms);
  EXPECT_FALSE(app.last_request().has("X-Demo-Delay"));
}

TEST(DemoRouteServiceElsewhere, ThatTakesTooLongIsABadGateway) {
  stage hasty{bound_routes::settings({{"endpoint_timeout", slowed_text(500ms)}})};
  const backend app;
  demo_service service{hasty.under_test.port()};
  const auto host = hasty.mapped(app, {{"route_service_url", service.url()}});
  const auto answer = hasty.get(host, "/", "X-Demo-Delay: 1m\r\n");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "endpoint_failure (context deadline exceeded)");
  EXPECT_EQ(answer.body, "502 Bad Gateway: Registered endpoint failed to handle the request.\n");
  EXPECT_EQ(app.request_count(), 0u);
  EXPECT_EQ(hasty.get(host).status, 200) << "the next one is not concerned";
}

TEST_F(DemoRouteService, MayRewriteTheAnswer) {
  const auto answer = get("X-Demo-Rewrite: X-Seen-By: the service\r\nX-Demo-Rewrite: Content-Type: a/b\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.one("X-Seen-By"), "the service");
  EXPECT_EQ(answer.one("Content-Type"), "a/b");
  EXPECT_THAT(service.wait_for_line(host), HasSubstr("forwarded, 200, rewrote X-Seen-By, rewrote Content-Type"));
}

TEST_F(DemoRouteService, ThatDiesInTheMiddleCutsTheAnswerOff) {
  app.answer_with(answers::ok(std::string(1000, 'x')));
  client one{port()};
  one.send(get_request(host, "/", "X-Demo-Die: yes\r\n"));
  const auto head = one.response_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.one("Content-Length"), "1000");
  const auto part = one.reader().rest();
  EXPECT_GT(part.size(), 0u);
  EXPECT_LT(part.size(), 1000u) << "the end came before";
  EXPECT_THAT(service.wait_for_line(host), HasSubstr("forwarded, 200, died"));
  EXPECT_EQ(app.request_count(), 1u) << "nothing is sent twice";
}

TEST_F(DemoRouteService, ThatDiesBeforeItsAnswerIsABadGateway) {
  app.answer_with(answers::bytes("HTTP/1.1 204 No Content\r\n\r\n"));
  const auto answer = here().ask(post_request(host, "body", "X-Demo-Die: yes\r\n"), "POST");
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "endpoint_failure (EOF)");
  EXPECT_EQ(app.request_count(), 1u) << "a POST is not repeated";
  const auto again = get("X-Demo-Die: yes\r\n");
  EXPECT_EQ(again.status, 502);
  EXPECT_EQ(app.request_count(), 3u) << "a GET is, as often as max_attempts says";
}

TEST_F(DemoRouteService, ThatHasGoneIsABadGateway) {
  EXPECT_EQ(get().status, 200);
  service.process().signal(SIGTERM);
  EXPECT_EQ(service.process().wait_for_exit(), 0);
  const auto answer = get();
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.one("X-Cf-RouterError"), "endpoint_failure (dial tcp 127.0.0.1:" + std::to_string(service.port())
                                              + ": connect: connection refused)");
  EXPECT_EQ(app.request_count(), 1u) << "closed, not open";
}

TEST_F(DemoRouteService, ThatCannotReachTheRouterSaysSo) {
  const refusing_port nowhere;
  demo_service lost{nowhere.port()};
  const auto answer = here().get(bound(lost));
  EXPECT_EQ(answer.status, 502);
  EXPECT_THAT(answer.body, HasSubstr("The route service cannot pass this on: http://127.0.0.1:"));
  EXPECT_FALSE(answer.has("X-Cf-RouterError")) << "it is the service's answer";
}

TEST_F(DemoRouteService, SaysWhichOrderItDoesNotUnderstand) {
  for (const std::string field : {"X-Demo-Reject: 200", "X-Demo-Delay: 2", "X-Demo-Rewrite: Content-Length: 1",
                                  "X-Demo-Die: perhaps", "X-Demo-Sing: yes"}) {
    const auto answer = get(field + "\r\n");
    EXPECT_EQ(answer.status, 400) << field;
    EXPECT_THAT(answer.body, HasSubstr(field.substr(0, field.find(':')))) << field;
  }
  EXPECT_EQ(app.request_count(), 0u);
}

TEST_F(DemoRouteService, AnswersNobodyButRouters) {
  tls_client one{service.port()};
  one->send("GET / HTTP/1.1\r\nHost: a\r\nX-CF-Forwarded-Url: http://127.0.0.1/\r\n\r\n");
  const auto answer = one->response();
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("X-CF-Proxy-Signature"));
  EXPECT_THAT(service.wait_for_line("http://127.0.0.1/"), HasSubstr("refused, 400"));
}

// -- As its command line says.

TEST_F(DemoRouteService, TakesOrdersForAllRequestsFromItsOptions) {
  demo_service stern{port(), {"--reject", "418", "--rewrite", "X-A: 1", "--delay", "1ms"}};
  const auto stern_host = bound(stern);
  EXPECT_EQ(here().get(stern_host).status, 418);
  const auto answer = here().get(stern_host, "/", "X-Demo-Reject: no\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.one("X-A"), "1");
  demo_service fragile{port(), {"--die"}};
  EXPECT_EQ(here().ask(post_request(bound(fragile), ""), "POST").status, 502);
}

TEST(DemoRouteServiceElsewhere, MakesItselfACertificate) {
  demo_service service{std::vector<std::string>{"--reject", "418"}};
  const auto said = service.process().output();
  const auto begin = said.find("-----BEGIN CERTIFICATE-----");
  ASSERT_NE(begin, said.npos);
  const std::string end_line = "-----END CERTIFICATE-----\n";
  const auto pem = said.substr(begin, said.find(end_line) + end_line.size() - begin);
  stage trusting{bound_routes::settings({{"ca_certs", {pem}}})};
  const backend app;
  EXPECT_EQ(trusting.get(trusting.mapped(app, {{"route_service_url", service.url()}})).status, 418);
}

} // namespace
} // namespace shunt::test
