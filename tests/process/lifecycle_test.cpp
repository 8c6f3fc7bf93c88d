// Signals: draining without losing a request, stopping at once, reopening the access log.
#include "tests/process/harness/gate.hpp"
#include "tests/process/harness/stage.hpp"
#include "tests/process/harness/tls_client.hpp"
#include "tests/process/harness/tls_settings.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>

namespace shunt::test {
namespace {

class Lifecycle : public testing::Test {
protected:
  void start(const nlohmann::json& overrides = nlohmann::json::object()) {
    stage_ = std::make_unique<stage>(overrides);
  }
  stage& here() { return *stage_; }
  child_process& process() { return here().under_test.process(); }
  std::uint16_t port() { return here().under_test.port(); }

  bool refuses_connections() {
    try {
      stream_socket::connected_to(port());
      return false;
    } catch (const socket_error&) {
      return true;
    }
  }

  /// Drains while `one` waits for an answer that comes when `held` opens.
  void begin_drain_with_a_request(client& one, const gate& held) {
    there.answer_with(held.holding("/hold"));
    one.send(get_request(here().mapped(there), "/hold"));
    ASSERT_TRUE(there.wait_for_requests(1));
    process().signal(SIGUSR1);
    ASSERT_TRUE(eventually([&] { return refuses_connections(); }));
  }

