// Connections of clients and to backends: how long they live and what they carry one after another.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/http2_peer.hpp"
#include "tests/process/harness/stage.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <memory>
#include <vector>

namespace shunt::test {
namespace {

using testing::ElementsAre;

class Connections : public SharedStage<Connections> {};

TEST_F(Connections, CarryRequestAfterRequestOnBothSides) {
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(one.send(post_request(host, std::to_string(i))).response("POST").body,
              std::to_string(i));
  EXPECT_EQ(there.connection_count(), 1u);
}

TEST_F(Connections, OfTheRouterToABackendAreSharedByClients) {
  const backend there;
  const auto host = here().mapped(there);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(here().get(host).status, 200);
  EXPECT_EQ(there.connection_count(), 1u);
}

TEST_F(Connections, ServePipelinedRequestsInOrder) {
  const backend there{[](backend_session& session) {
    answers::ok(session.request.target + session.read_body())(session);
  }};
  const auto host = here().mapped(there);
  std::string all;
  for (int i = 0; i < 20; ++i)
    all += i % 3 == 0 ? post_request(host, "+" + std::to_string(i))
                      : get_request(host, "/" + std::to_string(i));
  client one{port()};
  one.send(all);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(one.response().body, i % 3 == 0 ? "/+" + std::to_string(i) : "/" + std::to_string(i));
}

TEST_F(Connections, DoNotStartAPipelinedRequestBeforeTheOneInFrontIsAnswered) {
  const gate held;
  const backend there{held.holding("/first")};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(get_request(host, "/first") + get_request(host, "/second"));
  ASSERT_TRUE(there.wait_for_requests(1));
  client other{port()}; // Its answer shows that the loop has had time for the second request.
  EXPECT_EQ(other.send(get_request(host, "/other")).response().status, 200);
  EXPECT_EQ(there.request_count(), 2u);
  held.open();
  EXPECT_EQ(one.response().status, 200);
  EXPECT_EQ(one.response().status, 200);
  EXPECT_EQ(there.last_request().target, "/second");
}

TEST_F(Connections, SurviveTheRoutersOwnErrors) {
  const backend there;
  const auto host = here().mapped(there);
  client one{port()};
  EXPECT_EQ(one.send(get_request("nowhere.test")).response().status, 404);
  EXPECT_EQ(one.send(post_request("nowhere.test", "unread")).response().status, 404);
  EXPECT_EQ(one.send(get_request(host)).response().status, 200);
}

TEST_F(Connections, EndWhenTheClientSaysSo) {
  const backend there;
  const auto host = here().mapped(there);
  for (const auto* value : {"close", "Close", "foo, close", "close, X-Y"}) {
    client one{port()};
    const std::string field = "Connection: " + std::string{value} + "\r\n";
    const auto answer = one.send(get_request(host, "/", field)).response();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.lists("Connection", "close")) << value;
    EXPECT_TRUE(one.sees_close()) << value;
  }
  client lost{port()};
  EXPECT_EQ(lost.send(get_request("nowhere.test", "/", "Connection: close\r\n")).response().status,
            404);
  EXPECT_TRUE(lost.sees_close());
}

TEST_F(Connections, ToABackendThatSaysCloseAreNotUsedAgain) {
  const backend there{answers::ok("hello", "Connection: close\r\n")};
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 3; ++i) {
    const auto answer = one.send(get_request(host)).response();
    EXPECT_EQ(answer.body, "hello");
    EXPECT_FALSE(answer.has("Connection")); // That was between the router and its backend.
  }
  EXPECT_EQ(there.connection_count(), 3u);
}

TEST_F(Connections, ToABackendOfHttp10AreNotUsedAgain) {
  const backend there{
    answers::bytes_then_close("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")};
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(one.send(get_request(host)).response().body, "hello");
  EXPECT_EQ(there.connection_count(), 3u);
}

const std::string smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsmuggle";

TEST_F(Connections, ToABackendThatSentTooMuchAreNotUsedAgain) {
  const backend there{
    answers::bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + smuggled)};
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(one.send(get_request(host)).response().body, "hello");
  EXPECT_EQ(there.connection_count(), 5u);
}

TEST_F(Connections, ToABackendThatSpeaksUnaskedAreNotUsedAgain) {
  const gate held;
  const backend there{[held](backend_session& session) {
    answers::ok("hello")(session);
    held.wait(session);
    session.send(smuggled);
    session.wait_for_close();
  }};
  const auto host = here().mapped(there);
  client one{port()};
  EXPECT_EQ(one.send(get_request(host)).response().body, "hello");
  held.open();
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; }));
  EXPECT_EQ(one.send(get_request(host)).response().body, "hello");
}

TEST_F(Connections, ToBackendsEndWhenTheirClientIsGone) {
  const backend there{answers::silent()};
  const auto host = here().mapped(there);
  {
    client one{port()};
    one.send(get_request(host, "/gone"));
    ASSERT_TRUE(there.wait_for_requests(1));
  }
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; }));
}

