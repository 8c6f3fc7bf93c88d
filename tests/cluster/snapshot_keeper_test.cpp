// What the keeper of snapshots puts into its file, and when.
#include "cluster/snapshot_keeper.hpp"

#include "cluster/snapshot_file.hpp"
#include "tests/cluster/shard_ear.hpp"
#include "tests/net/log_capture.hpp"
#include "tests/process/harness/patience.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <caf/all.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <semaphore>

namespace shunt {
namespace {

using namespace std::chrono_literals;

slice_piece piece_of(const std::vector<std::string>& names) {
  auto hosts = std::make_shared<std::vector<routing::told_host>>();
  for (const auto& name : names) {
    routing::endpoint_spec spec;
    spec.host = "10.0.0.1";
    spec.port = 80;
    routing::told_host host{.host = name};
    host.paths.emplace_back().members.push_back({routing::endpoint::make(spec), {}, 0s, false});
    hosts->push_back(std::move(host));
  }
  return {std::move(hosts)};
}

class SnapshotKeeper : public testing::Test {
protected:
  ~SnapshotKeeper() override {
    caf::anon_send_exit(shard, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(keeper, caf::exit_reason::user_shutdown);
  }

  /// What the shard finds in the file.
  std::vector<routing::told_host> restored(const std::string& path) {
    shard = spawn_ear(system, ear);
    keeper = spawn_snapshot_keeper(system, {shard}, {.path = path, .cluster = "test"}, *log.log, counted);
    caf::scoped_actor self{system};
    self->request(shard, 10s, tell_slice{}).receive([](const slice_piece&) {}, [](const caf::error&) {});
    return ear->with([](shard_ear& all) { return all.restored.at(0).from->read(10); });
  }

  test::temporary_directory files; // These outlive the actors.
  net::log_capture log;
  snapshot_counters counted;
  two_threads how;
  caf::actor_system system{how};
  std::shared_ptr<shard_ear> ear = std::make_shared<shard_ear>();
  route_shard_actor shard;
  snapshot_keeper_actor keeper;
};

TEST_F(SnapshotKeeper, LeavesNothingOutThatIsKnownWhenItIsToldToWrite) {
  std::binary_semaphore asked{0}, goes_on{0};
  std::atomic<int> times{0};
  ear->tell = [&](const tell_slice&) {
    if (times++ > 0)
      return piece_of({"a.example", "b.example"});
    asked.release(); // It writes what it knows now and then,
    goes_on.acquire();
    return piece_of({"a.example"});
  };
  shard = spawn_ear(system, ear);
  const auto path = files.path_of("routes");
  keeper = spawn_snapshot_keeper(system, {shard}, {.path = path, .cluster = "test"}, *log.log, counted);
  caf::anon_send(keeper, write_snapshot{});
  asked.acquire();
  caf::scoped_actor self{system};
  auto written = self->request(keeper, 10s, await_snapshot{}); // and is to write for the end.
  goes_on.release();
  written.receive([](snapshot_written end) { EXPECT_TRUE(end.whole); },
                  [](const caf::error& failed) { FAIL() << to_string(failed); });
  const auto file = cluster::snapshot_file::open(path, {"test", 1});
  ASSERT_TRUE(file);
  auto section = file->section_of(0);
  EXPECT_TRUE(section.find("a.example"));
  EXPECT_TRUE(section.find("b.example"));
}

TEST_F(SnapshotKeeper, LetsNodesGoFirstThatTakeSlicesOverButNotForEver) {
  std::atomic<int> asked{0};
  ear->tell = [&](const tell_slice&) {
    ++asked;
    auto piece = piece_of({"a.example"});
    piece.in_demand = true;
    return piece;
  };
  shard = spawn_ear(system, ear);
  const auto path = files.path_of("routes");
  keeper = spawn_snapshot_keeper(system, {shard}, {.path = path, .cluster = "test", .put_off_for = 1ms}, *log.log, counted);
  caf::anon_send(keeper, write_snapshot{});
  ASSERT_TRUE(test::eventually([&] { return counted.written == 1u; }));
  EXPECT_EQ(asked, 7);
}

TEST_F(SnapshotKeeper, WritesAtOnceWhenItIsToldToWhoeverTakesSlicesOver) {
  ear->tell = [](const tell_slice&) {
    auto piece = piece_of({"a.example"});
    piece.in_demand = true;
    return piece;
  };
  shard = spawn_ear(system, ear);
  keeper = spawn_snapshot_keeper(system, {shard}, {.path = files.path_of("routes"), .cluster = "test", .put_off_for = 1h},
                                 *log.log, counted);
  caf::scoped_actor self{system};
  self->request(keeper, 10s, await_snapshot{})
    .receive([](snapshot_written end) { EXPECT_TRUE(end.whole); },
             [](const caf::error& failed) { FAIL() << to_string(failed); });
}

TEST_F(SnapshotKeeper, SetsAsideWhatItCannotUse) {
  const auto path = files.path_of("routes");
  std::ofstream{path} << "no snapshot";
  shard = spawn_ear(system, ear);
  keeper = spawn_snapshot_keeper(system, {shard}, {.path = path, .cluster = "test"}, *log.log, counted);
  EXPECT_FALSE(std::filesystem::exists(path));
  std::string kept;
  std::getline(std::ifstream{path + ".set-aside"}, kept);
  EXPECT_EQ(kept, "no snapshot");
  EXPECT_EQ(counted.failures, 1u);
  EXPECT_EQ(log.lines("snapshot-set-aside").size(), 1u);
}

TEST_F(SnapshotKeeper, SetsAsideWhatIsOfAnotherCluster) {
  const auto path = files.path_of("routes");
  cluster::snapshot_writer foreign{path, {"another", 1}, true};
  foreign.begin_shard(0);
  foreign.end_shard();
  foreign.finish(1'800'000'000'000);
  shard = spawn_ear(system, ear);
  keeper = spawn_snapshot_keeper(system, {shard}, {.path = path, .cluster = "test"}, *log.log, counted);
  EXPECT_TRUE(std::filesystem::exists(path + ".set-aside"));
  const auto lines = log.lines("snapshot-set-aside");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0]["data"]["error"].get<std::string>().find("another cluster"), std::string::npos);
}

/// Writes a file of one shard, now.
void write_file(const std::string& path, const std::string& host, bool hurried = false) {
  cluster::snapshot_writer writer{path, {"test", 1}, hurried};
  writer.begin_shard(0);
  writer.add(*piece_of({host}).hosts);
  writer.end_shard();
  writer.finish(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
                  .count());
}

TEST_F(SnapshotKeeper, KeepsAsideWhatTurnsOutToBeDamaged) {
  const auto path = files.path_of("routes");
  write_file(path, "a.example");
  std::fstream{path, std::ios::in | std::ios::out | std::ios::binary}.seekp(20).put('!');
  EXPECT_TRUE(restored(path).empty());
  EXPECT_EQ(log.lines("snapshot-damaged").at(0)["data"]["kept"], path + ".set-aside");
  EXPECT_TRUE(std::filesystem::exists(path + ".set-aside"));
  write_file(path, "next.example");
  EXPECT_TRUE(std::filesystem::exists(path + ".set-aside")) << "whatever takes its place";
}

TEST_F(SnapshotKeeper, ReadsThePreviousOneIfTheMachineLostTheLast) {
  const auto path = files.path_of("routes");
  write_file(path, "old.example");
  write_file(path, "new.example", true);
  std::filesystem::resize_file(path, 0);
  const auto hosts = restored(path);
  ASSERT_EQ(hosts.size(), 1u);
  EXPECT_EQ(hosts[0].host, "old.example");
}

class SnapshotOfAnotherTime : public SnapshotKeeper {
protected:
  /// What a shard is told of a host that has an endpoint, and had another one.
  routing::told_path told_of_file_written(std::chrono::milliseconds ago) {
    const auto path = files.path_of("routes");
    auto hosts = *piece_of({"a.example"}).hosts;
    hosts[0].paths[0].ended.push_back({"10.0.0.2:80", 1s, {}});
    cluster::snapshot_writer writer{path, {"test", 1}, true};
    writer.begin_shard(0);
    writer.add(hosts);
    writer.end_shard();
    writer.finish(std::chrono::duration_cast<std::chrono::milliseconds>(
                    (std::chrono::system_clock::now() - ago).time_since_epoch())
                    .count());
    return restored(path).at(0).paths.at(0);
  }
};

TEST_F(SnapshotOfAnotherTime, SaysWhatHadEnded) {
  const auto told = told_of_file_written(5s);
  ASSERT_EQ(told.ended.size(), 1u);
  EXPECT_GE(told.ended[0].age, 6s);
  EXPECT_EQ(told.members.size(), 1u);
}

TEST_F(SnapshotOfAnotherTime, SaysNothingOfEndsIfTheClockWasSetBackSince) {
  const auto told = told_of_file_written(-60s); // They would end what was registered since.
  EXPECT_TRUE(told.ended.empty());
  EXPECT_EQ(told.members.size(), 1u);
}

} // namespace
} // namespace shunt
