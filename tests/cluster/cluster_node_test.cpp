// Nodes of a cluster in one process: how they find, refuse and lose each other, and what their shards hear.
#include "cluster/replica_codec.hpp"
#include "tests/cluster/cluster_node_fixture.hpp"
#include "tests/cluster/peer_ends.hpp"

#include <gmock/gmock.h>

#include <mutex>

namespace shunt {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using testing::HasSubstr;

class ClusterNode : public cluster_node_fixture {};

/// What the confirmer was told last.
struct confirmer_ear {
  std::mutex mutex;
  peers_changed told;

  std::vector<peers_changed::peer> peers() {
    const std::lock_guard lock{mutex};
    return told.peers;
  }
};

change_confirmer_actor spawn_ear(caf::actor_system& system, std::shared_ptr<confirmer_ear> ear) {
  return system.spawn([](std::shared_ptr<confirmer_ear> in) -> change_confirmer_actor::behavior_type {
    return {
      [](const confirmer_contacts&) {},
      [](const confirm_change&) {},
      [](const change_answered&) {},
      [in](const peers_changed& m) {
        const std::lock_guard lock{in->mutex};
        in->told = m;
      },
      [](const shard_replaced&) {},
      [](const use_policy&) {},
      [](changes_due) {},
    };
  }, std::move(ear));
}

TEST_F(ClusterNode, TellsTheConfirmerOfTheDeadWhileMostAreNotThere) {
  const auto heard = std::make_shared<confirmer_ear>();
  const auto confirmer = spawn_ear(system, heard);
  cluster_node_options options;
  options.confirmer = confirmer;
  options.rules.remove_after = test::slowed(3s);
  auto a = make("a", {}, options);
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->sees("b"));
  b->stop();
  ASSERT_TRUE(a->sees("b", "dead"));
  const auto told = [&] {
    std::vector<std::string> names;
    for (const auto& each : heard->peers())
      names.push_back(each.name + (each.alive ? " alive" : ""));
    return names;
  };
  EXPECT_THAT(told(), testing::ElementsAre("b")) << "it may be alive where this one cannot see it";
  auto c = make("c", {a->address});
  EXPECT_TRUE(eventually([&] { return told() == std::vector<std::string>{"c alive"}; }));
  caf::anon_send_exit(confirmer, caf::exit_reason::kill);
}

TEST_F(ClusterNode, TellsTheConfirmerWhoSeesTheSameNodes) {
  const auto heard = std::make_shared<confirmer_ear>();
  const auto confirmer = spawn_ear(system, heard);
  const auto all_agree = [&](std::size_t peers) {
    return eventually([&] {
      const auto told = heard->peers();
      return told.size() == peers && std::ranges::all_of(told, &peers_changed::peer::agrees);
    });
  };
  cluster_node_options options;
  options.confirmer = confirmer;
  auto a = make("a", {}, options);
  auto b = make("b", {a->address});
  EXPECT_TRUE(all_agree(1));
  for (int i = 0; i < 5; ++i) { // Whoever of the two sees it first.
    auto c = make("c" + std::to_string(i), {a->address, b->address});
    EXPECT_TRUE(all_agree(2));
    caf::anon_send(c->actor, leave_cluster{});
    EXPECT_TRUE(a->sees(c->status().self.node, "left"));
    EXPECT_TRUE(all_agree(2)) << "as long as it drains it serves";
    c->stop();
    EXPECT_TRUE(all_agree(1));
  }
  caf::anon_send_exit(confirmer, caf::exit_reason::kill);
}

TEST_F(ClusterNode, LinksToAPeerAndTellsTheShards) {
  auto a = make("a");
  auto b = make("b", {a->address});
  EXPECT_TRUE(a->sees("b"));
  EXPECT_TRUE(b->sees("a"));
  ASSERT_TRUE(a->has_link() && b->has_link());
  for (auto* each : {a.get(), b.get()})
    for (std::size_t shard = 0; shard < shard_count; ++shard)
      EXPECT_TRUE(eventually([&] { return each->only_peer(shard) != routing::this_node; }));
  EXPECT_TRUE(a->log.await("link-opened"));
  EXPECT_TRUE(a->log.await("peer-alive"));
  EXPECT_TRUE(eventually([&] { return a->status().nodes[0].view_equal; }));
  const auto seen = a->status().nodes[0];
  EXPECT_EQ(seen.address, b->address);
  EXPECT_EQ(seen.incarnation, 100);
  EXPECT_EQ(seen.frame_version, cluster::frame_version);
}