  backend there; // Outlives the router, so that what the router still carries is not cut here.

private:
  std::unique_ptr<stage> stage_;
};

TEST_F(Lifecycle, DrainServesDuringItsWaitThenFinishesWhatIsInFlight) {
  start({{"drain_wait", slowed_text(1s)}, {"drain_timeout", "60s"}});
  const gate held;
  there.answer_with(held.holding("/hold"));
  const auto host = here().mapped(there);
  client busy{port()};
  busy.send(get_request(host, "/hold"));
  ASSERT_TRUE(there.wait_for_requests(1));
  client idle{port()};
  EXPECT_EQ(idle.send(get_request(host)).response().status, 200);

  process().signal(SIGUSR1);
  ASSERT_TRUE(eventually([&] { return here().under_test.health() == 503; }, 900ms));
  EXPECT_EQ(here().get(host).status, 200) << "new connections are served while the wait lasts";
  EXPECT_EQ(here().get("x", "/", "User-Agent: HTTP-Monitor/1.1\r\n").status, 503);
  EXPECT_EQ(here().under_test.status("/is-process-alive-do-not-use-for-loadbalancing").status, 200);

  EXPECT_TRUE(eventually([&] { return refuses_connections(); }));
  EXPECT_TRUE(idle.sees_close());
  EXPECT_TRUE(process().running()) << "it must wait for the request in flight";
  held.open();
  const auto answer = busy.response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_TRUE(answer.lists("Connection", "close"));
  EXPECT_TRUE(busy.sees_close());
  EXPECT_EQ(process().wait_for_exit(), 0);
  const auto draining = here().under_test.wait_for_log("gorouter-draining");
  EXPECT_TRUE(draining.at("data").contains("wait_seconds"));
  EXPECT_EQ(draining.at("data").at("timeout_seconds"), 60);
  here().under_test.wait_for_log("gorouter.stopped");
  EXPECT_TRUE(here().under_test.wait_for_log("gorouter.exited").is_object());
}

TEST_F(Lifecycle, DrainOfAnIdleRouterEndsAtOnce) {
  start({{"drain_timeout", "600s"}});
  const auto host = here().mapped(there);
  client idle{port()};
  EXPECT_EQ(idle.send(get_request(host)).response().status, 200);
  process().signal(SIGUSR1);
  EXPECT_EQ(process().wait_for_exit(), 0);
  EXPECT_TRUE(idle.sees_close());
}

TEST_F(Lifecycle, DrainDoesNotWaitForClientsThatHaveNotGreeted) {
  const auto own = tls_kit::mint({.common_name = "front.test", .dns = {"front.test"}});
  start(tls_front({&own}, {{"go_max_procs", 1}, {"drain_timeout", "600s"}, {"read_header_timeout", "600s"}}));
  const auto host = here().mapped(there);
  client silent{here().under_test.tls_port()};
  tls_client later{here().under_test.tls_port(), {.name = "front.test"}};
  EXPECT_EQ(later->send(get_request(host)).response().status, 200) << "so the first was accepted, too";
  process().signal(SIGUSR1);
  EXPECT_EQ(process().wait_for_exit(), 0);
  EXPECT_TRUE(silent.sees_close());
}

TEST_F(Lifecycle, DrainDoesNotWaitToHearWhichHttpASilentClientSpeaks) {
  start({{"go_max_procs", 1},
         {"enable_http2", true},
         {"enable_h2c", true},
         {"drain_timeout", "600s"},
         {"read_header_timeout", "600s"}});
  const auto host = here().mapped(there);
  client silent{port()};
  EXPECT_EQ(here().get(host).status, 200) << "so the first was accepted, too";
  process().signal(SIGUSR1);
  EXPECT_EQ(process().wait_for_exit(), 0);
  EXPECT_TRUE(silent.sees_close());
}

TEST_F(Lifecycle, DrainAnswersTheFirstRequestOfAClientThatHadNotSpokenYet) {
  start({{"go_max_procs", 1}, {"enable_http2", true}, {"enable_h2c", true}, {"drain_timeout", "600s"}});
  const auto host = here().mapped(there);
  client silent{port()};
  EXPECT_EQ(here().get(host).status, 200) << "so the first was accepted, too";
  process().signal(SIGUSR1);
  ASSERT_TRUE(eventually([&] { return refuses_connections(); }));
  silent.send(get_request(host));
  EXPECT_EQ(silent.response_head().status, 200);
  EXPECT_EQ(process().wait_for_exit(), 0);
}

TEST_F(Lifecycle, DrainWaitsForTunnels) {
  start({{"drain_timeout", "60s"}});
  there.answer_with(answers::upgrade_echo());
  client one{port()};
  one.send(get_request(here().mapped(there), "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  ASSERT_EQ(one.response_head().status, 101);
  process().signal(SIGUSR1);
  ASSERT_TRUE(eventually([&] { return refuses_connections(); }));
  one.send("still here");
  EXPECT_EQ(one.reader().exactly(10), "still here");
  EXPECT_TRUE(process().running());
  one.socket().half_close();
  EXPECT_TRUE(one.sees_close());
  EXPECT_EQ(process().wait_for_exit(), 0);
}

TEST_F(Lifecycle, DrainFinishesALongResponse) {
  start({{"drain_timeout", "60s"}});
  const gate held;
  there.answer_with([held](backend_session& session) {
    session.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    held.wait(session);
    session.send("half");
  });
  client one{port()};
  one.send(get_request(here().mapped(there)));
  auto answer = one.response_head();
  process().signal(SIGUSR1);
  ASSERT_TRUE(eventually([&] { return refuses_connections(); }));
  held.open();
  one.reader().body(answer);
  EXPECT_EQ(answer.body, "halfhalf");
  EXPECT_TRUE(one.sees_close());
  EXPECT_EQ(process().wait_for_exit(), 0);
}

TEST_F(Lifecycle, DrainGivesUpAfterItsTimeout) {
  start({{"drain_timeout", slowed_text(300ms)}, {"endpoint_timeout", "60s"}});
  there.answer_with(answers::silent());
  client one{port()};
  one.send(get_request(here().mapped(there)));
  ASSERT_TRUE(there.wait_for_requests(1));
  process().signal(SIGUSR1);
  EXPECT_EQ(process().wait_for_exit(), 0);
  here().under_test.wait_for_log("router.drain.timed-out");
  here().under_test.wait_for_log("gorouter.stopping");
  EXPECT_TRUE(one.sees_end());
}

TEST_F(Lifecycle, DrainWithoutATimeoutWaitsAsLongAsItTakes) {
  start({{"drain_timeout", "0s"}});
  const gate held;
  client one{port()};
  ASSERT_NO_FATAL_FAILURE(begin_drain_with_a_request(one, held));
  EXPECT_TRUE(process().running());
  held.open();
  EXPECT_EQ(one.response().status, 200);
  EXPECT_EQ(process().wait_for_exit(), 0);
}

TEST_F(Lifecycle, Usr2FromOutsideLeavesTheRouterAbleToHearOtherSignals) {
  start();
  process().signal(SIGUSR2);
  process().signal(SIGTERM);
  EXPECT_EQ(process().wait_for_exit(3s), 0);
}

TEST_F(Lifecycle, TermStopsAtOnceEvenWithRequestsInFlight) {
  start({{"drain_timeout", "600s"}, {"drain_wait", "600s"}, {"endpoint_timeout", "600s"}});
  there.answer_with(answers::silent());
  client one{port()};
  one.send(get_request(here().mapped(there)));
  ASSERT_TRUE(there.wait_for_requests(1));
  process().signal(SIGTERM);
  EXPECT_EQ(process().wait_for_exit(3s), 0);
  EXPECT_TRUE(one.sees_end());
}

TEST_F(Lifecycle, IntStopsLikeTerm) {
  start();
  process().signal(SIGINT);
  EXPECT_EQ(process().wait_for_exit(3s), 0);
}

TEST_F(Lifecycle, TermStopsAtOnceEvenWhenNatsIsGone) {
  start();
  here().nats.stop();
  here().under_test.wait_for_log("nats-connection-disconnected");
  process().signal(SIGTERM);
  EXPECT_EQ(process().wait_for_exit(3s), 0);
}

TEST_F(Lifecycle, FurtherSignalsDoNotCutADrainShort) {
  start({{"drain_timeout", "60s"}});
  const gate held;
  client one{port()};
  ASSERT_NO_FATAL_FAILURE(begin_drain_with_a_request(one, held));
  process().signal(SIGUSR1);
  here().under_test.wait_for_log("gorouter.signal.ignored");
  held.open();
  EXPECT_EQ(one.response().status, 200);
  EXPECT_EQ(process().wait_for_exit(), 0);
}

TEST_F(Lifecycle, PidFileHoldsThePid) {
  start();
  EXPECT_EQ(std::stol(read_file(here().under_test.path_of("router.pid"))), process().pid());
}

TEST_F(Lifecycle, PidFileSurvivesASecondRouterThatCannotStart) {
  start();
  const auto& router = here().under_test;
  child_process second{{shunt_executable(), "-c", router.path_of("router.yml")},
                       router.path_of("second.log")};
  EXPECT_EQ(second.wait_for_exit(), 1);
  EXPECT_EQ(read_file(router.path_of("router.pid")), std::to_string(process().pid()) + "\n");
  process().signal(SIGTERM);
  EXPECT_EQ(process().wait_for_exit(), 0);
  EXPECT_FALSE(std::filesystem::exists(router.path_of("router.pid")));
}

TEST_F(Lifecycle, HangUpReopensTheAccessLog) {
  start();
  const auto log = here().under_test.path_of("access.log");
  const auto old_log = here().under_test.path_of("access.log.1");
  here().get("before.test");
  here().under_test.wait_for_access("before.test - [");
  ASSERT_EQ(std::rename(log.c_str(), old_log.c_str()), 0);
  here().get("between.test");
  EXPECT_TRUE(
    eventually([&] { return read_file(old_log).find("between.test") != std::string::npos; }));
  process().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(log); }));
  here().get("after.test");
  here().under_test.wait_for_access("after.test - [");
  EXPECT_EQ(read_file(old_log).find("after.test"), std::string::npos);
  EXPECT_EQ(read_file(log).find("between.test"), std::string::npos);
}

TEST_F(Lifecycle, NothingThatWasLoggedIsLostAtTheEnd) {
  start();
  for (int i = 0; i < 50; ++i)
    here().get("n" + std::to_string(i) + ".test");
  process().signal(SIGTERM);
  EXPECT_EQ(process().wait_for_exit(), 0);
  EXPECT_EQ(here().under_test.access_log().size(), 50u);
}

} // namespace
} // namespace shunt::test
