// The bus against real servers: what it says, what it hands over, and what becomes of it when
// servers fail, refuse, or fall silent.
#include "net/nats_pause.hpp"

#include "nats_bus_fixture.hpp"
#include "silent_listener.hpp"
#include "test_certificates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace shunt::net {
namespace {

using testing::HasSubstr;

TEST_F(NatsBus, AnnouncesTheRouterWhenItStarts) {
  nats_server server;
  nats_peer peer{server};
  peer.subscribe("router.start");
  run(options_for({server.port()}));
  const auto heard = peer.next();
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->payload(), start_message);
  EXPECT_TRUE(heard->reply().empty());
  EXPECT_EQ(handler.connects(), 1);
  EXPECT_TRUE(bus->connected());
  EXPECT_EQ(bus->address(), "127.0.0.1:" + std::to_string(server.port()));
}

TEST_F(NatsBus, SaysNothingBeforeItIsStarted) {
  nats_server server;
  nats_peer peer{server};
  peer.subscribe("router.start");
  bus = std::make_unique<nats_bus>(options_for({server.port()}), handler, *logged.log);
  bus->connect();
  ASSERT_TRUE(bus->publish("router.start", "marker"));
  const auto heard = peer.next();
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->payload(), "marker");
  EXPECT_EQ(handler.connects(), 0);
}

TEST_F(NatsBus, KeepsRegistersAndUnregistersInOrder) {
  nats_server server;
  nats_peer peer{server};
  run(options_for({server.port()}));
  for (int i = 0; i < 3000; ++i)
    peer.publish(i % 2 == 0 ? "router.register" : "router.unregister", std::to_string(i));
  ASSERT_TRUE(handler.await_messages(3000));
  const auto messages = handler.messages();
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(messages[i].subject, i % 2 == 0 ? "router.register" : "router.unregister");
    ASSERT_EQ(messages[i].payload, std::to_string(i));
  }
  EXPECT_EQ(bus->received_messages(), 3000u);
  EXPECT_EQ(bus->total_dropped_messages(), 0u);
}

TEST_F(NatsBus, KnowsWhatMayHaveWaitedWhileItStoodStill) {
  nats_server server;
  nats_peer peer{server};
  auto options = options_for({server.port()});
  options.notice_pauses = true;
  run(std::move(options));
  handler.stall(1300ms);
  const auto began = std::chrono::steady_clock::now();
  peer.publish("router.register", "before");
  ASSERT_TRUE(handler.await_messages(1)); // It stands still now.
  peer.publish("router.register", "meanwhile");
  ASSERT_TRUE(handler.await_messages(2));
  const auto messages = handler.messages();
  ASSERT_TRUE(messages[1].waited_since);
  EXPECT_GE(*messages[1].waited_since, began - 1s);
  EXPECT_LT(*messages[1].waited_since, std::chrono::steady_clock::now() - nats_pause::shortest);
  std::size_t heard = 2;
  do {
    peer.publish("router.register", "afterwards");
    ASSERT_TRUE(handler.await_messages(++heard));
    ASSERT_LT(heard, 1000u);
  } while (handler.messages().back().waited_since);
  EXPECT_GE(logged.lines("stood-still").size(), 1u);
}

TEST_F(NatsBus, IgnoresOtherSubjectsWithoutAWord) {
  nats_server server;
  nats_peer peer{server};
  run(options_for({server.port()}));
  peer.publish("router.active_apps", std::string{"\0\xff", 2});
  peer.publish("router.greet", "");
  peer.publish("router.registers", "x");
  peer.publish("router.register", "{}", "asker");
  ASSERT_TRUE(handler.await_messages(1));
  EXPECT_EQ(handler.messages()[0].payload, "{}");
  EXPECT_EQ(handler.messages()[0].reply, "asker");
  EXPECT_EQ(handler.messages().size(), 1u);
  EXPECT_EQ(bus->received_messages(), 1u);
  EXPECT_TRUE(logged.lines("nats-error").empty());
}

TEST_F(NatsBus, AnswersAGreeting) {
  nats_server server;
  nats_peer peer{server};
  peer.subscribe("inbox");
  run(options_for({server.port()}));
  peer.publish("router.greet", "", "inbox");
  const auto heard = peer.next();
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->payload(), start_message);
}

