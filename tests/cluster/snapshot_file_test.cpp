// The file of slices: what was written is read, and anything else is refused by name.
#include "cluster/snapshot_file.hpp"

#include "tests/process/harness/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace shunt::cluster {
namespace {

using namespace std::chrono_literals;

routing::told_host host(const std::string& name, std::uint16_t port) {
  routing::endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = port;
  spec.app = "an-app";
  routing::told_host told{.host = name};
  auto& path = told.paths.emplace_back();
  path.members.push_back({routing::endpoint::make(spec), {}, 3s, false});
  path.ended.push_back({"10.0.0.9:80", 5s});
  return told;
}

class SnapshotFile : public testing::Test {
protected:
  void write(std::size_t hosts = 3, bool hurried = false) {
    snapshot_writer to{path, of, hurried};
    for (std::size_t shard : {0, 5}) {
      to.begin_shard(shard);
      for (std::size_t i = 0; i < hosts; ++i)
        to.add({host(std::to_string(i) + ".shard" + std::to_string(shard) + ".com", 80)});
      to.end_shard();
    }
    to.finish(1234);
  }
  std::string bytes() const {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  void overwrite(const std::string& with) const {
    std::ofstream{path, std::ios::binary | std::ios::trunc} << with;
  }
  static std::vector<routing::told_host> read(const std::shared_ptr<snapshot_file>& file,
                                              std::size_t shard) {
    return file->section_of(shard).read(1'000);
  }
  /// Whether anything of it is refused.
  bool is_refused() const {
    try {
      const auto file = snapshot_file::open(path, of);
      for (std::size_t i = 0; i < of.shards; ++i)
        read(file, i);
      return false;
    } catch (const snapshot_error&) {
      return true;
    }
  }

  test::temporary_directory files;
  std::string path = files.path_of("routes.snapshot");
  snapshot_identity of{"prod", 8};
};

TEST_F(SnapshotFile, IsReadAsItWasWritten) {
  write();
  const auto file = snapshot_file::open(path, of);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->unix_ms(), 1234);
  EXPECT_FALSE(file->has(1));
  EXPECT_TRUE(read(file, 1).empty());
  EXPECT_EQ(read(file, 5).size(), 3u);
  const auto host = file->section_of(5).find("2.shard5.com");
  ASSERT_TRUE(host);
  EXPECT_EQ(host->host, "2.shard5.com");
  EXPECT_EQ(host->paths.at(0).members.at(0).target->address(), "10.0.0.1:80");
  EXPECT_EQ(host->paths.at(0).members.at(0).age, 3s);
  EXPECT_EQ(host->paths.at(0).ended.at(0).age, 5s);
}

TEST_F(SnapshotFile, GivesEachHostOnceHoweverItIsAskedFor) {
  {
    snapshot_writer to{path, of};
    to.begin_shard(0);
    to.add({host("a.com", 80), host("*.b.com", 80), host("c.com", 80), host("*.d.com", 80)});
    to.end_shard();
    to.finish(1234);
  }
  auto section = snapshot_file::open(path, of)->section_of(0);
  EXPECT_FALSE(section.find("b.com"));
  EXPECT_TRUE(section.find("c.com"));
  EXPECT_FALSE(section.find("c.com"));
  EXPECT_TRUE(section.find("*.d.com"));
  const auto wildcards = section.wildcards();
  ASSERT_EQ(wildcards.size(), 1u);
  EXPECT_EQ(wildcards[0].host, "*.b.com");
  EXPECT_TRUE(section.wildcards().empty());
  const auto rest = section.read(10);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].host, "a.com");
  EXPECT_TRUE(section.read(10).empty());
}

TEST_F(SnapshotFile, IsReadInPieces) {
  write(7);
  auto section = snapshot_file::open(path, of)->section_of(5);
  EXPECT_EQ(section.read(4).size(), 4u);
  EXPECT_EQ(section.read(4).size(), 3u);
  EXPECT_TRUE(section.read(4).empty());
}

TEST_F(SnapshotFile, IsNotThereAtTheFirstStart) {
  EXPECT_EQ(snapshot_file::open(path, of), nullptr);
}

