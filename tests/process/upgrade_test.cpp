// Upgrades: after a 101 the two sides talk to each other and the router only carries.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/pattern.hpp"
#include "tests/process/harness/stage.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace shunt::test {
namespace {

class Upgrades : public SharedStage<Upgrades> {
public:
  static nlohmann::json configuration() {
    return {{"endpoint_timeout", slowed_text(500ms)}, {"trace_key", "open-sesame"}};
  }

protected:
  static std::string upgrade(const std::string& host, const std::string& token = "websocket",
                             const std::string& connection = "Upgrade") {
    return get_request(host, "/ws",
                       "Connection: " + connection + "\r\nUpgrade: " + token
                         + "\r\n"
                           "Sec-WebSocket-Key: x\r\n");
  }
};

TEST_F(Upgrades, CarryEveryByteBothWays) {
  const backend there{answers::upgrade_echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(upgrade(host));
  const auto answer = one.response_head();
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(answer.one("Upgrade"), "websocket");
  EXPECT_TRUE(answer.lists("Connection", "Upgrade"));
  EXPECT_FALSE(answer.has("Content-Length"));
  EXPECT_FALSE(answer.has("Transfer-Encoding"));
  std::string all(256, '\0');
  for (int i = 0; i < 256; ++i)
    all[static_cast<std::size_t>(i)] = static_cast<char>(i);
  for (int i = 0; i < 20; ++i) {
    one.send(all);
    EXPECT_EQ(one.reader().exactly(all.size()), all);
  }
  const auto request = there.last_request();
  EXPECT_EQ(request.one("Upgrade"), "websocket");
  EXPECT_TRUE(request.lists("Connection", "Upgrade"));
  EXPECT_EQ(request.one("Sec-WebSocket-Key"), "x");
}

TEST_F(Upgrades, TellTheBackendToWhoKnowsTheTraceKey) {
  const backend there{answers::upgrade_echo()};
  const auto host = here().mapped(there);
  for (const std::string key : {"open-sesame", "guess"}) {
    client one{port()};
    one.send(get_request(host, "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nX-Vcap-Trace: " + key + "\r\n"));
    const auto answer = one.response_head();
    EXPECT_EQ(answer.status, 101);
    const bool known = key == "open-sesame";
    EXPECT_EQ(answer.has("X-Vcap-Router"), known);
    EXPECT_EQ(answer.has("X-Vcap-Backend"), known);
    EXPECT_EQ(answer.has("X-Cf-RouteEndpoint"), known);
    if (known) {
      EXPECT_EQ(answer.one("X-Vcap-Backend"), there.address());
    }
  }
}

TEST_F(Upgrades, CarryMuchInBothDirectionsAtOnce) {
  constexpr std::size_t total = 16u << 20;
  const backend there{answers::upgrade_echo()};
  client one{port()};
  one.send(upgrade(here().mapped(there)));
  ASSERT_EQ(one.response_head().status, 101);
  std::thread sender{[&] {
    pattern source;
    for (std::size_t sent = 0; sent < total;) {
      const auto block = source.next(std::min<std::size_t>(65536, total - sent));
      one.send(block);
      sent += block.size();
    }
    one.socket().half_close();
  }};
  pattern expected;
  std::size_t received = 0;
  bool same = true;
  try {
    for (auto bytes = one.reader().some(); !bytes.empty(); bytes = one.reader().some()) {
      same = same && expected.matches(bytes);
      received += bytes.size();
    }
  } catch (const socket_error& error) {
    ADD_FAILURE() << error.what();
    one.socket().shut_down();
  }
  sender.join();
  EXPECT_TRUE(same);
  EXPECT_EQ(received, total);
}

TEST_F(Upgrades, PassBytesThatCameWithTheRequest) {
  const backend there{answers::upgrade_echo()};
  client one{port()};
  one.send(upgrade(here().mapped(there)) + "early bytes");
  EXPECT_EQ(one.response_head().status, 101);
  EXPECT_EQ(one.reader().exactly(11), "early bytes");
}

TEST_F(Upgrades, PassBytesThatCameWithTheAnswer) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket"
                 "\r\n\r\nfirst words");
    session.wait_for_close();
  }};
  client one{port()};
  one.send(upgrade(here().mapped(there)));
  EXPECT_EQ(one.response_head().status, 101);
  EXPECT_EQ(one.reader().exactly(11), "first words");
}

