// 1xx responses and the handshake before a body: Expect: 100-continue.
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

class Interim : public SharedStage<Interim> {
protected:
  static std::string expecting(const std::string& host) {
    return "POST / HTTP/1.1\r\nHost: " + host
           + "\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  }
};

TEST_F(Interim, EarlyHintsReachTheClientBeforeTheResponse) {
  const backend there{answers::bytes(
    "HTTP/1.1 102 Processing\r\n\r\n"
    "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nlink: </b.js>\r\n\r\n"
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 2; ++i) {
    one.send(get_request(host));
    EXPECT_EQ(one.response().status, 102);
    const auto hints = one.response();
    EXPECT_EQ(hints.status, 103);
    EXPECT_THAT(hints.all("Link"), testing::ElementsAre("</a.css>; rel=preload", "</b.js>"));
    EXPECT_EQ(one.response().body, "ok");
  }
}

TEST_F(Interim, AreKeptFromAClientOfHttp10) {
  const backend there{answers::bytes("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
                                     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")};
  const auto host = here().mapped(there);
  EXPECT_EQ(here().ask("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n").status, 200);
}

TEST_F(Interim, EndlessOnesAreAFailureOfTheBackend) {
  const backend there{[](backend_session& session) {
    for (int i = 0; i < 100'000; ++i)
      session.send("HTTP/1.1 102 Processing\r\n\r\n");
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(get_request(host));
  auto answer = one.response();
  while (answer.status == 102)
    answer = one.response();
  EXPECT_EQ(answer.status, 502);
}

TEST_F(Interim, ContinueOfTheBackendIsRelayed) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 100 Continue\r\n\r\n");
    answers::echo()(session);
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host));
  EXPECT_EQ(one.response().status, 100);
  EXPECT_EQ(there.last_request().one("Expect"), "100-continue");
  EXPECT_EQ(there.last_request().one("Connection"), "close");
  one.send("body");
  const auto answer = one.response("POST");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "body");
}

TEST_F(Interim, ContinueThatNobodyAskedForIsRelayedOnce) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    answers::echo()(session);
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(post_request(host, "body"));
  EXPECT_EQ(one.response().status, 100);
  EXPECT_EQ(one.response("POST").body, "body");
}

TEST_F(Interim, ContinueIsSaidByTheRouterWhenTheBackendDoesNot) {
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host));
  EXPECT_EQ(one.response().status, 100);
  one.send("body");
  EXPECT_EQ(one.response("POST").body, "body");
}

TEST_F(Interim, AnEarlyRefusalKeepsTheBodyFromBeingSent) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    session.wait_for_close();
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host));
  const auto answer = one.response("POST");
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "big");
  EXPECT_EQ(there.bytes_received(), there.last_request().raw_head.size());
}

TEST_F(Interim, AClientThatDoesNotWaitIsServedAllTheSame) {
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(expecting(host) + "body");
  auto answer = one.response("POST");
  while (answer.status == 100)
    answer = one.response("POST");
  EXPECT_EQ(answer.body, "body");
}

TEST_F(Interim, AnEarlyResponseReachesAClientThatIsStillSending) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno");
    session.wait_for_close();
  }};
  const auto host = here().mapped(there);
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100000\r\n\r\nsome of it");
  const auto answer = one.response("POST");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.body, "no");
}

} // namespace
} // namespace shunt::test
