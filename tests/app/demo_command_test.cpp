// The demo backend as a process: its options, its signals, its exit codes.
#include "tests/app/nats_fixture.hpp"

#include <csignal>

namespace shunt::test {
namespace {

std::vector<std::string> command(std::vector<std::string> options) {
  options.insert(options.begin(), {SHUNT_DEMO_PROGRAM, "demo", "backend"});
  return options;
}

struct bad_command {
  const char* name;
  std::vector<std::string> options;
  std::string says;
};

void PrintTo(const bad_command& bad, std::ostream* out) {
  *out << bad.name;
}

class DemoCommand : public NatsFixture {};
class BadDemoCommand : public testing::TestWithParam<bad_command> {};

TEST_F(DemoCommand, UnregistersAndExitsWithZeroOnEitherSignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    child backend{command({"--name", "blue", "--nats", url(), "--route", "blue.localhost"})};
    ASSERT_TRUE(backend.wait_for_output("blue: listening on port ", patience)) << backend.output();
    const auto registered = next_registration();
    backend.signal(signal);
    EXPECT_EQ(next_unregistration().body["port"], registered.body["port"]);
    EXPECT_EQ(backend.wait_for_exit(patience), 0) << backend.output();
  }
}

TEST_F(DemoCommand, RegistersEveryRouteItIsGiven) {
  child backend{command({"--nats", url(), "--route", "a.localhost", "--route", "b.localhost/v2"})};
  EXPECT_EQ(next_registration().body["uris"], (nlohmann::json{"a.localhost", "b.localhost/v2"}));
}

TEST_F(DemoCommand, BeatsAtTheIntervalGivenOnTheCommandLine) {
  child backend{command({"--nats", url(), "--route", "a.localhost", "--heartbeat", "20ms"})};
  for (int beat = 0; beat < 5; ++beat) // Without the option the second comes after 20 seconds.
    ASSERT_FALSE(next_registration().body.is_null()) << beat;
}

TEST_P(BadDemoCommand, IsRefusedWithTheReason) {
  child backend{command(GetParam().options)};
  const auto code = backend.wait_for_exit(patience);
  ASSERT_TRUE(code);
  EXPECT_NE(*code, 0);
  EXPECT_NE(backend.output().find(GetParam().says), std::string::npos) << backend.output();
}

INSTANTIATE_TEST_SUITE_P(
  All, BadDemoCommand,
  testing::Values(
    bad_command{"NoRoute", {}, "--route is required"},
    bad_command{"HeartbeatWithoutUnit", {"--route", "a", "--heartbeat", "5"}, "--heartbeat"},
    bad_command{"HeartbeatTooShort", {"--route", "a", "--heartbeat", "1ms"}, "--heartbeat"},
    bad_command{"UnknownOption", {"--route", "a", "--colour", "x"}, "--colour"},
    bad_command{"ListenWithoutPort", {"--route", "a", "--listen", "127.0.0.1"}, "--listen"},
    bad_command{"ListenOnAName", {"--route", "a", "--listen", "localhost:0"}, "--listen"},
    bad_command{"ListenPortTooLarge", {"--route", "a", "--listen", "127.0.0.1:65536"}, "--listen"},
    bad_command{"ListenEverywhere", {"--route", "a", "--listen", "0.0.0.0:0"}, "--listen"},
    bad_command{"NoNats", {"--route", "a", "--nats", "nats://127.0.0.1:1"}, "cannot connect"}),
  [](const auto& each) { return each.param.name; });

} // namespace
} // namespace shunt::test
