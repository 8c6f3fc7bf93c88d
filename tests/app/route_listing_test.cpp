// What `/routes` shows, from real shards: at once if it is little, else piece by piece.
#include "app/route_listing.hpp"

#include "actors/route_shard.hpp"
#include "tests/cluster/shard_ear.hpp"
#include "tests/net/log_capture.hpp"

#include <nlohmann/json.hpp>

#include <caf/all.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <set>

namespace shunt::app {
namespace {

using pieces = std::vector<page::piece>;

class RouteListing : public testing::Test {
protected:
  static constexpr std::size_t shard_count = 2;

  RouteListing() {
    for (std::size_t i = 0; i < shard_count; ++i) {
      route_shard_options options;
      options.index = i;
      shards.push_back(spawn_route_shard(system, std::move(options), *log.log));
    }
  }
  ~RouteListing() override {
    for (std::size_t i = 0; i < shard_count; ++i)
      end(i);
  }
  void end(std::size_t shard) {
    caf::scoped_actor waiting{system};
    caf::anon_send_exit(shards[shard], caf::exit_reason::kill);
    waiting->wait_for(shards[shard]);
  }
  void map(std::size_t shard, std::size_t count) {
    routing::endpoint_spec spec;
    spec.host = "10.0.0.1";
    spec.port = 80;
    auto all = std::make_shared<std::vector<routing::registration>>();
    for (std::size_t i = 0; i < count; ++i) {
      auto uri = std::to_string(hosts.size()).append(".example");
      all->push_back(routing::registration::make(false, routing::endpoint::make(spec), uri));
      hosts.insert(std::move(uri));
    }
    caf::anon_send(shards[shard], registration_batch{std::move(all), nullptr});
  }
  static std::optional<page::piece> next(page& of) {
    std::promise<std::optional<page::piece>> told;
    of.next([&told](std::optional<page::piece> piece) { told.set_value(std::move(piece)); });
    return told.get_future().get();
  }
  static std::set<std::string> keys_of(const std::string& json) {
    std::set<std::string> keys;
    const auto table = nlohmann::json::parse(json);
    for (const auto& [key, value] : table.items()) {
      keys.insert(key);
      EXPECT_EQ(value.at(0).at("address"), "10.0.0.1:80");
    }
    return keys;
  }

  net::log_capture log;
  two_threads how;
  caf::actor_system system{how};
  std::vector<route_shard_actor> shards;
  std::set<std::string> hosts;
};

TEST_F(RouteListing, ShowsASmallTableSortedAndAtOnce) {
  map(0, 700);
  map(1, 700);
  const auto shown = list_all_routes(system, shards);
  const auto piece = next(*shown);
  ASSERT_TRUE(piece);
  EXPECT_TRUE(piece->last);
  EXPECT_EQ(keys_of(piece->text), hosts);
  std::vector<std::string> in_order;
  const auto table = nlohmann::ordered_json::parse(piece->text);
  for (const auto& [key, value] : table.items())
    in_order.push_back(key);
  EXPECT_TRUE(std::is_sorted(in_order.begin(), in_order.end()));
}

TEST_F(RouteListing, ShowsAnEmptyTable) {
  EXPECT_EQ(next(*list_all_routes(system, shards, 0))->text, "{}\n");
}

TEST_F(RouteListing, ShowsALargeTableInPiecesThatAreSmall) {
  map(0, 5000);
  map(1, 5000);
  const auto shown = list_all_routes(system, shards, 1000);
  std::string all;
  std::size_t count = 0, longest = 0;
  for (bool last = false; !last; ++count) {
    const auto piece = next(*shown);
    ASSERT_TRUE(piece);
    all += piece->text;
    longest = std::max(longest, piece->text.size());
    last = piece->last;
  }
  EXPECT_EQ(keys_of(all), hosts);
  EXPECT_GT(count, 10u);
  EXPECT_LT(longest, all.size() / 5);
}

TEST_F(RouteListing, FailsBeforeItTellsAnythingIfAShardIsNotThere) {
  map(0, 5000);
  end(1);
  EXPECT_FALSE(next(*list_all_routes(system, shards)));
  EXPECT_FALSE(next(*list_all_routes(system, shards, 1000)));
}

TEST_F(RouteListing, FailsInTheMiddleIfAShardGoesThen) {
  map(0, 5000);
  map(1, 5000);
  const auto shown = list_all_routes(system, shards, 1000);
  ASSERT_TRUE(next(*shown));
  end(1);
  std::optional<page::piece> piece;
  while ((piece = next(*shown)))
    ASSERT_FALSE(piece->last);
}

} // namespace
} // namespace shunt::app
