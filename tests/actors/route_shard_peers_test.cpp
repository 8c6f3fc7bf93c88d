// What a shard makes of messages from other nodes that ask for a lot.
#include "routing/peer_pace.hpp"
#include "tests/actors/support/route_shard_fixture.hpp"

#include <gtest/gtest.h>

namespace shunt {
namespace {

using namespace std::literals;
using namespace test;

constexpr routing::peer_id peer = 2;

class RouteShardAmongPeers : public route_shard_fixture {
protected:
  RouteShardAmongPeers() {
    options.cluster = own(system.spawn([this]() -> shard_outlet_actor::behavior_type {
      return {[this](const to_peer& m) { said.push_back(m); }, [](const shard_sync&) {}, [](const registrations_wished&) {}};
    }));
    start();
  }
  void say(routing::replica_message what) {
    tell(shard, from_peer{peer, options.index, std::make_shared<const routing::replica_message>(std::move(what))});
  }
  std::size_t weight_said() const {
    std::size_t bytes = 0;
    for (const auto& each : said)
      bytes += routing::weight_of(*each.what);
    return bytes;
  }
  template <class Message>
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(said.begin(), said.end(), [](const to_peer& each) {
      return std::holds_alternative<Message>(*each.what);
    }));
  }

  std::vector<to_peer> said;
};

TEST_F(RouteShardAmongPeers, TellsAPeerOnlySoMuchAtATime) {
  for (int port = 1; port <= 200; ++port)
    hear({registered("large.example", static_cast<std::uint16_t>(port))});
  said.clear();
  constexpr std::size_t asked = 100;
  for (std::size_t i = 0; i < asked; ++i)
    say(routing::transfer_pull{0});
  EXPECT_LT(weight_said(), routing::peer_pace::bytes_max + 200'000);
  EXPECT_GT(count<routing::transfer_piece>(), 3u);
  for (std::size_t before = 0; before != said.size();) {
    before = said.size();
    advance(routing::peer_pace::window);
    EXPECT_LT(said.size() - before, 30u);
  }
  EXPECT_EQ(count<routing::transfer_piece>(), asked) << "all is told in the end";
}

TEST_F(RouteShardAmongPeers, ForgetsWhatAPeerWaitedForWhenItIsGone) {
  for (int port = 1; port <= 200; ++port)
    hear({registered("large.example", static_cast<std::uint16_t>(port))});
  for (int i = 0; i < 100; ++i)
    say(routing::transfer_pull{0});
  const auto told = count<routing::transfer_piece>();
  tell(shard, peer_gone{peer});
  advance(10 * routing::peer_pace::window);
  EXPECT_EQ(count<routing::transfer_piece>(), told);
}

TEST_F(RouteShardAmongPeers, TakesWhatWaitedAsOfWhenItWasSaid) {
  routing::endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.port = 80;
  const auto told_of = [&](const std::string& host) {
    routing::slice_told told;
    told.hosts.push_back({.host = host});
    told.hosts.back().paths.emplace_back().members.push_back({routing::endpoint::make(spec), {}, 1s, false});
    return std::make_shared<const routing::replica_message>(std::move(told));
  };
  const auto now = scheduler().clock().now();
  tell(shard, from_peer{peer, options.index, told_of("fresh.example"), now});
  tell(shard, from_peer{peer, options.index, told_of("late.example"), now - 20s});
  said.clear();
  say(routing::transfer_pull{0});
  std::map<std::string, routing::nanoseconds> ages;
  for (const auto& each : said)
    if (const auto* piece = std::get_if<routing::transfer_piece>(each.what.get()))
      for (const auto& host : piece->hosts)
        ages[host.host] = host.paths.at(0).members.at(0).age;
  EXPECT_GE(ages.at("late.example"), 21s);
  EXPECT_LT(ages.at("fresh.example"), 2s);
}

/// It says that it lends nothing any more on another connection, which may come later.
TEST_F(RouteShardAmongPeers, ListsNothingOfAPeerThatHoldsNoCopyAnyMore) {
  routing::shard_view view{.held = false};
  view.others.push_back({.peer = peer, .in_sync = true});
  tell(shard, shard_view_changed{view});
  ASSERT_EQ(count<routing::lease_start>(), 1u);
  const auto listed = [this](const routing::transfer_piece& answer) {
    auto request = self->request(shard, caf::infinite, list_routes{});
    run();
    say(answer);
    bool is_list = false;
    request.receive([&](const route_list&) { is_list = true; }, [](const caf::error&) {});
    return is_list;
  };
  EXPECT_FALSE(listed({.next = routing::slice::tell_end, .held = false}));
  EXPECT_TRUE(listed({.next = routing::slice::tell_end})) << "what it holds is empty";
}

} // namespace
} // namespace shunt