TEST_F(NatsBus, HearsWhoWantsToDiscoverTheRouterAgainAfterAReconnection) {
  auto server = std::make_unique<nats_server>();
  const auto port = server->port();
  auto options = options_for({port});
  options.discover_subject = "discover";
  run(std::move(options));
  {
    nats_peer peer{*server};
    peer.publish("discover", "anything", "inbox.1");
    peer.flush();
  }
  ASSERT_TRUE(handler.await([&] { return handler.discoveries_.size() == 1; }));
  server.reset();
  ASSERT_TRUE(handler.await([&] { return handler.disconnects_ == 1; }));
  server = std::make_unique<nats_server>(std::vector<std::string>{}, port);
  ASSERT_TRUE(handler.await([&] { return handler.connects_ == 2; }));
  nats_peer peer{*server};
  peer.publish("discover", "", "inbox.2");
  peer.publish("discover", "");
  ASSERT_TRUE(handler.await([&] { return handler.discoveries_.size() == 3; }));
  EXPECT_EQ(handler.discoveries_, (std::vector<std::string>{"inbox.1", "inbox.2", ""}));
  EXPECT_TRUE(handler.messages().empty());
}

TEST_F(NatsBus, KeepsOnlyAFewOfThoseWhoWantToDiscoverTheRouter) {
  nats_server server;
  nats_peer peer{server};
  auto options = options_for({server.port()});
  options.discover_subject = "discover";
  run(std::move(options));
  handler.freeze(true);
  peer.publish("router.register", "before"); // It stands still now.
  ASSERT_TRUE(handler.await_messages(1));
  for (int i = 0; i < 1000; ++i)
    peer.publish("discover", "", "inbox");
  peer.publish("router.register", "after");
  ASSERT_TRUE(handler.await([&] { return bus->buffered_messages() == 1; })); // All are there.
  handler.freeze(false);
  ASSERT_TRUE(handler.await_messages(2));
  ASSERT_TRUE(handler.await([&] { return !handler.discoveries_.empty(); })); // There is room again.
  peer.publish("discover", "", "last");
  ASSERT_TRUE(handler.await([&] { return handler.discoveries_.back() == "last"; }));
  EXPECT_LT(handler.discoveries_.size(), 100u);
  EXPECT_EQ(bus->total_dropped_messages(), 0u) << "these are no registrations";
  EXPECT_EQ(handler.dropped(), 0u);
}

TEST_F(NatsBus, EscapesWhatItSaysAboutItself) {
  router_start start;
  start.id = "a\"b";
  const auto read = nlohmann::json::parse(to_json(start));
  EXPECT_EQ(read["id"], "a\"b");
}

TEST_F(NatsBus, FallsOverToAnotherServerAndAnnouncesItselfThere) {
  nats_server first;
  run(options_for({first.port()}));
  nats_server second;
  bus.reset();
  run(options_for({first.port(), second.port()}));
  const auto of_second = "127.0.0.1:" + std::to_string(second.port());
  auto& used = bus->address() == of_second ? second : first;
  auto& other = &used == &second ? first : second;
  nats_peer peer{other};
  peer.subscribe("router.start");
  const auto connects = handler.connects();
  used.kill();
  ASSERT_TRUE(handler.await([&] { return handler.disconnects_ == 1; }));
  ASSERT_TRUE(handler.await([&] { return handler.connects_ == connects + 1; }));
  const auto heard = peer.next();
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->payload(), start_message);
  EXPECT_EQ(bus->address(), "127.0.0.1:" + std::to_string(other.port()));
  peer.publish("router.register", "again");
  ASSERT_TRUE(handler.await_messages(1)) << "subscribed on the new server too";
  EXPECT_EQ(logged.lines("nats-connection-disconnected").size(), 1u);
  const auto back = logged.lines("nats-connection-reconnected");
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0]["data"]["nats-host"], "127.0.0.1:" + std::to_string(other.port()));
  EXPECT_EQ(back[0]["source"], "test.nats");
}

TEST_F(NatsBus, SaysAgainAndAgainThatItIsStillDisconnected) {
  nats_server server;
  auto options = options_for({server.port()});
  options.ping_interval = 50ms;
  run(options);
  const auto port = server.port();
  server.kill();
  EXPECT_TRUE(logged.await("nats-connection-still-disconnected", 2));
  EXPECT_FALSE(bus->connected());
  EXPECT_TRUE(bus->address().empty());
  EXPECT_TRUE(bus->publish("later", "kept")) << "buffered until it is back";
  nats_server back{{}, port};
  EXPECT_TRUE(handler.await([&] { return handler.connects_ == 2; }));
  EXPECT_TRUE(bus->connected());
}

TEST_F(NatsBus, TriesTheNextServerIfTheFirstIsDead) {
  nats_server dead;
  nats_server alive;
  dead.kill();
  run(options_for({dead.port(), alive.port()}));
  EXPECT_EQ(bus->address(), "127.0.0.1:" + std::to_string(alive.port()));
}

TEST_F(NatsBus, GivesUpAfterThreeRounds) {
  silent_listener listener;
  auto options = options_for({listener.port()});
  options.connect_timeout = 100ms;
  EXPECT_THAT(refusal(options), HasSubstr("imeout"));
  EXPECT_EQ(listener.waiting_connections(), 3);
}