TEST_F(ClusterNode, SaysAllTheTimeThatItLives) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  const auto before = a->metrics.heartbeats_in.value();
  EXPECT_TRUE(eventually([&] { return a->metrics.heartbeats_in.value() > before + 5; }));
}

TEST_F(ClusterNode, TellsPeersWhatIsInSyncAndThatNatsIsHeard) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  caf::anon_send(b->actor, shard_sync{2, true, true});
  caf::anon_send(b->actor, nats_changed{true, false});
  EXPECT_TRUE(eventually([&] {
    const auto others = a->ears[2]->with([](auto& e) { return e.views.back().others; });
    return others.size() == 1 && others[0].in_sync && others[0].hears_nats;
  }));
  EXPECT_TRUE(eventually([&] { return a->status().nodes[0].shards_in_sync == 1; }));
  EXPECT_EQ(b->status().shards_in_sync, 1);
}

TEST_F(ClusterNode, CountsWhatOthersKnowAndItDoesNotUntilItKnewAllOfIt) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  const auto asked_for = [&](std::uint64_t count) {
    return eventually([&] { return a->metrics.shards_asked_for.load() == count; });
  };
  caf::anon_send(b->actor, shard_sync{1, true, true});
  caf::anon_send(b->actor, shard_sync{2, true, true});
  EXPECT_TRUE(asked_for(2));
  caf::anon_send(a->actor, shard_sync{1, true, true});
  EXPECT_TRUE(asked_for(1));
  for (std::size_t shard = 0; shard < a->ears.size(); ++shard)
    caf::anon_send(a->actor, shard_sync{shard, true, true});
  EXPECT_TRUE(asked_for(0));
  caf::anon_send(a->actor, shard_sync{2, false, false});
  EXPECT_TRUE(eventually([&] { return a->metrics.shards_ready.load() == a->ears.size() - 1; }));
  EXPECT_EQ(a->metrics.shards_asked_for.load(), 0u); // The doors are open.
}

TEST_F(ClusterNode, RefusesANodeWithAnotherNumberOfShards) {
  auto a = make("a");
  cluster_node_options other;
  other.rules.shards = 8;
  auto b = make("b", {a->address}, other);
  ASSERT_TRUE(a->log.await("peer-refused"));
  ASSERT_TRUE(b->log.await("peer-refused-this-node"));
  EXPECT_THAT(a->log.lines("peer-refused")[0].dump(), HasSubstr("cluster.shards"));
  EXPECT_THAT(b->log.lines("peer-refused-this-node")[0].dump(), HasSubstr("cluster.shards"));
  EXPECT_EQ(a->metrics.links_opened.value(), 0);
}

TEST_F(ClusterNode, RefusesANodeOfAnotherCluster) {
  auto a = make("a");
  cluster_node_options other;
  other.rules.cluster = "other";
  auto b = make("b", {a->address}, other);
  ASSERT_TRUE(b->log.await("peer-refused-this-node"));
  EXPECT_THAT(b->log.lines("peer-refused-this-node")[0].dump(), HasSubstr("cluster.name"));
}

TEST_F(ClusterNode, LinksToANodeWithOtherThresholdsAndSaysSo) {
  auto a = make("a");
  cluster_node_options other;
  other.rules.rebalance_after = 90s;
  auto b = make("b", {a->address}, other);
  ASSERT_TRUE(a->sees("b") && b->sees("a"));
  ASSERT_TRUE(a->log.await("peer-differs") && b->log.await("peer-differs"));
  const auto warning = "cluster.rebalance_after is 90000ms there and 60000ms here: set the same on all nodes";
  EXPECT_THAT(a->log.lines("peer-differs")[0].dump(), HasSubstr(warning));
  EXPECT_EQ(a->status().nodes.at(0).warning, warning);
  EXPECT_THAT(b->status().nodes.at(0).warning, HasSubstr("60000ms there and 90000ms here"));
}

