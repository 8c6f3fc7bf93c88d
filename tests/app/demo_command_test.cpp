// The demo's programs as processes: their options, their signals, their exit codes.
#include "tests/app/nats_fixture.hpp"

#include <csignal>

namespace shunt::test {
namespace {

std::vector<std::string> command(std::vector<std::string> options, const char* program = "backend") {
  options.insert(options.begin(), {SHUNT_DEMO_PROGRAM, "demo", program});
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
class BadRouteServiceCommand : public testing::TestWithParam<bad_command> {};

void expect_refusal(const std::vector<std::string>& argv, const std::string& says) {
  child program{argv};
  const auto code = program.wait_for_exit(patience);
  ASSERT_TRUE(code);
  EXPECT_NE(*code, 0);
  EXPECT_NE(program.output().find(says), std::string::npos) << program.output();
}

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

TEST_F(DemoCommand, BindsItsRoutesToARouteServiceIfItIsTold) {
  child backend{command({"--nats", url(), "--route", "a.localhost", "--route-service", "https://s.localhost/"})};
  EXPECT_EQ(next_registration().body["route_service_url"], "https://s.localhost/");
}

TEST(RouteServiceCommand, ExitsWithZeroOnEitherSignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    child service{command({}, "route-service")};
    ASSERT_TRUE(service.wait_for_output("route-service: listening on port ", patience)) << service.output();
    service.signal(signal);
    EXPECT_EQ(service.wait_for_exit(patience), 0) << service.output();
  }
}

TEST(RouteServiceCommand, ExplainsHowARequestMayGiveOrders) {
  child service{command({"--help"}, "route-service")};
  EXPECT_EQ(service.wait_for_exit(patience), 0);
  for (const auto* text : {"--reject", "--rewrite", "--die", "X-Demo-Delay"})
    EXPECT_NE(service.output().find(text), std::string::npos) << text;
}

TEST_P(BadDemoCommand, IsRefusedWithTheReason) {
  expect_refusal(command(GetParam().options), GetParam().says);
}

TEST_P(BadRouteServiceCommand, IsRefusedWithTheReason) {
  expect_refusal(command(GetParam().options, "route-service"), GetParam().says);
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

INSTANTIATE_TEST_SUITE_P(
  All, BadRouteServiceCommand,
  testing::Values(
    bad_command{"CertWithoutKey", {"--cert", "a.pem"}, "--key"},
    bad_command{"KeyWithoutCert", {"--key", "a.pem"}, "--cert"},
    bad_command{"NoCert", {"--cert", "/no/such.pem", "--key", "/no/such.key"}, "--cert: /no/such.pem"},
    bad_command{"RouterWithoutPort", {"--router", "127.0.0.1"}, "--router: not HOST:PORT: 127.0.0.1"},
    bad_command{"RouterAsUrl", {"--router", "http://127.0.0.1:80"}, "--router"},
    bad_command{"ListenOnAName", {"--listen", "localhost:0"}, "--listen"},
    bad_command{"RejectWithSuccess", {"--reject", "200"}, "--reject: not a status"},
    bad_command{"DelayWithoutUnit", {"--delay", "2"}, "--delay: not a duration"},
    bad_command{"DelayTooLong", {"--delay", "2m"}, "--delay: not a duration"},
    bad_command{"RewriteOfFraming", {"--rewrite", "Content-Length: 1"}, "--rewrite: not NAME: VALUE"},
    bad_command{"UnknownOption", {"--sing"}, "--sing"}),
  [](const auto& each) { return each.param.name; });

} // namespace
} // namespace shunt::test
