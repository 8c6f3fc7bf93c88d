// Upgrades where one side speaks HTTP/2: WebSockets within streams (RFC 8441), also without TLS,
// and upgrades to endpoints that registered for HTTP/2. Frame by frame; what real clients do stands
// with the tests of `ws`.
#include "tests/process/harness/apps_front.hpp"
#include "tests/process/harness/http2_backend.hpp"
#include "tests/process/harness/stage.hpp"

#include "net/http2_head.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace shunt::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// A WebSocket server as far as HTTP goes: it accepts, and echoes.
backend::script accepting() {
  return [](backend_session& session) {
    session.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
                 "websocket\r\nX-From: backend\r\n"
                 "Sec-WebSocket-Accept: "
                 + net::websocket_accept(session.request.one("Sec-WebSocket-Key")) + "\r\n\r\n");
    for (auto bytes = session.reader().some(); !bytes.empty(); bytes = session.reader().some())
      session.send(bytes);
    session.close();
  };
}

net::field_list handshake(const std::string& host, const std::string& path = "/chat") {
  auto fields = http2_request(
    "CONNECT", host, path, {{"sec-websocket-version", "13"}, {"sec-websocket-protocol", "chat"}});
  fields.emplace(fields.begin() + 1, ":protocol", "websocket");
  return fields;
}

class Http2Upgrades : public SharedStage<Http2Upgrades> {
public:
  static nlohmann::json configuration() {
    return apps_front({{"endpoint_timeout", slowed_text(2s)}});
  }

protected:
  backend there{accepting()};
};

