// Nodes of a cluster in one process, with shards that only listen.
#pragma once

#include "cluster/cluster_node.hpp"

#include "tests/cluster/shard_ear.hpp"
#include "tests/net/log_capture.hpp"
#include "tests/process/harness/patience.hpp"

#include <caf/all.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace shunt {

using namespace std::chrono_literals;

class cluster_node_fixture : public testing::Test {
protected:
  static constexpr std::size_t shard_count = 4;

  /// One node, with shards that only listen.
  struct node {
    node(caf::actor_system& in, const std::string& name, cluster_node_options options = {}) : system{in} {
      options.hello.node = name;
      if (options.hello.address.empty())
        options.hello.address = "127.0.0.1:0";
      if (options.hello.incarnation == 0)
        options.hello.incarnation = 100;
      if (options.rules.cluster.empty())
        options.rules.cluster = "test";
      if (options.rules.shards == 256)
        options.rules.shards = shard_count;
      options.rules.holders = 0;
      options.rules.suspect_after = test::slowed(2s);
      if (options.rules.remove_after == 5s)
        options.rules.remove_after = test::slowed(20s);
      options.heartbeat_interval = 20ms;
      options.delays = {10ms, 100ms, options.delays.look_again};
      actor = spawn_cluster_node(system, options, *log.log, counted);
      start_cluster all;
      for (std::size_t i = 0; i < options.rules.shards; ++i) {
        ears.push_back(std::make_shared<shard_ear>());
        all.shards.push_back(spawn_ear(system, ears.back()));
      }
      shards = all.shards;
      caf::anon_send(actor, std::move(all));
      address = status().self.address;
    }
    ~node() { stop(); }

    /// Without a word, as a crash does.
    void stop() {
      if (!actor)
        return;
      caf::scoped_actor waiting{system};
      const auto last = std::exchange(actor, nullptr);
      caf::anon_send_exit(last, caf::exit_reason::kill);
      waiting->wait_for(last);
      for (const auto& each : shards)
        caf::anon_send_exit(each, caf::exit_reason::kill);
      shards.clear();
    }
    cluster_status status() {
      caf::scoped_actor asking{system};
      cluster_status answer;
      asking->request(actor, test::slowed(10s), cluster_status_asked{})
        .receive([&](const cluster_status& s) { answer = s; },
                 [](const caf::error&) { ADD_FAILURE() << "no status"; });
      return answer;
    }
    /// How it sees that node; empty: it does not know it.
    std::string state_of(const std::string& name) {
      for (const auto& each : status().nodes)
        if (each.name == name)
          return each.state;
      return {};
    }
    bool sees(const std::string& name, const std::string& state = "alive") {
      return test::eventually([&] { return state_of(name) == state; });
    }
    bool has_link(std::size_t count = 1) {
      return test::eventually([&] { return metrics.links_open.value() == count; });
    }
    routing::peer_id only_peer(std::size_t shard = 0) {
      const auto holders = ears[shard]->with([](auto& e) { return e.views.back().others; });
      return holders.size() == 1 ? holders[0].peer : routing::this_node;
    }
    template <class Message>
    void say(std::size_t shard, Message message) {
      const auto what = std::make_shared<const routing::replica_message>(std::move(message));
      caf::anon_send(actor, to_peer{only_peer(shard), shard, what});
    }
    std::size_t heard(std::size_t shard) {
      return ears[shard]->with([](auto& e) { return e.messages.size(); });
    }
    bool lost_a_peer() {
      return test::eventually([&] {
        return std::ranges::all_of(ears, [](auto& e) { return e->with([](auto& all) { return !all.gone.empty(); }); });
      });
    }

    caf::actor_system& system;
    net::log_capture log;
    std::shared_ptr<cluster::cluster_metrics> counted = std::make_shared<cluster::cluster_metrics>();
    cluster::cluster_metrics& metrics = *counted;
    std::vector<std::shared_ptr<shard_ear>> ears;
    std::vector<route_shard_actor> shards;
    cluster_node_actor actor;
    std::string address;
  };

  std::unique_ptr<node> make(const std::string& name, std::vector<std::string> peers = {},
                             cluster_node_options options = {}) {
    options.peers = std::move(peers);
    return std::make_unique<node>(system, name, options);
  }

  two_threads config;
  caf::actor_system system{config};
};

} // namespace shunt
