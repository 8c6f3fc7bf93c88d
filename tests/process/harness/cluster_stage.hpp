// Several routers that are one cluster, on loopback, with one NATS server.
#pragma once

#include "tests/process/harness/answers.hpp"
#include "tests/process/harness/nats_server.hpp"
#include "tests/process/harness/ports.hpp"
#include "tests/process/harness/registrar.hpp"
#include "tests/process/harness/router.hpp"

#include <memory>
#include <string>
#include <vector>

namespace shunt::test {

class cluster_stage {
public:
  /// Starts `nodes` routers and waits until each sees all. `cluster` is merged into each one's block.
  /// `more` goes into the rest of each one's configuration; of an array, the first into that of the first, and so on.
  explicit cluster_stage(std::size_t nodes, const nlohmann::json& cluster = {},
                         const std::string& executable = shunt_executable(), const nlohmann::json& more = {});

  router& node(std::size_t i) { return *nodes_[i]; }
  std::size_t size() const { return nodes_.size(); }
  /// Ends its process at once, as a crash would.
  void kill(std::size_t i);
  /// Ends it in order. What it ends with.
  int stop(std::size_t i);
  /// Starts it anew, under its name and at its place.
  void start(std::size_t i, const std::string& executable = shunt_executable());
  /// All that are there see each other, and all their shards are in sync.
  bool wait_until_settled(milliseconds time = step_time);
  /// What `/cluster` of that node shows.
  nlohmann::json status(std::size_t i) const;
  /// Of requests to each node, in order: statuses.
  std::vector<int> ask_all(const std::string& host);
  std::string name_of(std::size_t i) const { return "node-" + std::to_string(i); }

  nats_server nats;
  registrar bus;

private:
  bool is_settled() const;
  nlohmann::json configuration_of(std::size_t i) const;

  nlohmann::json cluster_, more_;
  std::vector<std::uint16_t> ports_;
  std::vector<std::unique_ptr<router>> nodes_;
};

} // namespace shunt::test
