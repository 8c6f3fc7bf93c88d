// The file with the process id, seen as a second router on the same configuration would treat it.
#include "app/pid_file.hpp"

#include "tests/process/harness/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <optional>
#include <system_error>

namespace shunt::app {
namespace {

class PidFile : public testing::Test {
protected:
  test::temporary_directory files;
  std::string path = files.path_of("router.pid");
};

TEST_F(PidFile, HoldsTheIdAsLongAsTheRouterRuns) {
  std::optional<pid_file> file{std::in_place, path};
  EXPECT_EQ(test::read_file(path), std::to_string(::getpid()) + "\n");
  file.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PidFile, TakesThePlaceOfOneThatWasLeftBehind) {
  test::write_file(path, "1\n");
  const pid_file file{path};
  EXPECT_EQ(test::read_file(path), std::to_string(::getpid()) + "\n");
}

TEST_F(PidFile, IsLeftAloneOnceItTellsOfAnotherProcess) {
  for (const std::string text : {"1\n", "", "nonsense"}) {
    std::optional<pid_file> file{std::in_place, path};
    test::write_file(path, text);
    file.reset();
    EXPECT_EQ(test::read_file(path), text);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
}

TEST_F(PidFile, IsNoneWithoutAPath) {
  EXPECT_NO_THROW(pid_file{""});
}

TEST_F(PidFile, CannotBeWrittenEverywhere) {
  EXPECT_THROW(pid_file{files.path_of("no/such/directory/router.pid")}, std::system_error);
}

} // namespace
} // namespace shunt::app