TEST_F(NatsBus, RefusesOptionsThatCannotWork) {
  EXPECT_THAT(refusal(nats_options{}), HasSubstr("nats.hosts"));
  auto options = options_for({1});
  options.tls_enabled = true;
  EXPECT_THAT(refusal(options), HasSubstr("nats.ca_certs"));
  options.ca_certs = "no certificate";
  EXPECT_THAT(refusal(options), HasSubstr("nats.ca_certs"));
}

TEST_F(NatsBus, PassesCredentialsOnWhateverTheyContain) {
  const std::string pass = R"(p"a\s/s@:%)";
  nats_server server{{"--user", "router", "--pass", pass}};
  auto options = options_for({server.port()});
  EXPECT_THAT(refusal(options), HasSubstr("uthorization"));
  options.user = "router";
  options.pass = "wrong";
  EXPECT_THAT(refusal(options), HasSubstr("uthorization"));
  options.pass = pass;
  run(options);
  EXPECT_TRUE(bus->connected());
}

TEST_F(NatsBus, TellsWhenNoServerWillEverTakeItBack) {
  nats_server server{{"--user", "router", "--pass", "old"}};
  auto options = options_for({server.port()});
  options.user = "router";
  options.pass = "old";
  run(options);
  const auto port = server.port();
  server.kill();
  nats_server changed{{"--user", "router", "--pass", "new"}, port};
  EXPECT_TRUE(handler.await([&] { return handler.closes_ == 1; }));
  const auto lines = logged.lines("nats-connection-closed");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["log_level"], 3);
  EXPECT_FALSE(bus->connected());
}

TEST_F(NatsBus, TellsWhenItMayNotListen) {
  const auto file = testing::TempDir() + "nats-permissions-" + std::to_string(::getpid());
  std::ofstream{file} << R"(
    authorization { users = [{user: router, password: x, permissions: {subscribe: "inbox"}}] })";
  nats_server server{{"-c", file}};
  auto options = options_for({server.port()});
  options.user = "router";
  options.pass = "x";
  run(options);
  ASSERT_TRUE(logged.await("nats-error"));
  const std::string error = logged.lines("nats-error")[0]["data"]["error"];
  EXPECT_THAT(error, HasSubstr("router.*"));
  std::filesystem::remove(file);
}

TEST_F(NatsBus, LeavesMessagesInTheQueueWhileTheHandlerHoldsItsBatches) {
  nats_server server;
  nats_peer peer{server};
  auto options = options_for({server.port()});
  options.batches_alive_max = 2;
  options.batch_messages_max = 10;
  handler.hold_batches();
  run(options);
  for (int i = 0; i < 500; ++i)
    peer.publish("router.register", std::to_string(i));
  peer.flush();
  ASSERT_TRUE(handler.await([&] { return handler.held_.size() == 2; }));
  EXPECT_TRUE(
    handler.await([&] { return bus->buffered_messages() + bus->received_messages() == 500; }));
  EXPECT_LE(bus->received_messages(), 20u);
  handler.release_batches();
  ASSERT_TRUE(handler.await_messages(500));
  EXPECT_LE(handler.most_alive(), 2u);
  EXPECT_EQ(handler.messages()[499].payload, "499");
}

TEST_F(NatsBus, CountsWhatItLosesAndWarnsOnce) {
  nats_server server;
  nats_peer peer{server};
  auto options = options_for({server.port()});
  options.batches_alive_max = 1;
  options.batch_messages_max = 10;
  options.pending_messages_max = 50;
  handler.hold_batches();
  run(options);
  for (int i = 0; i < 300; ++i)
    peer.publish("router.register", std::to_string(i));
  ASSERT_TRUE(
    handler.await([&] { return bus->received_messages() + 50 + handler.dropped_ >= 300; }));
  for (int i = 0; i < 200; ++i) // The queue is still full: all of these are lost too.
    peer.publish("router.unregister", std::to_string(i));
  ASSERT_TRUE(
    handler.await([&] { return bus->received_messages() + 50 + handler.dropped_ == 500; }));
  EXPECT_EQ(bus->total_dropped_messages(), handler.dropped());
  handler.release_batches();
  ASSERT_TRUE(handler.await_messages(500 - handler.dropped()));
  const auto warnings = logged.lines("nats-slow-consumer");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0]["log_level"], 2);
  EXPECT_GT(warnings[0]["data"]["dropped_messages"], 0);
  EXPECT_THAT(std::string{warnings[0]["data"]["advice"]}, HasSubstr("nats_pending"));
  const auto lost = bus->total_dropped_messages();
  bus->stop();
  EXPECT_EQ(bus->total_dropped_messages(), lost);
}

