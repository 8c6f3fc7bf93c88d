// Signals to a router that is still starting, and waits for servers that take connections and say nothing.
#include "tests/net/silent_listener.hpp"
#include "tests/process/harness/nats_server.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/router.hpp"
#include "tests/process/routing_api_kit.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <vector>

namespace shunt::test {
namespace {

using nlohmann::json;

class StartSignals : public testing::Test {
protected:
  static json nats_at(const std::vector<std::uint16_t>& ports) {
    auto hosts = json::array();
    for (const auto port : ports)
      hosts.push_back({{"hostname", "127.0.0.1"}, {"port", port}});
    return {{"hosts", hosts}};
  }

  static bool anybody_is_asked(std::initializer_list<const net::silent_listener*> servers) {
    return std::any_of(servers.begin(), servers.end(), [](const auto* each) { return each->await_connection(0); });
  }

  child_process& start(json settings) {
    settings["port"] = free_port();
    settings["status"] = {{"port", free_port()}, {"routes", {{"port", free_port()}}}};
    settings["pid_file"] = files.path_of("pid");
    write_file(files.path_of("router.yml"), settings.dump());
    process_ = std::make_unique<child_process>(
      std::vector<std::string>{shunt_executable(), "-c", files.path_of("router.yml")}, files.path_of("router.log"));
    return *process_;
  }

  void expect_end_by(int signal) {
    process_->signal(signal);
    EXPECT_EQ(process_->wait_for_exit(5s), 0) << "signal " << signal << ":\n" << process_->output();
    EXPECT_NE(process_->output().find("gorouter.exited"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(files.path_of("pid")));
  }

  temporary_directory files;

private:
  std::unique_ptr<child_process> process_;
};

TEST_F(StartSignals, EndItWhileNoNatsServerAnswers) {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    const net::silent_listener one, two, three;
    start({{"nats", nats_at({one.port(), two.port(), three.port()})}});
    ASSERT_TRUE(eventually([&] { return anybody_is_asked({&one, &two, &three}); }));
    expect_end_by(signal);
  }
}

TEST_F(StartSignals, EndANodeOfAClusterWhileNoNatsServerAnswers) {
  const net::silent_listener one, two, three;
  start({{"nats", nats_at({one.port(), two.port(), three.port()})},
         {"cluster",
          {{"name", "c"},
           {"snapshot", files.path_of("snapshot")},
           {"node", {{"name", "n"}, {"host", "127.0.0.1"}, {"port", free_port()}}}}}});
  ASSERT_TRUE(eventually([&] { return anybody_is_asked({&one, &two, &three}); }));
  expect_end_by(SIGTERM);
  EXPECT_FALSE(std::filesystem::exists(files.path_of("snapshot")));
}

TEST_F(StartSignals, EndItWhileTheUaaOrTheRoutingApiSaysNothing) {
  const net::test_certificates certificates;
  net::routing_api_server api{certificates};
  api.begin_at_the_root();
  const nats_server nats;
  for (const auto* who : {"oauth", "routing_api"}) {
    const net::silent_listener silent;
    auto settings = asking(api, certificates, files);
    settings["nats"] = nats_at({nats.port()});
    settings[who]["port"] = silent.port();
    start(settings);
    ASSERT_TRUE(silent.await_connection()) << who;
    expect_end_by(SIGTERM);
  }
}

TEST_F(StartSignals, EndItWhileTheServerOfTheAccessLogTakesNoConnection) {
  const nats_server nats;
  const stuck_port stuck;
  start({{"nats", nats_at({nats.port()})},
         {"access_log", {{"enable_streaming", true}}},
         {"logging", {{"syslog", "vcap.gorouter"}, {"syslog_network", "tcp"}, {"syslog_addr", stuck.address()}}}});
  ASSERT_TRUE(eventually([&] { return stuck.is_being_dialled(); }));
  expect_end_by(SIGTERM);
}

TEST_F(StartSignals, ThatDoNotEndItDoNotDisturbTheStart) {
  const net::test_certificates certificates;
  net::routing_api_server api{certificates};
  api.begin_at_the_root();
  api.prepare("token", {{"status", 500}});
  const nats_server nats;
  auto settings = asking(api, certificates, files);
  settings["nats"] = nats_at({nats.port()});
  settings["token_fetcher_max_retries"] = 3;
  settings["token_fetcher_retry_interval"] = "2s";
  settings["start_response_delay_interval"] = "0s";
  auto& process = start(settings);
  ASSERT_TRUE(api.await("token", 1));
  process.signal(SIGUSR2);
  process.signal(SIGHUP);
  EXPECT_TRUE(process.wait_for_output("gorouter.started"));
  EXPECT_TRUE(process.wait_for_output("configuration-reloaded")) << "it was told before there was anything to reload";
  expect_end_by(SIGTERM);
}

} // namespace
} // namespace shunt::test