TEST_F(ClusterNode, PassesOverItsOwnAddress) {
  auto a = make("a");
  caf::anon_send(a->actor, peers_found{{a->address}});
  auto b = make("b", {a->address});
  EXPECT_TRUE(a->has_link());
  EXPECT_TRUE(a->sees("b"));
  EXPECT_EQ(a->status().nodes.size(), 1);
  EXPECT_TRUE(a->log.lines("peer-refused-this-node").empty());
}

TEST_F(ClusterNode, BelievesNobodyElseThatAnAddressIsItsOwn) {
  cluster::ends::end other{"other"};
  other.known->refusal = "this is the node itself";
  other.known->code = cluster::refusal_code::itself;
  auto a = make("a", {other.address()});
  EXPECT_TRUE(eventually([&] { return other.known->with([](auto& k) { return k.greetings.size(); }) >= 2; }));
}

TEST_F(ClusterNode, LinksEachPairOfNodesOnce) {
  auto a = make("a");
  auto b = make("b", {a->address});
  auto c = make("c", {a->address, b->address});
  // Everybody connects to everybody.
  for (auto* each : {a.get(), b.get(), c.get()})
    caf::anon_send(each->actor, peers_found{{a->address, b->address, c->address}});
  for (auto* each : {a.get(), b.get(), c.get()})
    EXPECT_TRUE(each->has_link(2));
  EXPECT_TRUE(eventually([&] {
    return std::ranges::all_of(std::array{a.get(), b.get(), c.get()}, [](node* each) {
      const auto status = each->status();
      return status.nodes.size() == 2
             && std::ranges::all_of(status.nodes, [](auto& n) { return n.state == "alive" && n.view_equal; });
    });
  }));
}

TEST_F(ClusterNode, LinksToNodesThatAPeerTellsOf) {
  auto a = make("a");
  auto b = make("b", {a->address});
  auto c = make("c", {a->address});
  EXPECT_TRUE(b->sees("c"));
  EXPECT_TRUE(c->sees("b"));
}

TEST_F(ClusterNode, CarriesWhatShardsSayInItsOrder) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  ASSERT_TRUE(eventually([&] { return a->only_peer(1) != routing::this_node; }));
  constexpr std::size_t count = 20'000;
  for (std::size_t i = 0; i < count; ++i)
    a->say(1, routing::lease_applied{i});
  ASSERT_TRUE(eventually([&] { return b->heard(1) == count; }));
  b->ears[1]->with([&](auto& e) {
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(std::get<routing::lease_applied>(*e.messages[i].what).sequence, i);
      ASSERT_EQ(e.messages[i].shard, 1);
      ASSERT_TRUE(e.messages[i].composed) << "or nobody knows how long it waited";
    }
  });
  EXPECT_EQ(b->heard(0), 0);
  EXPECT_LT(a->metrics.frames_out.value() - a->metrics.heartbeats_out.value(), count / 4) << "not packed together";
}

TEST_F(ClusterNode, CarriesALargeSliceInPieces) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  ASSERT_TRUE(eventually([&] { return a->only_peer(1) != routing::this_node; }));
  routing::slice_told told;
  routing::endpoint_spec spec;
  spec.host = "10.0.0.1";
  spec.app = "an-app-of-a-certain-length";
  const auto target = routing::endpoint::make(spec);
  constexpr std::size_t hosts = 20'000;
  for (std::size_t i = 0; i < hosts; ++i) {
    routing::told_host host{"host-" + std::to_string(i) + ".example", true, {}};
    routing::told_path path;
    path.members.push_back({target, {}, {}, false});
    host.paths.push_back(path);
    told.hosts.push_back(host);
  }
  a->say(1, told);
  const auto arrived = [&] {
    return b->ears[1]->with([](auto& e) {
      std::size_t sum = 0;
      for (const auto& m : e.messages)
        sum += std::get<routing::slice_told>(*m.what).hosts.size();
      return sum;
    });
  };
  EXPECT_TRUE(eventually([&] { return arrived() == hosts; }));
  EXPECT_GT(b->heard(1), 3);
}

