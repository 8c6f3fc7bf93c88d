// The machine of bytes alone: what it makes of ciphertext that comes in one piece.
#include "net/tls_engine.hpp"

#include "net/tls_memory.hpp"
#include "tls_test_kit.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace shunt::net {
namespace {

using namespace tls_kit;

/// Before main, since tests before these use OpenSSL already.
const bool adopted = adopt_tls_memory();

class TlsEngine : public testing::Test {
protected:
  void SetUp() override {
    std::string from_client, from_server;
    client.begin(from_client);
    for (int turn = 0; turn < 10 && !(client.established() && server.established()); ++turn) {
      server.feed(from_client);
      server.read(room, from_server);
      from_client.clear();
      client.feed(from_server);
      client.read(room, from_client);
      from_server.clear();
    }
    server.feed(from_client);
    server.read(room, from_server);
    client.feed(from_server); // Tickets.
    from_client.clear();
    client.read(room, from_client);
    ASSERT_TRUE(client.established() && server.established());
  }

  std::string encrypted(tls_engine& by, std::string text) {
    std::string out;
    iovec part{text.data(), text.size()};
    std::span<iovec> parts{&part, 1};
    EXPECT_TRUE(by.write(parts, out));
    return out;
  }

  minted own = mint({.common_name = "test.example", .dns = {"test.example"}});
  ssl_ctx_ptr server_ctx = server_context({.own = &own});
  ssl_ctx_ptr client_ctx = client_context();
  tls_engine client{ask_for(client_ctx.get(), "test.example")};
  tls_engine server{serve_with(server_ctx.get())};
  std::array<char, 4096> room{};
};

TEST_F(TlsEngine, TellsOfTheEndThatCameWithTheLastBytes) {
  auto bytes = encrypted(server, "hello");
  server.say_goodbye(bytes);
  std::string out;
  client.feed(bytes);
  const auto first = client.read(room, out);
  EXPECT_EQ(first.what, tls_engine::outcome::bytes);
  EXPECT_EQ(first.bytes, 5u);
  ASSERT_TRUE(client.has_input()) << "or nobody would ask again";
  EXPECT_EQ(client.read(room, out).what, tls_engine::outcome::closed);
}

TEST_F(TlsEngine, AsksForMoreOnceEverythingWasRead) {
  std::string out;
  auto bytes = encrypted(server, "hello");
  bytes += encrypted(server, " world");
  client.feed(bytes);
  const auto read = client.read(room, out);
  EXPECT_EQ(std::string(room.data(), read.bytes), "hello world");
  EXPECT_FALSE(client.has_input());
}

TEST_F(TlsEngine, KeepsWhatDoesNotFit) {
  std::string out;
  const auto bytes = encrypted(server, "hello world");
  client.feed(bytes);
  std::array<char, 5> small{};
  EXPECT_EQ(client.read(small, out).bytes, 5u);
  ASSERT_TRUE(client.has_input());
  EXPECT_EQ(client.read(room, out).bytes, 6u);
}

TEST_F(TlsEngine, GoesOnAfterEachRest) {
  ASSERT_TRUE(adopted);
  std::string out;
  for (int round = 0; round < 5; ++round) {
    server.rest();
    client.rest();
    EXPECT_TRUE(server.resting() && client.resting());
    const auto down = encrypted(server, "down");
    client.feed(down);
    EXPECT_FALSE(server.resting());
    auto read = client.read(room, out);
    EXPECT_EQ(std::string(room.data(), read.bytes), "down");
    server.rest();
    const auto up = encrypted(client, "up");
    server.feed(up);
    read = server.read(room, out);
    EXPECT_EQ(std::string(room.data(), read.bytes), "up");
  }
  EXPECT_TRUE(out.empty());
  client.rest();
  std::string goodbye;
  client.say_goodbye(goodbye);
  server.rest(); // And ends that way.
  EXPECT_FALSE(goodbye.empty());
}

TEST_F(TlsEngine, DoesNotRestWhileItHasInput) {
  const auto bytes = encrypted(server, "hello world");
  client.feed(bytes);
  client.rest();
  EXPECT_FALSE(client.resting());
}

} // namespace
} // namespace shunt::net
