// The demo of a cluster, as people start it.
#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/client.hpp"
#include "tests/process/harness/router.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

namespace shunt::test {
namespace {

/// Whose parent is that process: routers, NATS, applications, the route service.
std::set<std::string> children_of(pid_t parent) {
  std::set<std::string> found;
  for (const auto& each : std::filesystem::directory_iterator{"/proc"}) {
    std::ifstream in{each.path() / "status"};
    for (std::string line; std::getline(in, line);)
      if (line == "PPid:\t" + std::to_string(parent))
        found.insert(each.path().string());
  }
  return found;
}

std::set<int> ports_of(const std::string& shown) {
  const std::regex link{"http://blue\\.localhost:([0-9]+)/"};
  std::set<int> ports;
  for (std::sregex_iterator at{shown.begin(), shown.end(), link}, end; at != end; ++at)
    ports.insert(std::stoi((*at)[1]));
  return ports;
}

class RunScript : public testing::TestWithParam<int> {};

TEST_P(RunScript, StartsAClusterThatRoutesAlikeAndEndsItWhole) {
  const temporary_directory files;
  setenv("SHUNT_BIN", shunt_executable().c_str(), 0);
  setenv("TMPDIR", files.path_of("").c_str(), 1);
  child_process demo{{SHUNT_RUN_SCRIPT, "--nodes", "3"}, files.path_of("said")};
  const bool runs = demo.wait_for_output("Ctrl-C ends everything.", 6 * step_time);
  unsetenv("TMPDIR");
  ASSERT_TRUE(runs) << demo.output();
  const auto ports = ports_of(demo.output());
  EXPECT_EQ(ports.size(), 3u) << demo.output();
  for (const int port : ports) {
    const auto answer = client{static_cast<std::uint16_t>(port)}.send(get_request("blue.localhost")).response();
    EXPECT_EQ(answer.status, 200) << port;
    EXPECT_EQ(answer.body.find("Hello from blue."), 0u) << answer.body;
  }
  const auto children = children_of(demo.pid());
  EXPECT_EQ(children.size(), 8u) << "NATS, three routers, three applications and a route service";
  demo.signal(GetParam());
  EXPECT_EQ(demo.wait_for_exit(3 * step_time), 0) << demo.output();
  for (const auto& each : children)
    EXPECT_FALSE(std::filesystem::exists(each)) << each;
  for (const auto& each : std::filesystem::directory_iterator{files.path_of("")})
    EXPECT_EQ(each.path().filename(), "said");
}

INSTANTIATE_TEST_SUITE_P(Signals, RunScript, testing::Values(SIGINT, SIGTERM));

} // namespace
} // namespace shunt::test
