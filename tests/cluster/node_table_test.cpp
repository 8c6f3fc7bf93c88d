// The table of a node with real shards, and where the test says so of a second one, in one process: what a snapshot and
// peers give back to a shard whose predecessor died, and what writing one costs.
#include "actors/route_shard.hpp"
#include "cluster/cluster_node.hpp"
#include "cluster/snapshot_file.hpp"
#include "cluster/snapshot_keeper.hpp"
#include "tests/cluster/shard_ear.hpp"
#include "tests/net/log_capture.hpp"
#include "tests/process/harness/patience.hpp"
#include "tests/process/harness/temporary_directory.hpp"

#include <caf/all.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>

namespace shunt {
namespace {

using namespace std::chrono_literals;
using test::eventually;

constexpr std::size_t shard_count = 2;

/// The part of a router that has to do with the table of a cluster's node.
class node {
public:
  node(caf::actor_system& system, const std::string& name, const std::string& snapshot, std::vector<std::string> peers = {})
    : system_{system} {
    cluster_node_options options;
    options.hello.node = name;
    options.hello.address = "127.0.0.1:0";
    options.hello.incarnation = 100;
    options.rules.cluster = "test";
    options.rules.shards = shard_count;
    options.rules.holders = 0;
    options.rules.suspect_after = test::slowed(2s);
    options.rules.remove_after = test::slowed(20s);
    options.heartbeat_interval = 20ms;
    options.delays = {10ms, 100ms};
    options.peers = std::move(peers);
    cluster_ = spawn_cluster_node(system, std::move(options), *log.log, std::make_shared<cluster::cluster_metrics>());
    caf::anon_send(cluster_, nats_changed{.connected = true});
    for (std::size_t i = 0; i < shard_count; ++i)
      shards_.push_back(spawn_shard(i, 1));
    if (!snapshot.empty())
      keeper_ = spawn_snapshot_keeper(system, shards_, {.path = snapshot, .cluster = "test"}, *log.log, counted);
    caf::anon_send(cluster_, start_cluster{shards_});
  }
  ~node() {
    caf::scoped_actor waiting{system_};
    const auto end = [&](const auto& each) {
      if (!each)
        return;
      caf::anon_send_exit(each, caf::exit_reason::kill);
      waiting->wait_for(each);
    };
    end(cluster_);
    end(keeper_);
    std::for_each(shards_.begin(), shards_.end(), end);
  }

  std::string address() {
    std::string found;
    caf::scoped_actor asking{system_};
    asking->request(cluster_, test::slowed(10s), cluster_status_asked{})
      .receive([&](const cluster_status& s) { found = s.self.address; }, [](const caf::error&) {});
    return found;
  }
  void hear(std::size_t shard, const std::string& uri) { hear(shard, std::vector{uri}); }
  void hear(std::size_t shard, const std::vector<std::string>& uris) {
    routing::endpoint_spec spec;
    spec.host = "10.0.0.1";
    spec.port = 80;
    const auto endpoint = routing::endpoint::make(spec);
    std::vector<routing::registration> all;
    for (const auto& uri : uris)
      all.push_back(routing::registration::make(false, endpoint, uri));
    caf::anon_send(shards_[shard],
                   registration_batch{std::make_shared<std::vector<routing::registration>>(std::move(all)), nullptr});
  }
  bool write_snapshot() {
    caf::scoped_actor asking{system_};
    bool whole = false;
    asking->request(keeper_, test::slowed(10s), await_snapshot{})
      .receive([&](snapshot_written end) { whole = end.whole; }, [](const caf::error&) {});
    return whole;
  }
  /// The shard ends as by an exception, and has a successor, which those are told of whom a supervisor tells.
  void lose(std::size_t shard) {
    caf::scoped_actor waiting{system_};
    caf::anon_send_exit(shards_[shard], caf::exit_reason::kill);
    waiting->wait_for(shards_[shard]);
    shards_[shard] = spawn_shard(shard, ++incarnation_);
    caf::anon_send(cluster_, shard_replaced{shard, shards_[shard]});
    if (keeper_)
      caf::anon_send(keeper_, shard_replaced{shard, shards_[shard]});
  }
  /// What it has of that shard, sorted.
  std::vector<std::string> routes(std::size_t shard) {
    std::vector<std::string> known;
    caf::scoped_actor asking{system_};
    for (std::uint64_t at = 0; at != routing::slice::walk_end;)
      asking->request(shards_[shard], test::slowed(10s), list_routes{at})
        .receive(
          [&](const route_list& some) {
            for (const auto& [uri, endpoints] : some.routes)
              known.push_back(uri);
            at = some.next;
          },
          [&](const caf::error&) { at = routing::slice::walk_end; });
    std::sort(known.begin(), known.end());
    return known;
  }
  /// Whether the shard answers anything, now that all it was told before is done.
  bool answers(std::size_t shard) {
    bool answered = false;
    caf::scoped_actor asking{system_};
    asking->request(shards_[shard], test::slowed(10s), list_routes{routing::slice::walk_end})
      .receive([&](const route_list&) { answered = true; }, [](const caf::error&) {});
    return answered;
  }
  bool has_in_time(std::size_t shard, const std::vector<std::string>& all) {
    return eventually([&] { return routes(shard) == all; });
  }

  net::log_capture log;
  snapshot_counters counted;

private:
  route_shard_actor spawn_shard(std::size_t index, std::uint64_t incarnation) {
    route_shard_options options;
    options.index = index;
    options.incarnation = incarnation;
    options.in_sync = false;
    options.register_interval = 1h; // Nobody registers again.
    options.cluster = cluster_;
    return spawn_route_shard(system_, std::move(options), *log.log);
  }

