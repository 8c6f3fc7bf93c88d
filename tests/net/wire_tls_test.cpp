// A wire that speaks TLS, against another that does: handshakes, bytes in both directions, the ways a
// connection can end, and what an idle one holds.
#include "net/tls_engine.hpp"
#include "tests/net/bytes.hpp"
#include "tests/net/loop_fixture.hpp"

#include "tls_test_kit.hpp"

#include <vector>

namespace shunt::net {
namespace {

using namespace tls_kit;

class WireTls : public loop_fixture {
protected:
  struct pair {
    wire_ptr client, server;
  };

  /// The ends of a connection, both wires, neither with TLS yet.
  pair plain(socket_sizes sizes = {}) {
    auto [near, far] = connect(sizes);
    const int other = ::dup(far.descriptor());
    return {adopt(other), near};
  }

  std::unique_ptr<tls_engine> client_engine() {
    return std::make_unique<tls_engine>(ask_for(client_ctx.get(), "test.example"));
  }
  std::unique_ptr<tls_engine> server_engine() {
    return std::make_unique<tls_engine>(serve_with(server_ctx.get()));
  }

  /// Both ends after the handshake.
  pair secured(socket_sizes sizes = {}) {
    auto ends = plain(sizes);
    shake(ends);
    return ends;
  }
  void shake(pair& ends) {
    running<error_code> serving{ends.server->secure(server_engine(), 5s)};
    running<error_code> asking{ends.client->secure(client_engine(), 5s)};
    ASSERT_TRUE(drive_until([&] { return serving.done() && asking.done(); }));
    ASSERT_FALSE(serving.value());
    ASSERT_FALSE(asking.value());
  }

  void close(pair& ends) {
    ends.client->close();
    ends.server->close();
    ends = {};
  }

  void pass_through(const wire_ptr& from, const wire_ptr& to, const std::string& text) {
    running<error_code> sending{send(from, text)};
    std::string got;
    while (got.size() < text.size()) {
      ASSERT_FALSE(finish(receive(to)));
      got += to->bytes();
      to->consume(to->bytes().size());
    }
    ASSERT_TRUE(drive_until([&] { return sending.done(); }));
    EXPECT_FALSE(sending.value());
    EXPECT_EQ(got, text);
  }

