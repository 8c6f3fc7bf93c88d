// Everything that runs in a scenario: NATS, instances, routers, the emitter, and between them
// relays.
#pragma once

#include "chaos/emitter.hpp"
#include "chaos/node.hpp"
#include "chaos/relay.hpp"
#include "chaos/scenario.hpp"
#include "chaos/served.hpp"
#include "tests/process/harness/backend.hpp"
#include "tests/process/harness/nats_server.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace shunt::chaos {

class world {
public:
  /// Starts everything; `directory` gets the files of the nodes. Returns when every node serves
  /// every route (of many, a sample) and says 404 to others. Throws, with a word on what is
  /// missing, if that takes over 60 s.
  world(const scenario& plan, const std::string& directory);
  ~world();

  world(const world&) = delete;
  world& operator=(const world&) = delete;

  test::nats_server nats;
  node& at(int number) { return *nodes_.at(static_cast<std::size_t>(number)); }
  emitter& bus() { return *emitter_; }
  relay& nats_of(int node) { return *nats_relays_.at(static_cast<std::size_t>(node)); }
  /// What the node connects to, and what connects to it.
  std::vector<relay*> peers_of(int node);
  std::vector<std::uint16_t> ports() const;
  /// Closes the instance's port and connections; opens it again.
  void kill_instance(int number);
  void start_instance(int number);
  /// Why these nodes are not one cluster in which each shard has its holders. Empty: they are.
  std::string out_of_place(const std::vector<int>& nodes, bool all_hear_nats = false);
  /// The same; besides, they hear NATS and say 404 to what nobody mapped.
  std::string out_of_order(const std::vector<int>& nodes);
  /// What these answer to a request for each of the routes. One that does not answer is asked for no more.
  answers_by_node ask(const std::vector<int>& nodes, const std::vector<int>& routes);
  /// Which of these has written no snapshot since then. Empty: none.
  std::string without_snapshot(const std::vector<int>& nodes, std::filesystem::file_time_type since) const;

private:
  nlohmann::json settings_of(int number) const;
  std::string files_of(int number) const;
  std::string redirects_of(int number) const;
  void start_instances();
  void start_relays();
  void start_nodes();
  void map_routes();
  void wait_until_ready();
  std::string missing_at(node& one);

  const scenario& plan_;
  const std::string directory_;
  relay_loop loop_;
  std::vector<node_ports> ports_;
  std::vector<std::unique_ptr<relay>> nats_relays_;
  std::vector<std::vector<std::unique_ptr<relay>>> peer_relays_; ///< By who connects and to whom.
  std::vector<std::uint16_t> instance_ports_;
  std::vector<std::unique_ptr<test::backend>> instances_; ///< Null: killed.
  std::unique_ptr<emitter> emitter_;
  std::vector<std::unique_ptr<node>> nodes_;
};

/// The instances to which a route is mapped from the beginning.
std::vector<int> first_instances(const scenario& plan, int route);

} // namespace shunt::chaos