TEST_F(Connections, EndlessOnesDoNotDisturbOthers) {
  const gate held;
  const backend slow{held.holding("/hold")};
  const auto host = here().mapped(slow);
  std::vector<std::unique_ptr<client>> busy;
  for (int i = 0; i < 50; ++i) {
    busy.push_back(std::make_unique<client>(port()));
    busy.back()->send(get_request(host, "/hold"));
  }
  ASSERT_TRUE(slow.wait_for_requests(50));
  EXPECT_EQ(here().get(host).status, 200);
  held.open();
  for (auto& each : busy)
    EXPECT_EQ(each->response().status, 200);
}

/// Short patience with clients that say nothing.
class QuietClients : public SharedStage<QuietClients> {
public:
  static nlohmann::json configuration() {
    return {{"frontend_idle_timeout", slowed_text(300ms)},
            {"read_header_timeout", slowed_text(300ms)},
            {"read_body_timeout", slowed_text(300ms)}};
  }

protected:
  /// Whether the router ends the connection, after at most a 408.
  static bool is_ended(client& one) {
    one.reader().patience = 5s;
    try {
      const auto said = one.reader().rest();
      return said.empty() || said.starts_with("HTTP/1.1 408 ");
    } catch (const socket_error& error) {
      return error.reason == socket_error::kind::reset;
    }
  }
};

TEST_F(QuietClients, AreEndedBetweenRequests) {
  const backend there;
  const auto host = here().mapped(there);
  client one{port()};
  EXPECT_EQ(one.send(get_request(host)).response().status, 200);
  EXPECT_TRUE(one.sees_close());
}

TEST_F(QuietClients, AreEndedBeforeTheirFirstRequest) {
  client one{port()};
  EXPECT_TRUE(is_ended(one));
}

TEST(SilentClients, AreEndedAsIdleOnesWhereEitherHttpMayBeginAndHeadsMayTakeForEver) {
  const stage here{{{"enable_http2", true},
                    {"enable_h2c", true},
                    {"read_header_timeout", "0s"},
                    {"frontend_idle_timeout", slowed_text(300ms)}}};
  client one{here.under_test.port()};
  EXPECT_TRUE(one.sees_close());
}

TEST_F(QuietClients, AreEndedInTheMiddleOfAHead) {
  const backend there;
  const auto host = here().mapped(there);
  client one{port()};
  one.send("GET / HTTP/1.1\r\nHost: " + host + "\r\nX-Slow: ");
  EXPECT_TRUE(is_ended(one));
  EXPECT_EQ(there.bytes_received(), 0u);
}

TEST_F(QuietClients, CannotBuyTimeByDrippingAHead) {
  client one{port()};
  one.send("GET / HTTP/1.1\r\nX-Slow: ");
  one.reader().patience = 50ms;
  const bool ended = eventually(
    [&] {
      try {
        one.send("a");
        one.reader().some();
        return true; // The end, or a 408.
      } catch (const socket_error& error) {
        return error.reason != socket_error::kind::timed_out;
      }
    },
    5s);
  EXPECT_TRUE(ended);
}

