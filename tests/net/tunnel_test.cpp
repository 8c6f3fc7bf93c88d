// Tunnels: bytes both ways, one direction ending before the other, and failures of either side.
#include "net/tunnel.hpp"

#include "tests/net/loop_fixture.hpp"

namespace shunt::net {
namespace {

class Tunnel : public loop_fixture {
protected:
  running<tunnel_result> open() {
    return running<tunnel_result>{run_tunnel(client.near, backend.near)};
  }
  [[nodiscard]] bool ended(const running<tunnel_result>& tunnel) {
    return drive_until([&] { return tunnel.done(); });
  }
  void TearDown() override {
    client.near->close();
    backend.near->close();
    client.near = backend.near = nullptr;
    loop_fixture::TearDown();
  }

  connection client = connect();
  connection backend = connect();
};

TEST_F(Tunnel, PassesBytesBothWays) {
  auto tunnel = open();
  client.far.send("ping");
  EXPECT_EQ(take_until(backend.far, 4), "ping");
  backend.far.send("pong!");
  EXPECT_EQ(take_until(client.far, 5), "pong!");
  client.far.close();
  backend.far.close();
  ASSERT_TRUE(ended(tunnel));
  EXPECT_EQ(tunnel.value().to_backend_bytes, 4u);
  EXPECT_EQ(tunnel.value().to_client_bytes, 5u);
  EXPECT_FALSE(tunnel.value().failed);
}

TEST_F(Tunnel, BeginsWithWhatHasAlreadyArrived) {
  client.far.send("early");
  backend.far.send("101 then this");
  ASSERT_TRUE(receive_until(client.near, 5));
  ASSERT_TRUE(receive_until(backend.near, 13));
  backend.near->consume(4); // The head, say.
  auto tunnel = open();
  EXPECT_EQ(take_until(backend.far, 5), "early");
  EXPECT_EQ(take_until(client.far, 9), "then this");
  client.far.close();
  backend.far.close();
  ASSERT_TRUE(ended(tunnel));
  EXPECT_EQ(tunnel.value().to_client_bytes, 9u);
}

TEST_F(Tunnel, PassesTheEndOfOneDirectionOnWhileTheOtherGoesOn) {
  for (const bool client_first : {true, false}) {
    client = connect();
    backend = connect();
    auto& first = client_first ? client.far : backend.far;
    auto& second = client_first ? backend.far : client.far;
    auto tunnel = open();
    first.send("last words");
    first.shutdown_send();
    EXPECT_EQ(take_to_end(second), "last words");
    EXPECT_TRUE(second.ended);
    settle();
    EXPECT_FALSE(tunnel.done());
    second.send("a long answer");
    EXPECT_EQ(take_until(first, 13), "a long answer");
    second.shutdown_send();
    take_to_end(first);
    EXPECT_TRUE(first.ended);
    ASSERT_TRUE(ended(tunnel));
    EXPECT_FALSE(tunnel.value().failed);
  }
}

TEST_F(Tunnel, DeliversTheBytesBeforeAnEndThatCameFirst) {
  client.far.send("all I have");
  client.far.shutdown_send();
  while (!client.near->ended())
    (void)finish(receive(client.near));
  auto tunnel = open();
  EXPECT_EQ(take_to_end(backend.far), "all I have");
  backend.far.close();
  ASSERT_TRUE(ended(tunnel));
  EXPECT_FALSE(tunnel.value().failed);
}

TEST_F(Tunnel, EndsBothDirectionsWhenEitherSideResets) {
  for (const bool client_resets : {true, false}) {
    client = connect();
    backend = connect();
    auto tunnel = open();
    client.far.send("x");
    EXPECT_EQ(take_until(backend.far, 1), "x");
    (client_resets ? client : backend).far.reset();
    ASSERT_TRUE(ended(tunnel));
    EXPECT_TRUE(tunnel.value().failed);
    EXPECT_TRUE(client.near->ended());
    EXPECT_TRUE(backend.near->ended());
  }
}

TEST_F(Tunnel, EndsWhenAPeerThatSaidItsLastResetsBeforeItGotTheRest) {
  auto tunnel = open();
  client.far.shutdown_send();
  take_to_end(backend.far);
  client.far.reset();
  ASSERT_TRUE(drive_until([&] {
    backend.far.send("are you there?"); // The reset shows only where something is sent.
    return tunnel.done();
  }));
  EXPECT_TRUE(tunnel.value().failed);
}

TEST_F(Tunnel, EndsWhenItIsAborted) {
  for (const bool abort_client : {true, false}) {
    client = connect();
    backend = connect();
    auto tunnel = open();
    (abort_client ? client : backend).near->abort(asio::error::operation_aborted);
    ASSERT_TRUE(ended(tunnel));
    EXPECT_TRUE(tunnel.value().failed);
  }
}

TEST_F(Tunnel, StopsASenderWhoseReceiverDoesNotRead) {
  client = connect({.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024});
  backend = connect({.wire_receive_bytes = 8 * 1024, .peer_send_bytes = 8 * 1024});
  auto tunnel = open();
  const std::string part(64 * 1024, 'x');
  std::size_t given = 0;
  for (std::size_t before = 1; before != given;) {
    before = given;
    given += backend.far.send(part);
    settle();
  }
  EXPECT_LE(budget.used(), 2 * buffer_store::block_bytes);
  client.far.send("still heard"); // The other direction is not held up.
  EXPECT_EQ(take_until(backend.far, 11), "still heard");
  EXPECT_EQ(take_until(client.far, given).size(), given);
  backend.far.close();
  client.far.close();
  ASSERT_TRUE(ended(tunnel));
  EXPECT_EQ(tunnel.value().to_client_bytes, given);
}

TEST_F(Tunnel, EndsWhenAReceiverStallsForTooLong) {
  client = connect({.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024});
  client.near->stall_limit(10s);
  auto tunnel = open();
  backend.far.send(std::string(500'000, 'x'));
  settle();
  pass(11s);
  ASSERT_TRUE(tunnel.done());
  EXPECT_TRUE(tunnel.value().failed);
}

TEST_F(Tunnel, HoldsNoBuffersWhileNobodySpeaksAndWakesUp) {
  client.near->receive_within(5s); // Of whatever came before the tunnel.
  auto tunnel = open();
  pass(2s);
  EXPECT_EQ(budget.used(), 0u);
  pass(24h); // And has no limit of its own.
  EXPECT_FALSE(tunnel.done());
  client.far.send("good morning");
  EXPECT_EQ(take_until(backend.far, 12), "good morning");
  backend.far.send("again");
  EXPECT_EQ(take_until(client.far, 5), "again");
  client.far.close();
  backend.far.close();
  ASSERT_TRUE(ended(tunnel));
}

TEST_F(Tunnel, DozingOnOneSideDoesNotDisturbWhatIsSentThere) {
  client = connect({.wire_send_bytes = 8 * 1024, .peer_receive_bytes = 8 * 1024});
  auto tunnel = open();
  const std::string text(200'000, 'x');
  std::size_t given = backend.far.send(text);
  settle();
  for (int second = 0; second < 5; ++second)
    pass(1s); // The client says nothing all the time.
  std::size_t got = 0;
  ASSERT_TRUE(drive_until([&] {
    given += backend.far.send(std::string_view{text}.substr(given));
    got += client.far.take().size();
    return got == text.size();
  }));
  EXPECT_FALSE(tunnel.done());
  client.far.close();
  backend.far.close();
  ASSERT_TRUE(ended(tunnel));
  EXPECT_FALSE(tunnel.value().failed);
}

} // namespace
} // namespace shunt::net