  minted own = mint({.common_name = "test.example", .dns = {"test.example"}});
  ssl_ctx_ptr client_ctx = client_context();
  ssl_ctx_ptr server_ctx = server_context({.own = &own});
};

TEST_F(WireTls, CarriesBytesBothWays) {
  auto ends = secured();
  pass_through(ends.client, ends.server, "hello");
  pass_through(ends.server, ends.client, "hello yourself");
  pass_through(ends.client, ends.server, pattern(300'000));
  pass_through(ends.server, ends.client, pattern(300'000));
  close(ends);
}

TEST_F(WireTls, CarriesMoreThanAPeerTakesAtOnce) {
  auto ends = secured({.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024});
  pass_through(ends.server, ends.client, pattern(1'000'000));
  pass_through(ends.client, ends.server, pattern(1'000'000));
  close(ends);
}

TEST_F(WireTls, CarriesTheLargestRecordsIntoSmallRooms) {
  auto ends = secured();
  const auto text = pattern(64 * 1024);
  running<error_code> sending{send(ends.client, text)};
  std::string got;
  while (got.size() < text.size()) { // Leaves some unconsumed each time, so that room is scarce.
    ASSERT_FALSE(finish(receive(ends.server)));
    const auto taken = std::max<std::size_t>(1, ends.server->bytes().size() / 2);
    got += ends.server->bytes().substr(0, taken);
    ends.server->consume(taken);
    if (got.size() + ends.server->bytes().size() == text.size()) {
      got += ends.server->bytes();
      ends.server->consume(ends.server->bytes().size());
    }
  }
  EXPECT_EQ(got, text);
  close(ends);
}

TEST_F(WireTls, SendsPiecesOfAllSizesInOrder) {
  auto ends = secured();
  const std::vector<std::string> pieces{"",           "head",          pattern(16'383), "\r\n",
                                        pattern(50'000), "", pattern(16'384), "end"};
  std::string all;
  for (const auto& piece : pieces)
    all += piece;
  running<error_code> sending{send_pieces(ends.client, pieces)};
  std::string got;
  while (got.size() < all.size()) {
    ASSERT_FALSE(finish(receive(ends.server)));
    got += ends.server->bytes();
    ends.server->consume(ends.server->bytes().size());
  }
  ASSERT_TRUE(drive_until([&] { return sending.done(); }));
  EXPECT_EQ(got, all);
  EXPECT_FALSE(finish(send_pieces(ends.client, {})));
  EXPECT_FALSE(finish(send_pieces(ends.client, {"", ""})));
  close(ends);
}

TEST_F(WireTls, TakesWhatWasReceivedBeforeForTheHandshake) {
  auto ends = plain();
  running<error_code> asking{ends.client->secure(client_engine(), 5s)};
  ASSERT_FALSE(finish(receive(ends.server)));
  ASSERT_FALSE(ends.server->bytes().empty());
  EXPECT_FALSE(finish(ends.server->secure(server_engine(), 5s)));
  EXPECT_TRUE(ends.server->bytes().empty());
  ASSERT_TRUE(drive_until([&] { return asking.done(); }));
  pass_through(ends.client, ends.server, "hello");
  close(ends);
}

TEST_F(WireTls, GivesUpOnASilentHandshake) {
  auto ends = plain();
  running<error_code> serving{ends.server->secure(server_engine(), 5s)};
  settle();
  pass(4s);
  EXPECT_FALSE(serving.done());
  pass(2s);
  ASSERT_TRUE(drive_until([&] { return serving.done(); }));
  EXPECT_EQ(serving.value(), asio::error::timed_out);
  close(ends);
}

TEST_F(WireTls, HandshakeEndsWithTheConnection) {
  auto ends = plain();
  running<error_code> serving{ends.server->secure(server_engine(), 5s)};
  settle();
  ends.client->close();
  ASSERT_TRUE(drive_until([&] { return serving.done(); }));
  EXPECT_EQ(serving.value(), asio::error::eof);
  close(ends);
}

TEST_F(WireTls, TellsPlainHttpFromTls) {
  auto ends = plain();
  running<error_code> serving{ends.server->secure(server_engine(), 5s)};
  ASSERT_FALSE(finish(send(ends.client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
  ASSERT_TRUE(drive_until([&] { return serving.done(); }));
  EXPECT_TRUE(serving.value());
  EXPECT_TRUE(ends.server->tls()->heard_plain_http());
  close(ends);
}

TEST_F(WireTls, SaysWhyAHandshakeFailed) {
  auto ends = plain();
  const auto demanding = server_context({.own = &own, .requires_certificate = true});
  running<error_code> serving{
    ends.server->secure(std::make_unique<tls_engine>(serve_with(demanding.get())), 5s)};
  running<error_code> asking{ends.client->secure(client_engine(), 5s)};
  ASSERT_TRUE(drive_until([&] { return serving.done(); }));
  ASSERT_TRUE(serving.value());
  ASSERT_TRUE(ends.server->tls()->failure());
  // In TLS 1.3 the client hears of it only when it reads.
  ASSERT_TRUE(drive_until([&] { return asking.done(); }));
  EXPECT_TRUE(asking.value() || finish(receive(ends.client)));
  ASSERT_TRUE(ends.client->tls()->failure());
  EXPECT_EQ(ends.client->tls()->failure()->text, "remote error: tls: certificate required");
  EXPECT_EQ(ends.client->tls()->failure()->reason, routing::failure_class::certificate_refused);
  close(ends);
}

TEST_F(WireTls, PassesTheEndOfOneDirectionOn) {
  auto ends = secured();
  ASSERT_FALSE(finish(send(ends.client, "question")));
  ends.client->shutdown_send();
  ASSERT_TRUE(receive_until(ends.server, 8));
  EXPECT_EQ(finish(receive(ends.server)), asio::error::eof);
  EXPECT_EQ(ends.server->bytes(), "question");
  pass_through(ends.server, ends.client, "answer");
  ends.server->close();
  EXPECT_EQ(finish(receive(ends.client)), asio::error::eof);
  close(ends);
}

TEST_F(WireTls, SaysGoodbyeWhenClosingInOrderAndOnlyThen) {
  for (const bool in_order : {true, false}) {
    auto ends = secured();
    if (!in_order)
      ends.server->abort(asio::error::connection_aborted);
    ends.server->close();
    EXPECT_TRUE(finish(receive(ends.client)));
    const bool heard =
      (SSL_get_shutdown(ends.client->tls()->session()) & SSL_RECEIVED_SHUTDOWN) != 0;
    EXPECT_EQ(heard, in_order);
    close(ends);
  }
}

TEST_F(WireTls, TakesAnEndInsideARecordForAReset) {
  auto [near, far] = connect();
  wire_ptr client = adopt(::dup(far.descriptor()));
  pair ends{client, near};
  shake(ends);
  ASSERT_FALSE(finish(send(ends.client, "whole")));
  ASSERT_TRUE(receive_until(ends.server, 5));
  far.send(std::string("\x17\x03\x03\x01\x00", 5) + "half of a record");
  far.shutdown_send();
  EXPECT_EQ(finish(receive(ends.server)), asio::error::connection_reset);
  close(ends);
}

TEST_F(WireTls, RefusesARecordThatWasTamperedWith) {
  auto [near, far] = connect();
  pair ends{adopt(::dup(far.descriptor())), near};
  shake(ends);
  far.send(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  EXPECT_TRUE(finish(receive(ends.server)));
  EXPECT_TRUE(ends.server->tls()->failure());
  EXPECT_TRUE(finish(send(ends.server, "more")));
  close(ends);
}

TEST_F(WireTls, HoldsNoBufferWhileIdle) {
  auto ends = secured();
  pass_through(ends.client, ends.server, "hello");
  ends.client->close();
  running<error_code> waiting{receive_idle(ends.server, 60s)};
  ends.client = nullptr;
  auto again = secured();
  running<error_code> idle{receive_idle(again.server, 60s)};
  running<error_code> idle_too{receive_idle(again.client, 60s)};
  settle();
  pass(2s);
  ASSERT_TRUE(drive_until([&] { return waiting.done(); }));
  ends.server->close();
  ends = {};
  ASSERT_TRUE(drive_until([&] { return budget.used() == 0; }));
  ASSERT_FALSE(finish(send(again.client, "awake")));
  ASSERT_TRUE(drive_until([&] { return idle.done(); }));
  EXPECT_EQ(again.server->bytes(), "awake");
  again.server->consume(5);
  close(again);
}

TEST_F(WireTls, SurvivesAPeerThatChangesItsKeys) {
  auto ends = secured();
  auto* session = ends.client->tls()->session();
  ASSERT_EQ(SSL_version(session), TLS1_3_VERSION) << "which alone knows it";
  ASSERT_EQ(SSL_key_update(session, SSL_KEY_UPDATE_REQUESTED), 1);
  pass_through(ends.client, ends.server, "with new keys");
  pass_through(ends.server, ends.client, "so do I");
  close(ends);
}

TEST_F(WireTls, EndsAPeerThatMakesItAnswerAndReadsNothing) {
  auto ends = secured({.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024});
  running<error_code> reading{receive_idle(ends.server, 60s)};
  auto* session = ends.client->tls()->session();
  for (int i = 0; i < 100'000 && !ends.server->ended(); ++i) {
    ASSERT_EQ(SSL_key_update(session, SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_FALSE(finish(send(ends.client, "x")));
    if (reading.done()) {
      ends.server->consume(ends.server->bytes().size());
      reading = running<error_code>{receive_idle(ends.server, 60s)};
    }
    settle();
  }
  EXPECT_TRUE(ends.server->ended());
  close(ends);
}

TEST_F(WireTls, TriesToSendWhatADeadlineForbids) {
  auto ends = secured();
  ends.server->receive_within(1s);
  running<error_code> late{receive(ends.server)};
  settle();
  pass(2s);
  ASSERT_TRUE(drive_until([&] { return late.done(); }));
  EXPECT_EQ(late.value(), asio::error::timed_out);
  ends.server->send_anyway("too late");
  EXPECT_FALSE(finish(receive(ends.client)));
  EXPECT_EQ(ends.client->bytes(), "too late");
  close(ends);
}

} // namespace
} // namespace shunt::net
