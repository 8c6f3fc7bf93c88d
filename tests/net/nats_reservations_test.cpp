// What the bus does with messages about reservations, while whoever takes them is quick or slow.
#include "net/nats_bus.hpp"

#include "log_capture.hpp"
#include "nats_server.hpp"
#include "recording_handler.hpp"

#include <gtest/gtest.h>

namespace shunt::net {
namespace {

class NatsReservations : public testing::Test {
protected:
  /// Connected and started.
  void run() {
    nats_options options;
    options.hosts.push_back({"127.0.0.1", server.port()});
    bus = std::make_unique<nats_bus>(std::move(options), handler, *logged.log);
    bus->connect();
    bus->start();
  }
  /// So many batches as may be alive are held, so the next ones have to wait.
  void hold_all_credits() {
    handler.hold_reservations();
    for (std::size_t batches = 1; batches <= 4; ++batches) {
      peer.publish("router.reserve", "held");
      ASSERT_TRUE(handler.await([&] { return handler.held_reservations_.size() == batches; }));
    }
  }

  nats_server server;
  nats_peer peer{server};
  log_capture logged;
  recording_handler handler;
  std::unique_ptr<nats_bus> bus;
};

TEST_F(NatsReservations, HandsReservationsOverByThemselvesAndInOrder) {
  run();
  for (int i = 0; i < 300; ++i) {
    peer.publish(i % 2 == 0 ? "router.reserve" : "router.unreserve", std::to_string(i));
    peer.publish("router.register", std::to_string(i));
  }
  ASSERT_TRUE(handler.await([&] { return handler.reservations_.size() == 300; }));
  ASSERT_TRUE(handler.await_messages(300));
  const auto heard = handler.reservations();
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(heard[i].subject, i % 2 == 0 ? "router.reserve" : "router.unreserve");
    ASSERT_EQ(heard[i].payload, std::to_string(i));
  }
  EXPECT_EQ(bus->received_messages(), 300u);
}

TEST_F(NatsReservations, LetsRegistrationsPassReservationsThatHaveToWait) {
  run();
  hold_all_credits();
  for (int i = 0; i < 1000; ++i) {
    peer.publish("router.reserve", std::to_string(i));
    peer.publish("router.register", std::to_string(i));
  }
  ASSERT_TRUE(handler.await_messages(1000));
  EXPECT_EQ(handler.reservations().size(), 4u);
  handler.release_reservations();
  ASSERT_TRUE(handler.await([&] { return handler.reservations_.size() == 1004; }));
  EXPECT_EQ(handler.reservations()[4].payload, "0");
  EXPECT_EQ(handler.reservations().back().payload, "999");
}

TEST_F(NatsReservations, BoundsTheReservationsThatWaitAndSaysWhatWasLost) {
  run();
  hold_all_credits();
  const std::string large(900'000, 'x');
  for (int i = 0; i < 40; ++i) // 32 MiB may wait.
    peer.publish("router.reserve", large);
  peer.publish("router.register", "behind them");
  ASSERT_TRUE(handler.await_messages(1));
  ASSERT_TRUE(logged.await("reservations-lost"));
  handler.release_reservations();
  ASSERT_TRUE(handler.await([&] { return handler.reservations_.size() == 4 + 37; }));
  peer.publish("router.unreserve", "later");
  ASSERT_TRUE(handler.await([&] { return handler.reservations_.back().payload == "later"; }));
  EXPECT_EQ(handler.reservations().size(), 4u + 37 + 1);
}

} // namespace
} // namespace shunt::net