TEST_F(Http2Upgrades, AreCarriedWithinStreamsWithoutTls) {
  const auto host = here().mapped(there);
  auto peer = http2_peer::client_of(port());
  ASSERT_TRUE(peer.read_until([&] { return peer.seen().settings_frames > 0; }));
  EXPECT_EQ(peer.seen().settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1u);
  peer.send(frame::headers(1, handshake(host), false)
            + frame::headers(3, http2_request("GET", host, "/chat")));
  ASSERT_TRUE(peer.read_until([&] { return !peer.stream(1).heads.empty(); }));
  const auto& head = peer.stream(1).heads[0];
  EXPECT_THAT(head, StartsWith(":status: 200\n"));
  EXPECT_EQ(field_of(head, "x-from"), "backend");
  for (const std::string name :
       {"upgrade", "connection", "sec-websocket-accept", "content-length", "transfer-encoding"})
    EXPECT_EQ(field_of(head, name), "") << name;
  const auto all = there.requests(); // The other stream's goes by a connection of its own, and may be read first.
  const auto found = std::ranges::find_if(all, [](const auto& each) { return each.one("Upgrade") == "websocket"; });
  ASSERT_NE(found, all.end());
  const auto& asked = *found;
  EXPECT_EQ(asked.method, "GET");
  EXPECT_EQ(asked.target, "/chat");
  EXPECT_TRUE(asked.lists("Connection", "Upgrade"));
  EXPECT_EQ(asked.one("Sec-WebSocket-Key").size(), 24u);
  EXPECT_EQ(asked.one("sec-websocket-version"), "13");
  EXPECT_EQ(asked.one("sec-websocket-protocol"), "chat");
  std::string sent;
  for (int i = 0; i < 20; ++i) {
    const std::string piece(1'000, static_cast<char>('a' + i));
    peer.send(frame::data(1, piece));
    sent += piece;
    ASSERT_TRUE(peer.read_until([&] { return peer.stream(1).data.size() >= sent.size(); }));
  }
  EXPECT_EQ(peer.stream(1).data, sent);
  peer.send(frame::data(1, "last", true)); // And nothing more comes from the client.
  const auto& over = peer.finished(1);
  EXPECT_TRUE(over.ended);
  EXPECT_EQ(over.data, sent + "last");
  EXPECT_THAT(here().under_test.wait_for_access("\"GET /chat HTTP/2.0\" 101"), HasSubstr(host));
}

TEST_F(Http2Upgrades, ThatComeWithTheFirstBytesLoseNone) {
  const auto host = here().mapped(there);
  auto peer = http2_peer::client_of(port());
  peer.send(frame::headers(1, handshake(host), false)
            + frame::data(1, "GET /smuggled HTTP/1.1\r\n\r\n", true));
  const auto& got = peer.finished(1);
  EXPECT_EQ(got.data, "GET /smuggled HTTP/1.1\r\n\r\n");
  EXPECT_EQ(there.request_count(), 1u);
}

/// The client does not see the handshake, so the router looks at it in its place.
TEST_F(Http2Upgrades, AreABadGatewayIfTheBackendOnlyPretends) {
  for (const std::string answer :
       {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}) { // In a stream that would mean 101.
    SCOPED_TRACE(answer);
    backend pretender{answers::bytes_then_close(answer)};
    const auto host = here().mapped(pretender);
    auto peer = http2_peer::client_of(port());
    peer.send(frame::headers(1, handshake(host, "/pretend"), false));
    const auto& got = peer.finished(1);
    ASSERT_FALSE(got.heads.empty());
    EXPECT_THAT(got.heads[0], StartsWith(":status: 502\n"));
    EXPECT_EQ(field_of(got.heads[0], "x-vcap-request-id").size(), 36u);
    EXPECT_EQ(got.data, "");
    EXPECT_THAT(here().under_test.wait_for_access(field_of(got.heads[0], "x-vcap-request-id")),
                HasSubstr("\"GET /pretend HTTP/2.0\" 502"));
    EXPECT_TRUE(peer.answers_a_ping());
  }
}

TEST_F(Http2Upgrades, ThatAreRefusedAreOrdinaryAnswers) {
  backend refusing{answers::bytes("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno")};
  const auto host = here().mapped(refusing);
  auto peer = http2_peer::client_of(port());
  peer.send(frame::headers(1, handshake(host), false) + frame::data(1, "not a request"));
  EXPECT_EQ(peer.finished(1).data, "no");
  EXPECT_THAT(peer.finished(1).heads.at(0), StartsWith(":status: 426\n"));
  peer.send(frame::headers(3, handshake("nobody.test"), false));
  EXPECT_THAT(peer.finished(3).heads.at(0), StartsWith(":status: 404\n"));
  EXPECT_EQ(refusing.request_count(), 1u);
}

TEST_F(Http2Upgrades, EndWithTheirStreamOnBothSides) {
  const auto host = here().mapped(there);
  auto peer = http2_peer::client_of(port());
  peer.send(frame::headers(1, handshake(host), false) + frame::headers(3, handshake(host), false));
  ASSERT_TRUE(peer.read_until(
    [&] { return !peer.stream(1).heads.empty() && !peer.stream(3).heads.empty(); }));
  peer.send(frame::rst_stream(1, NGHTTP2_CANCEL));
  EXPECT_TRUE(eventually([&] { return there.ended_count() == 1; })) << "the backend is told";
  peer.send(frame::data(3, "goes on"));
  EXPECT_TRUE(peer.read_until([&] { return peer.stream(3).data == "goes on"; }));
}

// -- To endpoints that registered for HTTP/2.

std::string upgrade(const std::string& host) {
  return get_request(host, "/ws",
                     "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n");
}

void expect_echo(client& over) {
  ASSERT_EQ(over.response_head().status, 101);
  over.send("to and fro");
  EXPECT_EQ(over.reader().exactly(10), "to and fro");
}

/// As gorouter has it: HTTP/2 is not even offered, or the backend would choose it.
TEST_F(Http2Upgrades, GoToBackendsOfHttp2InHttp11) {
  const tls_backend front{there, {.own = &apps_certificate(), .alpn = "h2"}};
  const auto host = apps_name("upgrade-" + std::to_string(front.port()));
  here().map(host, front.port(), apps_registration(front.port(), "http2"));
  client one{port()};
  expect_echo(one.send(upgrade(host)));
  EXPECT_EQ(front.handshakes().at(0).alpn, "");
  auto peer = http2_peer::client_of(port());
  peer.send(frame::headers(1, handshake(host), false) + frame::data(1, "to and fro", true));
  EXPECT_EQ(peer.finished(1).data, "to and fro");
  EXPECT_EQ(front.handshakes().at(1).alpn, "");
}

/// The same endpoint gets other requests in HTTP/2, and neither kind takes the other's connection.
TEST_F(Http2Upgrades, ToABackendOfHttp2LeaveItsOtherRequestsAlone) {
  http2_backend modern{
    apps_certificate(),
    http2_scripts::each_request([](http2_peer& to, std::uint32_t stream, const std::string&) {
      to.send(http2_scripts::answer(stream));
    })};
  const auto host = apps_name("modern-" + std::to_string(modern.port()));
  here().map(host, modern.tls_port(), apps_registration(modern.tls_port(), "http2"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(here().get(host).body, "hello");
    EXPECT_EQ(here().ask(upgrade(host)).status, 502) << "it cannot do HTTP/1.1, and says so";
  }
  here().map(host, modern.tls_port(), apps_registration(modern.tls_port(), "http2"));
  EXPECT_EQ(here().get(host).body, "hello");
}

TEST_F(Http2Upgrades, GoToBackendsOfH2cInHttp11) {
  const auto host = here().mapped(there, {{"protocol", "h2c"}});
  client one{port()};
  expect_echo(one.send(upgrade(host)));
}

} // namespace
} // namespace shunt::test
