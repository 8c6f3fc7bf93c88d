// The store on real files: what survives a crash, a full disk, a broken file, another process, and
// files that are not ours.
#include "cluster/embedded_store.hpp"

#include "tests/net/log_capture.hpp"
#include "tests/process/harness/child_process.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <sstream>

namespace shunt::cluster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using texts = std::map<std::string, std::string>;

document doc(std::string key, std::string text, std::int64_t end = 1'000) {
  return {.key = std::move(key), .text = std::move(text), .expires_at_ms = end};
}

class EmbeddedStore : public testing::Test {
protected:
  void open(const std::string& bucket = "test") {
    store = std::make_unique<embedded_store>(file, bucket, *log.log);
  }
  void reopen() {
    store.reset();
    open();
  }
  texts all() {
    texts found;
    store->load([&](document each) { found.emplace(each.key, each.text); });
    return found;
  }
  /// Why it cannot be opened.
  store_error refusal() {
    try {
      open();
    } catch (const store_error& error) {
      return error;
    }
    ADD_FAILURE() << "it was opened";
    return {store_errc::unavailable, ""};
  }
  /// What another program does with the file.
  void meddle(const char* sql) {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &raw), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(raw, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
    sqlite3_close(raw);
  }
  std::vector<std::string> corrupt_files() {
    std::vector<std::string> found;
    for (const auto& each :
         std::filesystem::directory_iterator{std::filesystem::path{file}.parent_path()})
      if (const auto name = each.path().filename().string(); name.starts_with("test.db.corrupt-")
                                                             && !name.ends_with("-wal")
                                                             && !name.ends_with("-shm"))
        found.push_back(each.path());
    return found;
  }

  test::temporary_directory files;
  std::string file = files.path_of("test.db");
  net::log_capture log;
  std::unique_ptr<embedded_store> store;
};

// -- Documents