TEST_F(Upgrades, AreNotEndedByTheEndpointTimeout) {
  const backend there{answers::upgrade_echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(upgrade(host));
  ASSERT_EQ(one.response_head().status, 101);
  const backend silent{answers::silent()};
  EXPECT_EQ(here().get(here().mapped(silent)).status, 502); // By then the timeout is over.
  one.send("still here");
  EXPECT_EQ(one.reader().exactly(10), "still here");
}

TEST_F(Upgrades, PassTheHalfCloseOfTheClient) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket"
                 "\r\n\r\n");
    const auto all = session.reader().rest(); // To the end that the client set.
    session.send("got " + all);
    session.close();
  }};
  client one{port()};
  one.send(upgrade(here().mapped(there)));
  ASSERT_EQ(one.response_head().status, 101);
  one.send("the last words");
  one.socket().half_close();
  EXPECT_EQ(one.reader().rest(), "got the last words");
}

TEST_F(Upgrades, PassTheHalfCloseOfTheBackend) {
  const backend there{[](backend_session& session) {
    session.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket"
                 "\r\n\r\nbye");
    session.half_close();
    session.request.body = session.reader().rest();
    session.close();
  }};
  client one{port()};
  one.send(upgrade(here().mapped(there)));
  ASSERT_EQ(one.response_head().status, 101);
  EXPECT_EQ(one.reader().rest(), "bye");
  one.send("still sending");
  one.socket().half_close();
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; }));
  EXPECT_EQ(there.bytes_received(),
            there.last_request().raw_head.size() + std::string_view{"still sending"}.size());
}

TEST_F(Upgrades, EndOnOneSideWhenTheOtherIsReset) {
  const backend there{answers::upgrade_echo()};
  client one{port()};
  one.send(upgrade(here().mapped(there)));
  ASSERT_EQ(one.response_head().status, 101);
  one.send("x");
  EXPECT_EQ(one.reader().exactly(1), "x");
  one.socket().reset();
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; }));
}

TEST_F(Upgrades, ThatTheBackendDeclinesAreOrdinaryResponses) {
  const backend there{answers::ok("no, thanks")};
  const auto host = here().mapped(there);
  client one{port()};
  for (int i = 0; i < 2; ++i) {
    const auto answer = one.send(upgrade(host)).response();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "no, thanks");
  }
}

TEST_F(Upgrades, ToAnotherProtocolThanAskedForAreABadGateway) {
  const backend there{answers::upgrade_echo("chat")};
  const auto answer = here().ask(upgrade(here().mapped(there)));
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.one("Content-Length"), "0");
}

TEST_F(Upgrades, ThatNobodyAskedForAreABadGateway) {
  const backend there{answers::upgrade_echo()};
  const auto answer = here().get(here().mapped(there));
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.body, "");
}

TEST_F(Upgrades, WorkForAnyTokenInAnySpelling) {
  const backend there{answers::upgrade_echo("Chat/2")};
  client one{port()};
  one.send(upgrade(here().mapped(there), "chat/2", "keep-alive, upgrade"));
  EXPECT_EQ(one.response_head().status, 101);
  one.send("x");
  EXPECT_EQ(one.reader().exactly(1), "x");
  EXPECT_EQ(there.last_request().one("Upgrade"), "chat/2");
}

/// Requests behind it would pass the router unseen, with fields that only the router may set.
TEST_F(Upgrades, ToHttp2AreNotPassedOn) {
  const backend there;
  const auto host = here().mapped(there);
  for (const std::string token : {"h2c", "H2C", "websocket, h2c"}) {
    client one{port()};
    one.send(get_request(host, "/",
                         "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + token
                           + "\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"));
    EXPECT_EQ(one.response().body, "hello") << token;
    EXPECT_FALSE(there.last_request().has("Upgrade")) << token;
    EXPECT_FALSE(there.last_request().has("HTTP2-Settings")) << token;
  }
}

TEST_F(Upgrades, AreLoggedWhenTheyEnd) {
  const backend there{answers::upgrade_echo()};
  const auto host = here().mapped(there);
  client one{port()};
  one.send(upgrade(host));
  ASSERT_EQ(one.response_head().status, 101);
  one.send("x");
  EXPECT_EQ(one.reader().exactly(1), "x");
  here().get("marker.test"); // Logged after whatever was logged by now.
  here().under_test.wait_for_access("marker.test - [");
  for (const auto& line : here().under_test.access_log())
    EXPECT_FALSE(line.starts_with(host)) << line;
  one.socket().half_close();
  EXPECT_TRUE(one.sees_close());
  const auto line = here().under_test.wait_for_access(host + " - [");
  EXPECT_NE(line.find("\"GET /ws HTTP/1.1\" 101 0 0 "), line.npos) << line;
}

} // namespace
} // namespace shunt::test