/// A router that cannot keep up, and recovers.
class OverloadedNatsBus : public NatsBus {
protected:
  void run(std::chrono::seconds register_interval) {
    auto options = options_for({server.port()});
    options.batches_alive_max = 1;
    options.batch_messages_max = 10;
    options.pending_messages_max = 50;
    options.drops_over_after = 200ms;
    options.start.register_interval = register_interval;
    NatsBus::run(options);
  }
  /// Loses some messages, and keeps the others waiting until the handler lets go of its batches.
  void lose_some() {
    hold();
    const auto before = handler.dropped();
    for (int i = 0; i < 300; ++i)
      peer.publish("router.register", std::to_string(i));
    peer.flush();
    ASSERT_TRUE(handler.await([&] { return handler.dropped_ > before; }));
  }
  void hold() {
    handler.await([&] { // With the lock held.
      handler.hold_batches();
      return true;
    });
  }

  nats_server server;
  nats_peer peer{server};
};

TEST_F(OverloadedNatsBus, AsksEverybodyToRegisterAgainWhenNothingMoreIsLost) {
  nats_peer others{server};
  others.subscribe("router.start");
  run(0s);
  ASSERT_TRUE(others.next()) << "of the start";
  lose_some();
  ASSERT_TRUE(logged.await("nats-slow-consumer-over"));
  EXPECT_FALSE(others.next(100ms)) << "there is no room for answers yet";
  EXPECT_EQ(handler.connects(), 1);
  handler.release_batches();
  EXPECT_TRUE(others.next());
  EXPECT_TRUE(handler.await([&] { return handler.connects_ == 2; }));
  EXPECT_FALSE(others.next(300ms)) << "asked twice for one loss";
}

TEST_F(OverloadedNatsBus, AsksEverybodyOnlySoOften) {
  nats_peer others{server};
  others.subscribe("router.start");
  run(3600s);
  ASSERT_TRUE(others.next()) << "of the start";
  lose_some();
  handler.release_batches();
  EXPECT_TRUE(others.next());
  const auto overs = logged.lines("nats-slow-consumer-over").size();
  lose_some();
  handler.release_batches();
  ASSERT_TRUE(logged.await("nats-slow-consumer-over", overs + 1));
  EXPECT_FALSE(others.next(300ms)) << "it has to wait for its turn";
  EXPECT_EQ(handler.connects(), 2);
}

TEST_F(NatsBus, StopsWithinASecondWhileItDialsAServerThatDoesNotAnswer) {
  nats_server server;
  auto options = options_for({server.port()});
  options.connect_timeout = 10s;
  run(options);
  const auto port = server.port();
  server.kill();
  silent_listener listener{port};
  ASSERT_TRUE(listener.await_connection()) << "the bus dials";
  const auto before = std::chrono::steady_clock::now();
  bus->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
  EXPECT_EQ(handler.closes(), 0) << "stopping is no failure";
}

TEST_F(NatsBus, HandsNothingOverOnceItIsStopped) {
  nats_server server;
  nats_peer peer{server};
  run(options_for({server.port()}));
  const auto before = std::chrono::steady_clock::now();
  bus->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 1s);
  peer.publish("router.register", "late");
  peer.flush();
  EXPECT_FALSE(bus->publish("any", "thing"));
  EXPECT_FALSE(bus->connected());
  EXPECT_TRUE(handler.messages().empty());
  EXPECT_TRUE(logged.lines("nats-connection-closed").empty());
  bus->stop();
}

TEST_F(NatsBus, SpeaksTlsAndShowsItsCertificate) {
  const test_certificates made;
  nats_server server{made.server_arguments()};
  auto options = options_for({server.port()});
  speak_tls(options, made, made.ca());
  run(options);
  EXPECT_TRUE(bus->connected());
  EXPECT_EQ(handler.connects(), 1);
}

TEST_F(NatsBus, RefusesAServerThatItDoesNotTrust) {
  const test_certificates made;
  const test_certificates other;
  nats_server server{made.server_arguments()};
  auto options = options_for({server.port()});
  speak_tls(options, made, other.ca());
  EXPECT_THAT(refusal(options), HasSubstr("certificate"));
}

TEST_F(NatsBus, RefusesAServerOfAnotherName) {
  const test_certificates made;
  nats_server server{made.server_arguments()};
  auto options = options_for({server.port()}); // The certificate is for localhost.
  options.tls_enabled = true;
  options.ca_certs = made.ca();
  options.cert_chain = made.client();
  options.private_key = made.client_key();
  EXPECT_THAT(refusal(options), HasSubstr("mismatch"));
}

TEST_F(NatsBus, IsRefusedWithoutTheCertificateTheServerWants) {
  const test_certificates made;
  nats_server server{made.server_arguments()};
  auto options = options_for({server.port()});
  options.hosts[0].hostname = "localhost";
  options.tls_enabled = true;
  options.ca_certs = made.ca();
  EXPECT_FALSE(refusal(options).empty());
}

} // namespace
} // namespace shunt::net