TEST_F(EmbeddedStore, KeepsWhatWasPutAndForgetsWhatWasRemoved) {
  open();
  store->apply({.put = {doc("a", "1"), doc("b", "2"), doc("c", "3")}});
  store->apply({.put = {doc("a", "4", 7)}, .removed = {"b", "never there"}});
  EXPECT_THAT(all(), ElementsAre(Pair("a", "4"), Pair("c", "3")));
  reopen();
  EXPECT_THAT(all(), ElementsAre(Pair("a", "4"), Pair("c", "3")));
  store->load(
    [](const document& each) { EXPECT_EQ(each.expires_at_ms, each.key == "a" ? 7 : 1'000); });
}

TEST_F(EmbeddedStore, KeepsAnyBytesOfAText) {
  open();
  const std::string odd{"a\0'\"\n\xc3\xa9", 7};
  store->apply({.put = {doc("k'--", odd)}});
  EXPECT_THAT(all(), ElementsAre(Pair("k'--", odd)));
}

TEST_F(EmbeddedStore, RemovesWhatHasEnded) {
  open();
  store->apply({.put = {doc("a", "", 10), doc("b", "", 11), doc("c", "", 12)}});
  EXPECT_EQ(store->remove_expired(11), 2u);
  EXPECT_THAT(all(), ElementsAre(Pair("c", "")));
  EXPECT_EQ(store->remove_expired(11), 0u);
}

TEST_F(EmbeddedStore, ReplacesEverything) {
  open();
  store->apply({.put = {doc("a", "1"), doc("b", "2")}});
  store->apply({.replace_all = true, .put = {doc("b", "3")}});
  EXPECT_THAT(all(), ElementsAre(Pair("b", "3")));
}

TEST_F(EmbeddedStore, KeepsBucketsApart) {
  open("one");
  store->apply({.put = {doc("a", "1")}});
  open("two");
  EXPECT_THAT(all(), IsEmpty());
  store->apply({.replace_all = true, .put = {doc("a", "2")}});
  EXPECT_EQ(store->remove_expired(999), 0u);
  open("one");
  EXPECT_THAT(all(), ElementsAre(Pair("a", "1")));
}

TEST_F(EmbeddedStore, IsItsOwnersAlone) {
  open();
  store->apply({.put = {doc("a", "1")}});
  for (const auto* suffix : {"", "-wal"}) {
    struct stat found {};
    ASSERT_EQ(::stat((file + suffix).c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u) << suffix;
  }
  store.reset();
  ::chmod(file.c_str(), 0644);
  open();
  struct stat found {};
  ASSERT_EQ(::stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600u);
}

// -- Crashes and other processes

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);)
    if (!in.eof()) // Not one that was cut.
      lines.push_back(line);
  return lines;
}

TEST_F(EmbeddedStore, HasEverythingThatItSaidWasWrittenAfterACrash) {
  test::child_process writer{{SHUNT_STORE_WRITER, file, "w", "1000000"}, files.path_of("out")};
  ASSERT_TRUE(writer.wait_for_output("w/40\n"));
  writer.signal(SIGKILL);
  ASSERT_TRUE(writer.wait_for_exit());
  open();
  const auto found = all();
  const auto said = lines_of(writer.output());
  EXPECT_GE(said.size(), 41u);
  for (const auto& key : said)
    EXPECT_TRUE(found.contains(key)) << key;
  EXPECT_LE(found.size(), said.size() + 1) << "but for the one it was about to name";
  EXPECT_THAT(corrupt_files(), IsEmpty());
}

TEST_F(EmbeddedStore, HasATransactionWhollyOrNotAtAllInACopyMadeInTheMiddle) {
  open();
  for (int round = 0; round < 20; ++round) {
    document_changes both;
    for (int i = 0; i < 50; ++i)
      both.put.push_back(doc("k" + std::to_string(i), std::to_string(round)));
    store->apply(both);
    // The machine dies here: what is in the files is all there is, and the end of the log may be
    // cut.
    const auto copy = files.path_of("copy.db");
    std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(file + "-wal", copy + "-wal",
                               std::filesystem::copy_options::overwrite_existing);
    const auto wal = std::filesystem::file_size(copy + "-wal");
    std::filesystem::resize_file(copy + "-wal",
                                 wal - static_cast<std::uintmax_t>(round) * 137 % wal);
    embedded_store after{copy, "test", *log.log};
    std::map<std::string, int> seen;
    after.load([&](const document& each) { ++seen[each.text]; });
    ASSERT_LE(seen.size(), 1u) << round;
    if (!seen.empty()) {
      EXPECT_EQ(seen.begin()->second, 50);
    }
    EXPECT_TRUE(round > 0 || seen.contains("0"));
  }
  EXPECT_THAT(log.lines("store-corrupt"), IsEmpty());
}

TEST_F(EmbeddedStore, IsSharedByProcessesThatBeginItAtOnce) {
  constexpr int count = 60;
  std::vector<std::unique_ptr<test::child_process>> writers;
  for (const auto* name : {"a", "b", "c"})
    writers.push_back(std::make_unique<test::child_process>(
      std::vector<std::string>{SHUNT_STORE_WRITER, file, name, std::to_string(count)},
      files.path_of(name)));
  for (auto& each : writers)
    EXPECT_EQ(each->wait_for_exit(std::chrono::seconds{30}), 0) << each->output();
  open();
  EXPECT_THAT(all(), SizeIs(3 * count));
  EXPECT_THAT(corrupt_files(), IsEmpty());
}

// -- Disks that refuse

/// No file may grow beyond so many bytes, as on a disk that is full.
class full_disk {
public:
  explicit full_disk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~full_disk() { setrlimit(RLIMIT_FSIZE, &before_); }

private:
  rlimit before_{};
};

TEST_F(EmbeddedStore, SaysThatTheDiskIsFullAndGoesOnWhenThereIsRoom) {
  open();
  store->apply({.put = {doc("a", "before")}});
  document_changes large;
  for (int i = 0; i < 100; ++i)
    large.put.push_back(doc("large" + std::to_string(i), std::string(10'000, 'x')));
  large.removed = {"a"};
  {
    const full_disk none{200'000};
    try {
      store->apply(large);
      ADD_FAILURE() << "there was room";
    } catch (const store_error& error) {
      EXPECT_EQ(error.code(), store_errc::unavailable);
      EXPECT_THAT(error.what(), HasSubstr(file));
      EXPECT_THAT(error.what(), HasSubstr("SQLite"));
    }
    EXPECT_THAT(all(), ElementsAre(Pair("a", "before"))) << "all or nothing";
  }
  store->apply(large);
  EXPECT_THAT(all(), SizeIs(100));
  reopen();
  EXPECT_THAT(all(), SizeIs(100));
}

TEST_F(EmbeddedStore, SaysWhyAFileCannotBeMade) {
  file = files.path_of("missing/test.db");
  const auto error = refusal();
  EXPECT_EQ(error.code(), store_errc::unavailable);
  EXPECT_THAT(error.what(), HasSubstr(file));
  EXPECT_THAT(error.what(), HasSubstr("No such file"));
}

TEST_F(EmbeddedStore, SaysWhyItMayNotWriteThere) {
  open();
  store.reset();
  const test::temporary_directory elsewhere;
  const auto directory = std::filesystem::path{file}.parent_path();
  ::chmod(directory.c_str(), 0555);
  test::child_process other{{SHUNT_STORE_WRITER, file, "as-nobody"}, elsewhere.path_of("out")};
  EXPECT_EQ(other.wait_for_exit(), 1);
  ::chmod(directory.c_str(), 0755);
  EXPECT_THAT(other.output(), HasSubstr(file));
}

TEST_F(EmbeddedStore, DoesNotWaitForEverForSomebodyWhoHoldsTheFile) {
  open();
  store->apply({.put = {doc("a", "1")}});
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  try {
    store->apply({.put = {doc("b", "2")}});
    ADD_FAILURE() << "two wrote at once";
  } catch (const store_error& error) {
    EXPECT_EQ(error.code(), store_errc::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("locked"));
  }
  sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  store->apply({.put = {doc("b", "2")}});
  EXPECT_THAT(all(), SizeIs(2));
}

// -- Files that are broken, or not ours

TEST_F(EmbeddedStore, MovesAFileAsideThatIsNoDatabase) {
  test::write_file(file, std::string(5'000, '#'));
  open();
  EXPECT_THAT(all(), IsEmpty());
  const auto aside = corrupt_files();
  ASSERT_THAT(aside, SizeIs(1));
  EXPECT_EQ(test::read_file(aside[0]), std::string(5'000, '#'));
  const auto lines = log.lines("store-corrupt");
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["data"]["file"], file);
  EXPECT_EQ(lines[0]["data"]["moved_to"], aside[0]);
  store->apply({.put = {doc("a", "1")}});
  reopen();
  EXPECT_THAT(all(), SizeIs(1));
  EXPECT_THAT(corrupt_files(), SizeIs(1));
}

TEST_F(EmbeddedStore, MovesADatabaseAsideThatIsBrokenInside) {
  open();
  document_changes some;
  for (int i = 0; i < 200; ++i)
    some.put.push_back(doc("k" + std::to_string(i), std::string(1'000, 'x')));
  store->apply(some);
  store.reset(); // The log is in the file now.
  auto bytes = test::read_file(file);
  ASSERT_GT(bytes.size(), 100'000u);
  for (std::size_t at = 4'096; at < bytes.size(); at += 4'096)
    bytes.replace(at, 64, std::string(64, '\xff')); // The head of each page but the first.
  test::write_file(file, bytes);
  open();
  EXPECT_THAT(all(), IsEmpty());
  EXPECT_THAT(corrupt_files(), SizeIs(1));
}

TEST_F(EmbeddedStore, MovesAsideOneAfterTheOther) {
  for (std::size_t times = 1; times < 4; ++times) {
    store.reset();
    std::filesystem::remove(file + "-wal");
    test::write_file(file, "no database at all");
    open();
    EXPECT_THAT(corrupt_files(), SizeIs(times));
  }
}

TEST_F(EmbeddedStore, LeavesAFileOfANewerVersionAsItIs) {
  open();
  store->apply({.put = {doc("a", "1")}});
  store.reset();
  meddle("PRAGMA user_version=2");
  const auto before = test::read_file(file);
  const auto error = refusal();
  EXPECT_EQ(error.code(), store_errc::not_ours);
  EXPECT_THAT(error.what(), HasSubstr("newer version"));
  EXPECT_EQ(test::read_file(file), before);
  EXPECT_THAT(corrupt_files(), IsEmpty());
}

TEST_F(EmbeddedStore, LeavesADatabaseOfAnotherProgramAsItIs) {
  meddle("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(7)");
  const auto before = test::read_file(file);
  EXPECT_EQ(refusal().code(), store_errc::not_ours);
  EXPECT_EQ(test::read_file(file), before);
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_EQ(refusal().code(), store_errc::not_ours);
}

TEST_F(EmbeddedStore, BeginsAnEmptyFile) {
  test::write_file(file, "");
  open();
  store->apply({.put = {doc("a", "1")}});
  EXPECT_THAT(all(), SizeIs(1));
  EXPECT_THAT(corrupt_files(), IsEmpty());
}

} // namespace
} // namespace shunt::cluster
