// Log sinks and what waits in them, against real files and a full disk.
#include "net/log_sink.hpp"

#include "net/log_sink.waiting.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

namespace shunt::net {
namespace {

using namespace std::literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// What a sink reported: "message: error".
class reports {
public:
  log_trouble callback() {
    return [this](std::string_view message, std::string_view error) {
      all.push_back(std::string{message} + ": " + std::string{error});
    };
  }

  std::vector<std::string> all;
};

// -- What waits

TEST(WaitingLines, TakesWholeLinesOnly) {
  waiting_lines waiting{11};
  EXPECT_EQ(waiting.add("one\ntwo\n"), 0u);
  EXPECT_EQ(waiting.add("three\n\nx\n"), 1u); // "three" has no room, the two others have.
  EXPECT_EQ(waiting.unsent(), "one\ntwo\n\nx\n");
}

TEST(WaitingLines, TakesALineThatIsLongerThanItsBoundIfItIsAlone) {
  waiting_lines waiting{4};
  EXPECT_EQ(waiting.add("a long line\n"), 0u);
  EXPECT_EQ(waiting.add("b\n"), 1u);
  waiting.sent(waiting.unsent().size());
  EXPECT_TRUE(waiting.empty());
  EXPECT_EQ(waiting.add("b\n"), 0u);
}

TEST(WaitingLines, StartsAPartlySentLineOver) {
  waiting_lines waiting{100};
  waiting.add("one\ntwo\nthree\n");
  waiting.sent(6);
  EXPECT_EQ(waiting.unsent(), "o\nthree\n");
  waiting.start_line_over();
  EXPECT_EQ(waiting.unsent(), "two\nthree\n");
  waiting.sent(4);
  waiting.start_line_over();
  EXPECT_EQ(waiting.unsent(), "three\n");
}

TEST(WaitingLines, KeepsItsPlaceHoweverLinesLeave) {
  waiting_lines waiting{64};
  std::string in, out;
  for (int i = 0; i < 1000; ++i) {
    const auto line = "line " + std::to_string(i) + "\n";
    ASSERT_EQ(waiting.add(line), 0u);
    in += line;
    const auto leaves = waiting.unsent().substr(0, 7 + i % 5);
    out += leaves;
    waiting.sent(leaves.size());
  }
  out += waiting.unsent();
  EXPECT_EQ(out, in);
}

// -- Files

class FileSink : public testing::Test {
protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "log_sink_XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
    path = directory / "access.log";
  }
  void TearDown() override { std::filesystem::remove_all(directory); }

  std::shared_ptr<log_sink> open(std::size_t waiting_bytes_max = 1024) {
    return open_file_sink({path, waiting_bytes_max}, trouble.callback());
  }
  static std::string content(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  std::filesystem::path directory, path;
  reports trouble;
};

/// While it lives no file grows beyond that: a disk that is nearly full.
class file_size_limit {
public:
  explicit file_size_limit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~file_size_limit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

private:
  rlimit before_{};
};

TEST_F(FileSink, AppendsAndCreatesWithMode0644) {
  const auto umask_before = ::umask(0);
  open()->write("one\n");
  ::umask(umask_before);
  open()->write("two\nthree\n");
  EXPECT_EQ(content(path), "one\ntwo\nthree\n");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
}

TEST_F(FileSink, ThrowsIfTheFileCannotBeOpened) {
  path = directory / "missing" / "access.log";
  EXPECT_THROW(open(), std::system_error);
}

TEST_F(FileSink, GoesOnInANewFileAfterRotation) {
  const auto sink = open();
  sink->write("old\n");
  std::filesystem::rename(path, directory / "access.log.1");
  sink->write("still old\n");
  sink->reopen();
  sink->write("new\n");
  EXPECT_EQ(content(directory / "access.log.1"), "old\nstill old\n");
  EXPECT_EQ(content(path), "new\n");
  EXPECT_THAT(trouble.all, IsEmpty());
}

TEST_F(FileSink, KeepsTheOldFileIfTheNewOneCannotBeOpened) {
  const auto sink = open();
  const auto moved = directory / "moved";
  std::filesystem::rename(path, moved);
  std::filesystem::create_directory(path);
  sink->reopen();
  sink->write("line\n");
  EXPECT_EQ(content(moved), "line\n");
  EXPECT_THAT(trouble.all, ElementsAre(HasSubstr("access-log-reopen-failed: " + path.string())));
}

TEST_F(FileSink, ReportsAFullDiskOnceAndCountsWhatItLoses) {
  path = "/dev/full";
  const auto sink = open(10);
  sink->write("one\ntwo\n");
  EXPECT_TRUE(sink->tend());
  EXPECT_EQ(sink->dropped(), 0u);
  sink->write("three\nfour\n");
  EXPECT_FALSE(sink->flush(0ms));
  EXPECT_EQ(sink->dropped(), 2u);
  EXPECT_THAT(trouble.all, ElementsAre("error-emitting-access-log-to-writer-file: /dev/full: "
                                       "No space left on device"));
}

TEST_F(FileSink, WritesWhatWaitedOnceThereIsSpace) {
  std::filesystem::create_symlink("/dev/full", path);
  const auto sink = open(10);
  sink->write("one\ntwo\n");
  sink->write("three\n");
  std::filesystem::remove(path);
  sink->reopen();
  EXPECT_EQ(content(path), "one\ntwo\n");
  EXPECT_FALSE(sink->tend());
  EXPECT_THAT(trouble.all,
              ElementsAre(HasSubstr("No space left"), HasSubstr("works again, 1 lines were lost")));
  sink->write("four\n");
  EXPECT_EQ(content(path), "one\ntwo\nfour\n");
}

TEST_F(FileSink, CompletesALineThatWasCutShort) {
  const auto sink = open();
  {
    const file_size_limit limit{7};
    sink->write("aaaa\nbbbb\n");
    EXPECT_EQ(content(path), "aaaa\nbb");
    sink->write("cccc\n");
  }
  EXPECT_FALSE(sink->tend());
  EXPECT_EQ(content(path), "aaaa\nbbbb\ncccc\n");
  EXPECT_THAT(trouble.all, SizeIs(1));
  EXPECT_EQ(sink->dropped(), 0u);
}

TEST_F(FileSink, StartsALineOverIfTheFileChangesInItsMiddle) {
  const auto sink = open();
  {
    const file_size_limit limit{7};
    sink->write("aaaa\nbbbb\n");
    std::filesystem::rename(path, directory / "access.log.1");
    sink->reopen();
  }
  EXPECT_EQ(content(directory / "access.log.1"), "aaaa\nbb");
  EXPECT_EQ(content(path), "bbbb\n");
}

} // namespace
} // namespace shunt::net
