// The documentation and the example files say what the program does.
#include "config/schema.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

namespace shunt::config::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string source_dir = SHUNT_SOURCE_DIR;

/// The rows of the tables of docs/configuration.md, by key.
std::map<std::string, std::string> documented_rows() {
  std::ifstream file{source_dir + "/docs/configuration.md"};
  std::map<std::string, std::string> rows;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("| `"))
      rows.emplace(line.substr(3, line.find('`', 3) - 3), line);
  return rows;
}

/// How a row begins for a key as the schema knows it.
std::string row_start(const field<settings>& row) {
  // Names of suites are one string in the file, whatever they are in the program.
  const auto value = row.path == "cipher_suites" ? "" : row.shown_text(settings{});
  const auto shown_value = value.empty() ? "\u2013" : '`' + value + '`';
  return "| `" + row.path + "` | " + row.type + " | " + shown_value + " | ";
}

TEST(Documentation, ShowsEveryKeyWithItsTypeAndDefault) {
  const auto rows = documented_rows();
  for (const auto& row : settings_schema()) {
    const auto found = rows.find(row.path);
    ASSERT_NE(found, rows.end()) << row.path << " is not documented";
    EXPECT_THAT(found->second, ::testing::StartsWith(row_start(row)));
  }
  EXPECT_EQ(rows.size(), settings_schema().size()) << "a documented key does not exist";
}

TEST(Examples, TheMinimalFileLoadsWithoutAWarning) {
  const auto result = load_file(source_dir + "/config/examples/minimal.yml");
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_EQ(result.settings.nats.hosts, (std::vector<nats_host>{{"127.0.0.1", 4222}}));
}

TEST(Examples, TheClusterFileLoadsWithoutAWarning) {
  const auto result = load_file(source_dir + "/config/examples/cluster.yml");
  EXPECT_THAT(result.warnings, IsEmpty());
  EXPECT_TRUE(result.settings.cluster.enabled());
  EXPECT_EQ(result.settings.cluster.peers.size(), 3u);
}

TEST(Examples, TheDeploymentFileLoads) {
  const auto result = load_file(source_dir + "/config/examples/gorouter-deployment.yml");
  const auto& s = result.settings;
  EXPECT_EQ(s.port, 80);
  EXPECT_EQ(s.trace_key, "22");
  EXPECT_EQ(s.backends.max_conns, 500);
  EXPECT_EQ(s.backend_attempts_max(), 3);
  EXPECT_EQ(s.drain_timeout, 900s);
  EXPECT_EQ(s.start_response_delay_interval, 20s);
  EXPECT_EQ(s.logging.format.timestamp, timestamp_format::rfc3339);
  EXPECT_EQ(s.hop_by_hop_headers_to_filter.size(), 8u);
  EXPECT_TRUE(s.suspend_pruning_if_nats_unavailable);
  EXPECT_TRUE(s.status.tls.active());
  EXPECT_FALSE(s.legacy_empty_pools());
  EXPECT_THAT(result.warnings, IsEmpty()) << "the deployment writes only known keys";
}

} // namespace
} // namespace shunt::config::test
