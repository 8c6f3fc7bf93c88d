// A bus that may start while no server can be reached, as in a node of a cluster.
#include "net/nats_bus.hpp"

#include "log_capture.hpp"
#include "nats_server.hpp"
#include "recording_handler.hpp"
#include "silent_listener.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace shunt::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class NatsBusWithoutServer : public testing::Test {
protected:
  nats_options options_for(std::uint16_t port) const {
    nats_options options;
    options.hosts.push_back({"127.0.0.1", port});
    options.starts_without = true;
    options.connect_timeout = 300ms;
    options.reconnect_wait = 10ms;
    options.start = {"0-some-uuid", "10.0.1.5", 20s, 120s};
    return options;
  }
  static std::uint16_t closed_port() { return silent_listener{}.port(); }
  void run(nats_options options) {
    bus = std::make_unique<nats_bus>(std::move(options), handler, *logged.log);
    bus->connect();
    bus->start();
  }
  /// A registration that goes to the server arrives.
  void expect_that_it_hears(const nats_server& server) {
    ASSERT_TRUE(handler.await([&] { return handler.connects_ == 1; }));
    EXPECT_TRUE(bus->connected());
    EXPECT_EQ(bus->address(), "127.0.0.1:" + std::to_string(server.port()));
    nats_peer peer{server};
    peer.publish("router.register", "x");
    EXPECT_TRUE(handler.await_messages(1));
    peer.subscribe("inbox");
    peer.publish("router.greet", "", "inbox");
    EXPECT_TRUE(peer.next());
    EXPECT_EQ(handler.closes_, 0);
  }

  log_capture logged;
  recording_handler handler;
  std::unique_ptr<nats_bus> bus;
};

TEST_F(NatsBusWithoutServer, StartsAllTheSameAndHearsAsSoonAsThereIsOne) {
  const auto port = closed_port();
  run(options_for(port));
  EXPECT_EQ(handler.connects(), 0);
  EXPECT_TRUE(handler.await([&] { return handler.disconnects_ == 1; }));
  EXPECT_FALSE(bus->connected());
  EXPECT_FALSE(bus->publish("lost", "x"));
  EXPECT_FALSE(bus->flush(1ms));
  EXPECT_TRUE(bus->address().empty());
  EXPECT_EQ(bus->buffered_messages() + bus->total_dropped_messages(), 0u);
  const nats_server server{{}, port};
  expect_that_it_hears(server);
  EXPECT_TRUE(bus->flush(10s));
  EXPECT_EQ(logged.lines("nats-not-reached").size(), 1u) << "one line for a reason, however often it tries";
  EXPECT_EQ(logged.lines("nats-not-reached").at(0)["log_level"], 2);
  EXPECT_EQ(logged.lines("nats-connection-established").size(), 1u);
}

TEST_F(NatsBusWithoutServer, SaysAgainAndAgainThatThereIsNone) {
  auto options = options_for(closed_port());
  options.ping_interval = 50ms;
  run(std::move(options));
  EXPECT_TRUE(logged.await("nats-connection-still-disconnected", 2));
}

TEST_F(NatsBusWithoutServer, WaitsForOneThatIsSilentAtFirst) {
  std::optional<silent_listener> silent{std::in_place};
  const auto port = silent->port();
  run(options_for(port));
  EXPECT_EQ(handler.connects(), 0);
  silent.reset();
  const nats_server server{{}, port};
  expect_that_it_hears(server);
}

TEST_F(NatsBusWithoutServer, DoesNotStartIfTheServerRefusesIt) {
  const nats_server server{{"--user", "router", "--pass", "secret"}};
  nats_bus refused{options_for(server.port()), handler, *logged.log};
  EXPECT_THROW(refused.connect(), nats_error);
}

TEST_F(NatsBusWithoutServer, GoesOnIfOneThatComesLaterRefusesIt) {
  const auto port = closed_port();
  run(options_for(port));
  {
    const nats_server refusing{{"--user", "router", "--pass", "secret"}, port};
    ASSERT_TRUE(logged.await("nats-not-reached", 2));
    EXPECT_THAT(std::string{logged.lines("nats-not-reached").at(1)["data"]["error"]}, HasSubstr("uthorization"));
  }
  const nats_server server{{}, port};
  expect_that_it_hears(server);
}

TEST_F(NatsBusWithoutServer, StopsWithinASecondWhileItDialsOneThatDoesNotAnswer) {
  const silent_listener silent;
  auto options = options_for(silent.port());
  options.connect_timeout = 3s; // As long as the bus waits for it at first; the dialling after that takes as long again.
  run(std::move(options));
  const auto began = std::chrono::steady_clock::now();
  bus->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 2500ms);
}

TEST_F(NatsBusWithoutServer, RefusesOptionsThatCannotWork) {
  auto options = options_for(1);
  options.hosts.clear();
  nats_bus refused{std::move(options), handler, *logged.log};
  EXPECT_THROW(refused.connect(), nats_error);
}

/// A copy that was in sync before is so again two seconds after that.
TEST(NatsOptions, SeekAServerThatIsAwaySoOftenThatAClusterIsInSyncWithinThreeSeconds) {
  const nats_options usual;
  EXPECT_LE(usual.reconnect_wait + std::max(usual.reconnect_jitter, usual.reconnect_jitter_tls) + 2s, 3s);
}

} // namespace
} // namespace shunt::net