  caf::actor_system& system_;
  cluster_node_actor cluster_;
  std::vector<route_shard_actor> shards_;
  snapshot_keeper_actor keeper_;
  std::uint64_t incarnation_ = 1;
};

class NodeTable : public testing::Test {
protected:
  test::temporary_directory files;
  const std::string path = files.path_of("routes");
  two_threads config;
  caf::actor_system system{config};
};

TEST_F(NodeTable, OfANodeThatIsAloneComesBackFromTheSnapshot) {
  node alone{system, "a", path};
  alone.hear(0, "a.example");
  alone.hear(0, "b.example/path");
  alone.hear(1, "other.example");
  ASSERT_TRUE(alone.has_in_time(0, {"a.example", "b.example/path"}));
  ASSERT_TRUE(alone.write_snapshot());
  alone.hear(0, "later.example"); // Which is in no snapshot.
  alone.lose(0);
  EXPECT_TRUE(alone.has_in_time(0, {"a.example", "b.example/path"}));
  EXPECT_EQ(alone.routes(1), std::vector<std::string>{"other.example"});
  alone.lose(0); // And again.
  EXPECT_TRUE(alone.has_in_time(0, {"a.example", "b.example/path"}));
}

TEST_F(NodeTable, OfANodeThatIsAloneBeginsAnewIfThereIsNoSnapshot) {
  node alone{system, "a", path};
  alone.hear(0, "a.example");
  ASSERT_TRUE(alone.has_in_time(0, {"a.example"}));
  alone.lose(0);
  EXPECT_TRUE(alone.has_in_time(0, {}));
  EXPECT_EQ(alone.counted.failures, 0u);
  alone.hear(0, "a.example"); // As everybody does who is asked to register again.
  EXPECT_TRUE(alone.has_in_time(0, {"a.example"}));
}

TEST_F(NodeTable, ComesBackFromPeersWithoutASnapshot) {
  node one{system, "a", {}};
  node other{system, "b", {}, {one.address()}};
  for (auto* each : {&one, &other}) {
    each->hear(0, "a.example");
    each->hear(0, "b.example");
  }
  ASSERT_TRUE(one.has_in_time(0, {"a.example", "b.example"}));
  ASSERT_TRUE(other.has_in_time(0, {"a.example", "b.example"}));
  one.lose(0);
  EXPECT_TRUE(one.has_in_time(0, {"a.example", "b.example"}));
}

TEST_F(NodeTable, ComesBackFromPeersBesidesTheSnapshot) {
  node one{system, "a", path};
  node other{system, "b", {}, {one.address()}};
  one.hear(0, "a.example");
  ASSERT_TRUE(other.has_in_time(0, {"a.example"}));
  ASSERT_TRUE(one.write_snapshot());
  other.hear(0, "later.example");
  ASSERT_TRUE(one.has_in_time(0, {"a.example", "later.example"}));
  one.lose(0);
  EXPECT_TRUE(one.has_in_time(0, {"a.example", "later.example"}));
}

TEST_F(NodeTable, AnswersWhileASnapshotIsWritten) {
  node alone{system, "a", path};
  for (int some = 0; some < 200; ++some) {
    std::vector<std::string> uris;
    for (int i = 0; i < 1000; ++i)
      uris.push_back(std::to_string(some * 1000 + i) + ".example");
    alone.hear(0, uris);
  }
  ASSERT_TRUE(alone.answers(0));
  auto written = std::async(std::launch::async, [&] { return alone.write_snapshot(); });
  int answers = 0;
  auto longest = 0ns;
  while (written.wait_for(0s) != std::future_status::ready) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(alone.answers(0));
    longest = std::max<std::chrono::nanoseconds>(longest, std::chrono::steady_clock::now() - begin);
    ++answers;
  }
  EXPECT_TRUE(written.get());
  EXPECT_EQ(cluster::snapshot_file::open(path, {"test", shard_count})->section_of(0).read(300'000).size(), 200'000u);
  EXPECT_GT(answers, 10) << "it is told in hundreds of pieces, and others have their turn between them";
  EXPECT_LT(longest, test::slowed(1s));
}

TEST_F(NodeTable, TrustsNoDamagedSectionAndTheOthersAllTheSame) {
  {
    node alone{system, "a", path};
    alone.hear(0, "a.example");
    alone.hear(1, "b.example");
    ASSERT_TRUE(alone.has_in_time(0, {"a.example"}) && alone.has_in_time(1, {"b.example"}));
    ASSERT_TRUE(alone.write_snapshot());
  }
  std::ifstream in{path, std::ios::binary};
  std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  const auto at = bytes.find("a.example");
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  std::ofstream{path, std::ios::binary | std::ios::trunc} << bytes;

  node again{system, "a", path};
  EXPECT_TRUE(again.has_in_time(1, {"b.example"}));
  EXPECT_TRUE(again.has_in_time(0, {}));
  EXPECT_EQ(again.counted.failures, 1u);
  const auto lines = again.log.lines("snapshot-damaged");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["data"]["shard"], 0);
  EXPECT_TRUE(std::filesystem::exists(path)) << "the rest of it is whole";
  EXPECT_TRUE(again.log.lines("snapshot-set-aside").empty());
  EXPECT_TRUE(again.write_snapshot()) << "the next one takes its place";
  EXPECT_EQ(cluster::snapshot_file::open(path, {"test", shard_count})->section_of(0).read(9).size(), 0u);
}

} // namespace
} // namespace shunt
