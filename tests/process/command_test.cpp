// The command line: what it refuses, how it says so, and that it never starts half-configured.
#include "tests/process/harness/nats_server.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/router.hpp"

#include <gmock/gmock.h>

namespace shunt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Command : public testing::Test {
protected:
  struct outcome {
    std::optional<int> exit_code;
    std::string output;
  };
  outcome run(std::vector<std::string> arguments, milliseconds time = step_time) {
    arguments.insert(arguments.begin(), shunt_executable());
    const auto output = files_.path_of("output-" + std::to_string(++runs_));
    child_process process{arguments, output};
    const auto code = process.wait_for_exit(time);
    return {code, process.output()};
  }
  std::string file(const std::string& yaml) {
    const auto path = files_.path_of("config.yml");
    write_file(path, yaml);
    return path;
  }
  std::string missing_file() const { return files_.path_of("missing.yml"); }

private:
  temporary_directory files_;
  int runs_ = 0;
};

TEST_F(Command, RefusesABadConfigurationAndNamesTheKeyAndTheLine) {
  const auto path = file("port: 8081\n# a comment\nendpoint_timeout: 30\n");
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"-c", path}, {"check", "-c", path}}) {
    const auto [code, output] = run(arguments);
    EXPECT_EQ(code, 1) << output;
    EXPECT_THAT(output, AllOf(HasSubstr("endpoint_timeout"), HasSubstr("config.yml:3")));
  }
}

TEST_F(Command, ReportsEveryProblemOfAFile) {
  const auto [code, output] = run({"check", "-c", file("port: many\nbackends:\n  max_conns: x\n")});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(output, AllOf(HasSubstr("port"), HasSubstr("config.yml:1"),
                            HasSubstr("backends.max_conns"), HasSubstr("config.yml:3")));
}

TEST_F(Command, ShowsWarningsBesideProblems) {
  const auto [code, output] = run({"check", "-c", file("port: many\nendpoint_timout: 30s\n")});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(output, AllOf(HasSubstr("config.yml:1"), HasSubstr("warning: "), HasSubstr("config.yml:2"),
                            HasSubstr("endpoint_timeout")));
}

TEST_F(Command, LogsABadConfigurationAsGorouterDoes) {
  const auto [code, output] = run({"-c", file("balancing_algorithm: best\n")});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(output, AllOf(HasSubstr("Error loading config:"),
                            HasSubstr("Invalid load balancing algorithm best. Allowed values are "
                                      "[round-robin least-connection]")));
}

TEST_F(Command, ChecksAGoodFile) {
  const auto [code, output] = run({"check", "-c", file("port: 8081\n")});
  EXPECT_EQ(code, 0) << output;
}

TEST_F(Command, DoesNotStartWithoutAListener) {
  const auto [code, output] = run({"-c", file("disable_http: true\nenable_ssl: false\nport: 0\n")});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(output, HasSubstr("disable_http: true"));
}

TEST_F(Command, WarnsOfUnknownKeysButAcceptsThem) {
  const auto [code, output] = run({"check", "-c", file("endpoint_timout: 30s\n")});
  EXPECT_EQ(code, 0);
  EXPECT_THAT(output, AllOf(HasSubstr("endpoint_timout"), HasSubstr("endpoint_timeout")));
}

TEST_F(Command, NeedsAFileThatIsThere) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
         {"-c", missing_file()}, {"check", "-c", missing_file()}}) {
    const auto [code, output] = run(arguments);
    EXPECT_EQ(code, 1);
    EXPECT_THAT(output, HasSubstr("missing.yml"));
  }
}

TEST_F(Command, RefusesOptionsThatItDoesNotKnow) {
  const auto [code, output] = run({"--no-such-option"});
  EXPECT_NE(code, 0);
  EXPECT_NE(code, std::nullopt);
  EXPECT_THAT(output, HasSubstr("--no-such-option"));
}

TEST_F(Command, ExplainsItself) {
  const auto [code, output] = run({"--help"});
  EXPECT_EQ(code, 0);
  EXPECT_THAT(output, AllOf(HasSubstr("-c"), HasSubstr("check")));
}

TEST_F(Command, EndsWhenNatsCannotBeReached) {
  const refusing_port nowhere;
  const auto [code, output] =
    run({"-c", file("port: 0\nstatus: {port: 0, routes: {port: 0}}\nnats:\n  hosts:\n"
                    "  - {hostname: 127.0.0.1, port: "
                    + std::to_string(nowhere.port()) + "}\n")});
  EXPECT_EQ(code, 1) << output;
  EXPECT_THAT(output, HasSubstr("nats-connection-error"));
}

TEST_F(Command, EndsWhenAPortIsTaken) {
  const nats_server nats;
  const std::string nats_hosts =
    "nats: {hosts: [{hostname: 127.0.0.1, port: " + std::to_string(nats.port())
    + "}]}\n"
      "start_response_delay_interval: 0s\n";
  const router other{nats.port()}; // Listens with SO_REUSEPORT, which must not let a second one in.
  const auto port = std::to_string(other.port());
  const auto status = std::to_string(other.status_port());
  const auto routes = std::to_string(other.routes_port());
  for (const auto& ports : {"port: " + port + "\nstatus: {port: 0, routes: {port: 0}}\n",
                            "port: 0\nstatus: {port: " + status + ", routes: {port: 0}}\n",
                            "port: 0\nstatus: {port: 0, routes: {port: " + routes + "}}\n"}) {
    const auto [code, output] = run({"-c", file(nats_hosts + ports)});
    EXPECT_EQ(code, 1) << ports << output;
  }
}

TEST_F(Command, EndsWhenTheAccessLogCannotBeOpened) {
  const nats_server nats;
  const auto [code, output] = run({"-c", file("port: 0\nstatus: {port: 0, routes: {port: 0}}\n"
                                              "access_log: {file: /no/such/directory/access.log}\n"
                                              "nats: {hosts: [{hostname: 127.0.0.1, port: "
                                              + std::to_string(nats.port()) + "}]}\n")});
  EXPECT_EQ(code, 1) << output;
  EXPECT_THAT(output, HasSubstr("/no/such/directory/access.log"));
}

} // namespace
} // namespace shunt::test
