// The lines of the component log that tell of the router's life, in the order in which operators know them: from
// the start to open doors, NATS lost and found, a drain and an end.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/log_order.hpp"
#include "tests/process/harness/scrape.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_settings.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>

namespace shunt::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;

int level_of(const router& by, const std::string& message) {
  return by.wait_for_log(message).at("log_level");
}

constexpr int info = 1;

TEST(LogOrder, OfAStart) {
  const stage here{{{"zone", "z1"}, {"isolation_segments", {"is1"}}, {"max_request_header_bytes", 2'000'000}}};
  const auto& router = here.under_test;
  router.wait_for_log("gorouter.started");
  expect_in_order(router, {"starting", "local-az-set", "retrieved-isolation-segments", "setting-up-nats-connection",
                           "Successfully-connected-to-nats", "subscriber-starting", "subscriber-started",
                           "tcp-listener-started", "tls-listener-not-enabled", "gorouter.started"});
  for (const auto* message : {"starting", "retrieved-isolation-segments", "setting-up-nats-connection",
                              "Successfully-connected-to-nats", "subscriber-starting", "subscriber-started",
                              "tcp-listener-started", "tls-listener-not-enabled", "gorouter.started"})
    EXPECT_EQ(level_of(router, message), info) << message;
  EXPECT_EQ(router.wait_for_log("local-az-set").at("data").at("AvailabilityZone"), "z1");
  EXPECT_EQ(router.wait_for_log("retrieved-isolation-segments").at("data").at("isolation_segments"), json{"is1"});
  EXPECT_EQ(router.wait_for_log("starting").at("source"), "vcap.gorouter");
  EXPECT_EQ(router.wait_for_log("tcp-listener-started").at("source"), "vcap.gorouter.router");
  EXPECT_EQ(router.wait_for_log("subscriber-started").at("source"), "vcap.gorouter.subscriber");
  EXPECT_THAT(router.wait_for_log("innefectual-max-header-bytes-value").at("data").at("error").get<std::string>(),
              testing::HasSubstr("Values over 1048576 are limited"));
}

TEST(LogOrder, OfAStartWithTlsAlone) {
  const auto own = tls_kit::mint({.common_name = "router"});
  const stage here{tls_front({&own}, {{"disable_http", true}})};
  here.under_test.wait_for_log("gorouter.started");
  expect_in_order(here.under_test,
                  {"subscriber-started", "tcp-listener-disabled", "tls-listener-started", "gorouter.started"});
}

TEST(LogOrder, OfNatsLostAndFound) {
  stage here{{{"nats_client_ping_interval", "200ms"}}};
  const auto& router = here.under_test;
  here.nats.stop();
  router.wait_for_log("nats-connection-disconnected");
  router.wait_for_log("nats-connection-still-disconnected");
  here.nats.start();
  const auto back = router.wait_for_log("nats-connection-reconnected");
  EXPECT_EQ(back.at("source"), "vcap.gorouter.nats");
  EXPECT_TRUE(back.at("data").contains("nats-host"));
  EXPECT_TRUE(back.at("data").contains("nats-addr"));
  EXPECT_EQ(level_of(router, "nats-connection-disconnected"), info);
  EXPECT_EQ(level_of(router, "nats-connection-still-disconnected"), info);
  EXPECT_EQ(level_of(router, "nats-connection-reconnected"), info);
  auto lines = said(router, {"Successfully-connected-to-nats", "nats-connection-disconnected",
                             "nats-connection-still-disconnected", "nats-connection-reconnected"});
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  EXPECT_THAT(lines, ElementsAre("Successfully-connected-to-nats", "nats-connection-disconnected",
                                 "nats-connection-still-disconnected", "nats-connection-reconnected"));
}

class LogOrderOfADrain : public testing::Test {
protected:
  static json settings(const char* drain_timeout) {
    return {{"prometheus", {{"enabled", true}}}, {"drain_timeout", drain_timeout}, {"endpoint_timeout", "600s"}};
  }
  /// One request is under way, and two clients wait, when the drain begins.
  void begin(stage& here, client& busy, client& idle, client& another) {
    app.answer_with(held.holding("/hold"));
    const auto host = here.mapped(app);
    for (auto* each : {&idle, &another})
      EXPECT_EQ(each->send(get_request(host)).response().status, 200);
    busy.send(get_request(host, "/hold"));
    ASSERT_TRUE(app.wait_for_requests(3));
    ASSERT_TRUE(eventually([&] {
      const auto now = scrape(here);
      return value(now, "shunt_idle_connections") == 2 && value(now, "shunt_connections") == 3;
    }));
    here.under_test.process().signal(SIGUSR1);
  }

  static constexpr const char* active = "Draining with 1 outstanding active connections";
  static constexpr const char* waiting = "Draining with 2 outstanding idle connections";
  backend app;
  gate held;
};

TEST_F(LogOrderOfADrain, TellsOfOpenConnections) {
  stage here{settings("60s")};
  const auto& router = here.under_test;
  client busy{router.port()}, idle{router.port()}, another{router.port()};
  ASSERT_NO_FATAL_FAILURE(begin(here, busy, idle, another));
  router.wait_for_log(waiting);
  here.under_test.process().signal(SIGUSR1);
  router.wait_for_log("gorouter.signal.ignored");
  held.open();
  EXPECT_EQ(busy.response().status, 200);
  EXPECT_EQ(here.under_test.process().wait_for_exit(), 0);
  const std::vector<std::string> lines{"gorouter.started",        "gorouter-draining", active, waiting,
                                       "gorouter.signal.ignored", "gorouter.stopping", "gorouter.stopped",
                                       "gorouter.exited"};
  expect_in_order(router, lines);
  for (const auto& line : lines) {
    EXPECT_EQ(level_of(router, line), info) << line;
    EXPECT_EQ(router.wait_for_log(line).at("source"), "vcap.gorouter.router") << line;
  }
  EXPECT_GE(router.wait_for_log("gorouter.stopped").at("data").at("took").get<double>(), 0);
  EXPECT_THAT(said(router, {"router.drain.timed-out", "gorouter-draining-error"}), ElementsAre());
}

TEST_F(LogOrderOfADrain, ThatTookTooLong) {
  stage here{settings("100ms")};
  const auto& router = here.under_test;
  client busy{router.port()}, idle{router.port()}, another{router.port()};
  ASSERT_NO_FATAL_FAILURE(begin(here, busy, idle, another));
  EXPECT_EQ(here.under_test.process().wait_for_exit(), 0);
  expect_in_order(router, {"gorouter-draining", active, waiting, "router.drain.timed-out", "gorouter-draining-error",
                           "gorouter.stopping", "gorouter.stopped", "gorouter.exited"});
  EXPECT_EQ(level_of(router, "router.drain.timed-out"), info);
  EXPECT_EQ(router.wait_for_log("gorouter-draining-error").at("data").at("error"), "router: Drain timeout");
}

TEST(LogOrder, OfAnEndWithoutDrain) {
  stage here;
  here.under_test.process().signal(SIGTERM);
  EXPECT_EQ(here.under_test.process().wait_for_exit(), 0);
  expect_in_order(here.under_test, {"gorouter.started", "gorouter.stopping", "gorouter.stopped", "gorouter.exited"});
  EXPECT_THAT(said(here.under_test, {"gorouter-draining"}), ElementsAre());
}

} // namespace
} // namespace shunt::test