TEST_F(SnapshotFile, TakesThePlaceOfTheOldOneOnlyWhenItIsWhole) {
  write(3);
  {
    snapshot_writer half{path, of};
    half.begin_shard(0);
    half.add({host("half.com", 80)});
  }
  EXPECT_EQ(read(snapshot_file::open(path, of), 0).size(), 3u);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST_F(SnapshotFile, StaysReadableWhenAnotherTakesItsPlace) {
  write(3);
  const auto old = snapshot_file::open(path, of);
  write(7);
  EXPECT_EQ(read(old, 0).size(), 3u);
  EXPECT_EQ(read(snapshot_file::open(path, of), 0).size(), 7u);
}

TEST_F(SnapshotFile, IsDamagedAndNoDangerWhenItIsCutOffWhileItIsRead) {
  write(100);
  const auto file = snapshot_file::open(path, of);
  auto section = file->section_of(0);
  std::filesystem::resize_file(path, 16);
  EXPECT_THROW(section.read(1'000), snapshot_error);
  EXPECT_THROW(file->section_of(5), snapshot_error);
}

TEST_F(SnapshotFile, IsKeptAsideForWhenTheNextOneTakesItsPlace) {
  write(3);
  const auto old = snapshot_file::open(path, of);
  EXPECT_EQ(old->keep_aside(), path + ".set-aside");
  EXPECT_EQ(read(snapshot_file::open(path, of), 0).size(), 3u) << "it stays in use";
  write(7);
  EXPECT_EQ(old->keep_aside(), path + ".set-aside") << "it still is";
  EXPECT_EQ(read(snapshot_file::open(path, of), 0).size(), 7u);
  EXPECT_EQ(read(snapshot_file::open(path + ".set-aside", of), 0).size(), 3u);
}

TEST_F(SnapshotFile, LeavesWhatIsAsideWhenTheNextOneHasTakenItsPlace) {
  write(3);
  const auto first = snapshot_file::open(path, of);
  first->keep_aside();
  write(5);
  const auto second = snapshot_file::open(path, of);
  write(7);
  std::filesystem::remove(previous_of(path));
  EXPECT_EQ(second->keep_aside(), "");
  EXPECT_EQ(read(snapshot_file::open(path + ".set-aside", of), 0).size(), 3u);
  EXPECT_EQ(read(snapshot_file::open(path, of), 0).size(), 7u);
}

TEST_F(SnapshotFile, LeavesTheOldOneUntilTheDiskHasAnother) {
  write(3);
  write(4, true);
  EXPECT_EQ(read(snapshot_file::open(path, of), 0).size(), 4u);
  EXPECT_EQ(read(snapshot_file::open(previous_of(path), of), 0).size(), 3u);
  write(5, true);
  EXPECT_EQ(read(snapshot_file::open(previous_of(path), of), 0).size(), 3u) << "which the disk has for sure";
  write(6);
  EXPECT_FALSE(std::filesystem::exists(previous_of(path)));
}

TEST_F(SnapshotFile, OfAnotherClusterIsRefused) {
  write();
  EXPECT_THROW(snapshot_file::open(path, {"other", 8}), snapshot_error);
  EXPECT_THROW(snapshot_file::open(path, {"prod", 16}), snapshot_error);
}

TEST_F(SnapshotFile, IsRefusedWhereverItIsCutOff) {
  write(2);
  const auto whole = bytes();
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    overwrite(whole.substr(0, size));
    ASSERT_TRUE(is_refused()) << size;
  }
}

TEST_F(SnapshotFile, IsRefusedWhereverAByteIsWrong) {
  write(2);
  const auto whole = bytes();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ 0x41);
    overwrite(broken);
    ASSERT_TRUE(is_refused()) << at;
  }
}

TEST_F(SnapshotFile, SaysWhereItCannotBeWritten) {
  try {
    snapshot_writer{files.path_of("no/such/directory"), of};
    FAIL();
  } catch (const snapshot_error& failed) {
    EXPECT_NE(std::string{failed.what()}.find("no/such/directory"), std::string::npos);
  }
}

} // namespace
} // namespace shunt::cluster