TEST_F(ClusterNode, NoticesAtOnceThatAPeerIsGoneAndLinksToItsNextLife) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link() && a->sees("b"));
  b->stop();
  EXPECT_TRUE(a->lost_a_peer());
  EXPECT_TRUE(a->sees("b", "suspect"));
  EXPECT_TRUE(a->log.await("link-closed"));
  EXPECT_TRUE(a->log.await("peer-suspect"));
  EXPECT_TRUE(eventually([&] { return a->only_peer(0) == routing::this_node; }));

  cluster_node_options later;
  later.hello.incarnation = 200;
  b = make("b", {a->address}, later);
  EXPECT_TRUE(a->sees("b"));
  EXPECT_EQ(a->status().nodes[0].incarnation, 200);
  EXPECT_TRUE(a->has_link());
}

TEST_F(ClusterNode, EndsTheLinkAtAFrameThatItCannotReadAndChangesNothing) {
  auto a = make("a");
  const auto port = std::stoi(a->address.substr(a->address.rfind(':') + 1));
  cluster::ends::node_by_hand hand{static_cast<std::uint16_t>(port)};
  ASSERT_TRUE(a->has_link());
  ASSERT_TRUE(a->sees("hand"));
  hand.main.say(cluster::ends::frame_of("\x93\x01")); // An array that ends too soon.
  EXPECT_TRUE(hand.main.ended());
  EXPECT_TRUE(hand.slices.ended());
  EXPECT_TRUE(a->lost_a_peer());
  EXPECT_EQ(a->metrics.frames_refused.value(), 1u);
  for (std::size_t shard = 0; shard < shard_count; ++shard)
    EXPECT_EQ(a->heard(shard), 0u);
}

TEST_F(ClusterNode, LinksAgainWhenALinkBreaks) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  ASSERT_TRUE(eventually([&] { return a->only_peer(0) != routing::this_node; }));
  // A message larger than any frame ends its link.
  a->say(0, routing::known_hosts{std::string(2 * cluster::frame_bytes_max, 'x')});
  EXPECT_TRUE(a->lost_a_peer());
  EXPECT_TRUE(b->lost_a_peer());
  EXPECT_TRUE(eventually([&] { return a->metrics.links_opened.value() == 2; }));
  EXPECT_TRUE(a->sees("b"));
  EXPECT_TRUE(b->sees("a"));
  EXPECT_THAT(a->log.lines("link-closed")[0].dump(), HasSubstr("larger than a frame"));
}

TEST_F(ClusterNode, TellsThatItLeaves) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  caf::anon_send(b->actor, leave_cluster{});
  EXPECT_TRUE(a->sees("b", "left"));
  EXPECT_TRUE(b->status().leaving);
}

TEST_F(ClusterNode, TellsASuccessorOfAShardWhoHoldsIt) {
  auto a = make("a");
  auto b = make("b", {a->address});
  ASSERT_TRUE(a->has_link() && b->has_link());
  caf::anon_send(a->actor, shard_sync{1, true, true});
  ASSERT_TRUE(eventually([&] { return b->status().nodes[0].shards_in_sync == 1; }));
  const auto ear = std::make_shared<shard_ear>();
  const auto successor = spawn_ear(system, ear);
  caf::anon_send(a->actor, shard_replaced{1, successor});
  EXPECT_TRUE(eventually([&] { return ear->with([](auto& e) { return !e.views.empty(); }); }));
  EXPECT_TRUE(eventually([&] { return b->status().nodes[0].shards_in_sync == 0; }));
  b->say(1, routing::lease_end{});
  EXPECT_TRUE(eventually([&] { return ear->with([](auto& e) { return e.messages.size(); }) == 1; }));
  caf::anon_send_exit(successor, caf::exit_reason::kill);
}

TEST_F(ClusterNode, AsksForRegistrationsWhenAShardWishesSo) {
  std::atomic<int> asked{0};
  cluster_node_options options;
  options.ask_for_registrations = [&] { ++asked; };
  auto a = make("a", {}, options);
  caf::anon_send(a->actor, registrations_wished{});
  EXPECT_TRUE(eventually([&] { return asked == 1; }));
}

TEST_F(ClusterNode, SaysWhereItIs) {
  std::mutex mutex;
  std::string said;
  cluster_node_options options;
  options.beacon = [&](const std::string& address) {
    const std::lock_guard lock{mutex};
    said = address;
  };
  auto a = make("a", {}, options);
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex};
    return said == a->address;
  }));
}

} // namespace
} // namespace shunt