TEST_F(QuietClients, AreEndedInTheMiddleOfABody) {
  const backend there{answers::echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_TRUE(is_ended(one));
}

TEST_F(QuietClients, MayWaitLongForTheirBackend) {
  const gate held;
  const backend there{held.holding("/hold")};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(get_request(host, "/hold"));
  ASSERT_TRUE(there.wait_for_requests(1));
  client idle{port()}; // Whose end shows that the idle time is over for everyone.
  EXPECT_TRUE(is_ended(idle));
  held.open();
  EXPECT_EQ(one.response().status, 200);
}

/// What half of all streaming is: a request that stays open, and is silent, while answers come.
TEST_F(QuietClients, MayListenForAsLongAsTheBackendSpeaks) {
  const gate held;
  const backend there{[held](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none \r\n");
    EXPECT_EQ(session.reader().exactly(10), "5\r\nhello\r\n");
    held.wait(session);
    session.send("3\r\ntwo\r\n0\r\n\r\n");
  }};
  client one{port()};
  one.send("POST / HTTP/1.1\r\nHost: " + here().mapped(there)
           + "\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  EXPECT_EQ(one.response_head().status, 200);
  EXPECT_EQ(one.reader().exactly(9), "4\r\none \r\n");
  client idle{port()}; // Whose end shows that the time for a pause is over, too.
  EXPECT_TRUE(is_ended(idle));
  held.open();
  EXPECT_EQ(one.reader().exactly(13), "3\r\ntwo\r\n0\r\n\r\n");
}

/// Readers that take nothing while the router holds what they asked for: it refuses more before it is
/// out of memory, and serves again when they have gone.
TEST(ConnectionsUnderPressure, AreShedWithAnAnswer) {
  stage whole{{{"limits", {{"connection_buffer_bytes", 1 << 20}}}}};
  gate held;
  const backend slow{held.holding("/held")};
  const auto host = whole.mapped(slow);
  std::vector<std::unique_ptr<client>> waiting;
  int shed = 0;
  for (int i = 0; i < 200 && shed == 0; ++i) {
    waiting.push_back(std::make_unique<client>(whole.under_test.port()));
    waiting.back()->send(get_request(host, "/held"));
    client probe{whole.under_test.port()};
    const auto answer = probe.send(get_request("unknown.test")).response();
    shed += answer.status == 503 && answer.one("X-Cf-RouterError") == "overloaded";
    if (shed > 0) {
      EXPECT_EQ(answer.one("Retry-After"), "1");
      EXPECT_EQ(answer.one("Connection"), "close");
    } else {
      EXPECT_EQ(answer.status, 404);
    }
  }
  EXPECT_EQ(shed, 1) << "the limit holds nobody back";
  EXPECT_LE(waiting.size(), 100u);
  held.open();
  for (auto& each : waiting)
    EXPECT_THAT(each->response().status, testing::AnyOf(200, 503));
  waiting.clear();
  EXPECT_TRUE(whole.eventually_answers("unknown.test", "/", 404));
}

/// The same of clients who let no answer come: each is complete, and its backend is free.
TEST(ConnectionsUnderPressure, CountWhatStreamsHold) {
  stage whole{{{"enable_http2", true}, {"enable_h2c", true}, {"limits", {{"connection_buffer_bytes", 4 << 20}}}}};
  const backend page{answers::ok(std::string(60'000, 'x'))};
  const auto host = whole.mapped(page);
  const auto is_shed = [&] {
    const auto answer = whole.get("unknown.test");
    return answer.status == 503 && answer.one("X-Cf-RouterError") == "overloaded";
  };
  std::vector<http2_peer> silent;
  bool shed = false;
  for (int i = 0; i < 20 && !shed; ++i) {
    silent.push_back(http2_peer::client_of(whole.under_test.port(), {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
    for (std::uint32_t stream = 1; stream < 60; stream += 2)
      silent.back().send(frame::headers(stream, http2_request("GET", host)));
    EXPECT_TRUE(silent.back().read_until([&] { return silent.back().seen().streams.size() == 30; }))
      << "each head comes, and no body";
    shed = is_shed();
  }
  EXPECT_TRUE(shed) << "the limit holds nobody back";
  EXPECT_LE(silent.size(), 6u);
  silent.clear();
  EXPECT_TRUE(whole.eventually_answers("unknown.test", "/", 404));
}

// -- Descriptors

/// Every connection of one client may ask for hundreds of connections to backends.
TEST(ConnectionsWithoutDescriptors, AreShedAndTheRouterStaysOpen) {
  const temporary_directory files;
  const auto limited = files.path_of("limited");
  write_file(limited, "#!/bin/sh\nulimit -n 256\nexec " + std::filesystem::absolute(shunt_executable()).string() + " \"$@\"\n");
  std::filesystem::permissions(limited, std::filesystem::perms::owner_all);
  const nats_server nats;
  router under_test{nats.port(), {{"enable_http2", true}, {"enable_h2c", true}}, router::unhealthy{limited}};
  ASSERT_TRUE(eventually([&] { return under_test.health() == 200; }));
  gate held;
  const backend app{held.holding("/held")};
  registrar bus{nats.url()};
  bus.announce(app.port(), "held.test");
  ASSERT_TRUE(eventually([&] { return under_test.lists("held.test", app.address()); }));

  auto greedy = http2_peer::client_of(under_test.port());
  for (std::uint32_t stream = 1; stream < 500; stream += 2)
    greedy.send(frame::headers(stream, http2_request("GET", "held.test", "/held")));
  std::size_t shed = 0;
  EXPECT_TRUE(greedy.read_until([&] {
    shed = 0;
    for (const auto& [id, stream] : greedy.seen().streams)
      shed += stream.ended;
    return shed >= 70;
  })) << shed;
  for (const auto& [id, stream] : greedy.seen().streams)
    if (stream.ended) {
      EXPECT_EQ(field_of(stream.heads.at(0), ":status"), "503");
      EXPECT_EQ(field_of(stream.heads.at(0), "x-cf-routererror"), "overloaded");
    }
  EXPECT_EQ(under_test.health(), 200) << "nobody takes the router out";
  EXPECT_EQ(client{under_test.port()}.send(get_request("unknown.test")).response().status, 404) << "others come in";
  under_test.wait_for_log("upstream-limit-reached");
  for (const auto& line : under_test.log())
    EXPECT_NE(line.value("message", ""), "accept-paused");

  held.open();
  EXPECT_TRUE(eventually([&] {
    return client{under_test.port()}.send(get_request("held.test")).response().status == 200;
  }));
}

} // namespace
} // namespace shunt::test
