// Another connection takes the place of the first: certificates, credentials or servers have changed.
#include "nats_bus_fixture.hpp"
#include "test_certificates.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace shunt::net {
namespace {

using testing::HasSubstr;

class NatsRenewal : public NatsBus {
protected:
  static nats_options quick(std::initializer_list<std::uint16_t> ports) {
    auto options = options_for(ports);
    options.overlap = 100ms;
    options.renew_again = 100ms;
    return options;
  }
  bool await_renewal(std::size_t count = 1) { return logged.await("nats-connection-renewed", count); }
};

TEST_F(NatsRenewal, LosesAndRepeatsNoMessage) {
  nats_server server;
  nats_peer peer{server};
  const auto options = quick({server.port()});
  run(options);
  std::atomic<bool> enough{false};
  int sent = 0;
  std::thread speaker{[&] {
    for (; !enough; ++sent) {
      peer.publish("router.register", std::to_string(sent));
      if (sent % 50 != 0)
        continue;
      do // Not to overflow anybody's queue, however slow this build is.
        std::this_thread::sleep_for(1ms);
      while (bus->buffered_messages() > 0 && !enough);
    }
    peer.flush();
  }};
  for (int i = 1; i <= 3; ++i) {
    auto changed = options;
    changed.ping_interval += std::chrono::milliseconds{i};
    bus->use(changed);
    EXPECT_TRUE(await_renewal(i));
  }
  enough = true;
  speaker.join();
  ASSERT_TRUE(handler.await_messages(static_cast<std::size_t>(sent)));
  const auto messages = handler.messages();
  ASSERT_EQ(messages.size(), static_cast<std::size_t>(sent));
  for (int i = 0; i < sent; ++i)
    ASSERT_EQ(messages[static_cast<std::size_t>(i)].payload, std::to_string(i));
  EXPECT_EQ(handler.connects(), 1) << "nobody has to register again";
  EXPECT_EQ(handler.disconnects_, 0);
  EXPECT_EQ(bus->total_dropped_messages(), 0u);
  EXPECT_TRUE(logged.lines("nats-connection-disconnected").empty());
}

TEST_F(NatsRenewal, IsNotNeededForWhatTheRouterSaysOfItself) {
  nats_server server;
  nats_peer peer{server};
  auto options = quick({server.port()});
  run(options);
  options.start.prune_threshold = 77s;
  bus->use(options);
  peer.subscribe("inbox");
  peer.publish("router.greet", {}, "inbox");
  const auto said = peer.next();
  ASSERT_TRUE(said);
  EXPECT_THAT(std::string{said->payload()}, HasSubstr("\"pruneThresholdInSeconds\":77"));
  EXPECT_TRUE(logged.lines("renewing-nats-connection").empty());
}

TEST_F(NatsRenewal, MovesToOtherServersAndAnnouncesTheRouterThere) {
  nats_server first;
  run(quick({first.port()}));
  nats_server second;
  nats_peer peer{second};
  peer.subscribe("router.start");
  peer.flush();
  bus->use(quick({second.port()}));
  ASSERT_TRUE(await_renewal());
  EXPECT_EQ(bus->address(), "127.0.0.1:" + std::to_string(second.port()));
  ASSERT_TRUE(peer.next());
  first.kill();
  peer.publish("router.register", "there");
  ASSERT_TRUE(handler.await_messages(1));
  EXPECT_EQ(handler.disconnects_, 0);
  EXPECT_EQ(handler.closes(), 0);
}

TEST_F(NatsRenewal, KeepsTheConnectionThatThereIsAsLongAsNoOtherCanBeMade) {
  nats_server first;
  nats_peer peer{first};
  run(quick({first.port()}));
  std::uint16_t dead = 0;
  {
    const nats_server gone;
    dead = gone.port();
  }
  bus->use(quick({dead}));
  ASSERT_TRUE(logged.await("nats-connection-not-renewed"));
  peer.publish("router.register", "still heard");
  EXPECT_TRUE(handler.await_messages(1));
  EXPECT_TRUE(bus->connected());
  bus->use(quick({first.port()}));
  const nats_server late{{}, dead};
  peer.publish("router.register", "and again");
  EXPECT_TRUE(handler.await_messages(2));
  EXPECT_TRUE(logged.lines("nats-connection-renewed").empty()) << "the wish was taken back";
}

TEST_F(NatsRenewal, TakesTheNewConnectionWhenTheOldOneIsLost) {
  nats_server first;
  run(quick({first.port()}));
  first.kill();
  ASSERT_TRUE(handler.await([&] { return handler.disconnects_ == 1; }));
  nats_server second;
  nats_peer peer{second};
  bus->use(quick({second.port()}));
  ASSERT_TRUE(handler.await([&] { return handler.connects_ == 2; }));
  peer.publish("router.register", "there");
  EXPECT_TRUE(handler.await_messages(1));
}

TEST_F(NatsRenewal, TakesNewCredentialsInTimeOrLate) {
  nats_server first{{"--user", "old", "--pass", "old"}};
  auto options = quick({first.port()});
  options.user = options.pass = "old";
  run(options);
  options.user = options.pass = "new";
  bus->use(options);
  ASSERT_TRUE(logged.await("nats-connection-not-renewed"));
  EXPECT_TRUE(bus->connected()) << "by the old ones";
  const auto port = first.port();
  first.kill();
  const nats_server restarted{{"--user", "new", "--pass", "new"}, port};
  ASSERT_TRUE(handler.await([&] { return handler.connects_ == 2; }));
  EXPECT_EQ(handler.closes(), 0) << "that the old ones are refused for ever is not the end";
  EXPECT_TRUE(bus->connected());
}

TEST_F(NatsRenewal, ConnectsAgainByTheOldCredentialsWhenTheNewOnesWereTakenBack) {
  std::optional<nats_server> server{std::in_place, std::vector<std::string>{"--user", "old", "--pass", "old"}};
  const auto port = server->port();
  auto before = quick({port});
  before.user = before.pass = "old";
  run(before);
  auto wrong = before;
  wrong.user = wrong.pass = "wrong";
  bus->use(wrong);
  ASSERT_TRUE(logged.await("nats-connection-not-renewed"));
  server.reset();
  server.emplace(std::vector<std::string>{"--user", "strange", "--pass", "strange"}, port);
  ASSERT_TRUE(logged.await("nats-connection-closed")) << "refused again and again: for good";
  bus->use(before);
  server.reset();
  server.emplace(std::vector<std::string>{"--user", "old", "--pass", "old"}, port);
  ASSERT_TRUE(handler.await([&] { return handler.connects_ == 2; }));
  EXPECT_TRUE(bus->connected());
  EXPECT_EQ(handler.closes(), 0);
}

TEST_F(NatsRenewal, ShowsNewCertificates) {
  const test_certificates made;
  const test_certificates foreign;
  nats_server server{made.server_arguments()};
  auto options = quick({server.port()});
  speak_tls(options, made, made.ca());
  run(options);
  auto bad = options;
  bad.cert_chain = foreign.client();
  bad.private_key = foreign.client_key();
  bus->use(bad);
  ASSERT_TRUE(logged.await("nats-connection-not-renewed"));
  EXPECT_TRUE(bus->connected());
  auto good = options;
  good.ca_certs = foreign.ca() + made.ca();
  bus->use(good);
  ASSERT_TRUE(await_renewal());
  EXPECT_TRUE(bus->connected());
  bad.private_key = made.client_key();
  EXPECT_THROW(check_nats_options(bad), nats_error);
}

} // namespace
} // namespace shunt::net
