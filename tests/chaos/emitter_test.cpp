// What the emitter says over a real NATS, and when.
#include "chaos/emitter.hpp"
#include "tests/process/harness/nats_server.hpp"
#include "tests/process/harness/registrar.hpp"

#include <gtest/gtest.h>

namespace shunt::chaos {
namespace {

using namespace std::chrono_literals;

class Emitter : public testing::Test {
protected:
  Emitter() { ear.listen("router.register"); }

  /// The hosts that the next message names.
  std::vector<std::string> next(test::milliseconds patience = test::step_time) {
    const auto message = ear.next(patience);
    return message ? nlohmann::json::parse(*message).at("uris").get<std::vector<std::string>>()
                   : std::vector<std::string>{};
  }

  test::nats_server nats;
  test::registrar ear{nats.url()};
};

using hosts = std::vector<std::string>;

TEST_F(Emitter, SaysEverythingAgainAndAgain) {
  emitter one{{nats.url(), {1}, 100ms, 0}};
  one.map({1, 2}, 0);
  for (int heartbeat = 0; heartbeat < 3; ++heartbeat)
    EXPECT_EQ(next(), (hosts{"r1.chaos.test", "r2.chaos.test"}));
}

TEST_F(Emitter, SplitsMessagesAndGoesAround) {
  emitter one{{nats.url(), {1, 2}, 200ms, 1}};
  one.map({1, 2}, 0);
  one.map({7}, 1);
  for (const auto* each : {"r1", "r2", "r7", "r1", "r2", "r7", "r1"})
    EXPECT_EQ(next(), hosts{std::string{each} + ".chaos.test"});
}

TEST_F(Emitter, SaysEverythingAtOnceWhenARouterAsks) {
  emitter one{{nats.url(), {1}, 1h, 1}};
  one.map({1, 2}, 0);
  EXPECT_EQ(next(), hosts{"r1.chaos.test"});
  EXPECT_EQ(next(), hosts{"r2.chaos.test"});
  ear.publish("router.start", "{}");
  EXPECT_EQ(next(), hosts{"r1.chaos.test"});
  EXPECT_EQ(next(), hosts{"r2.chaos.test"});
}

TEST_F(Emitter, SaysNothingWhileItIsSilentAndAllWhenItGoesOn) {
  emitter one{{nats.url(), {1}, 100ms, 0}};
  one.fall_silent();
  one.map({1}, 0); // Whoever maps says so.
  EXPECT_EQ(next(), hosts{"r1.chaos.test"});
  ear.publish("router.start", "{}");
  EXPECT_EQ(next(300ms), hosts{});
  one.resume();
  EXPECT_EQ(next(), hosts{"r1.chaos.test"});
}

TEST_F(Emitter, AsksAgainUntilAChangeIsConfirmed) {
  test::nats_connection answerer = test::connect_to_nats(nats.url(), 5ms);
  natsSubscription* heard = nullptr;
  int count = 0;
  const auto answer = [](natsConnection* connection, natsSubscription*, natsMsg* message,
                         void* asked) {
    const bool drained = ++*static_cast<int*>(asked) == 3;
    natsConnection_PublishString(connection, natsMsg_GetReply(message),
                                 drained ? R"({"confirmed": true, "drained": true})"
                                         : R"({"confirmed": true, "drained": false})");
    natsMsg_Destroy(message);
  };
  test::check_nats(
    natsConnection_Subscribe(&heard, answerer.get(), "router.unregister", answer, &count),
    "subscribe");
  const test::nats_subscription owned{heard};
  test::check_nats(natsConnection_Flush(answerer.get()), "flush");
  emitter one{{nats.url(), {1}, 1h, 0}};
  EXPECT_EQ(one.unmap_confirmed({1}, 0, 0s, true).asked, 1);
  const auto said = one.unmap_confirmed({1}, 0, 10s, true);
  EXPECT_TRUE(said.confirmed && said.drained);
  EXPECT_EQ(said.asked, 2);
  answerer.reset(); // No callback comes after this.
}

} // namespace
} // namespace shunt::chaos
