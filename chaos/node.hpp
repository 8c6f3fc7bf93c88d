// One router process of the cluster under test, on ports that it keeps for as long as the scenario
// lasts.
#pragma once

#include "tests/process/harness/child_process.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shunt::chaos {

struct node_options {
  int number = 0;
  std::string directory;   ///< For its files, which stay.
  nlohmann::json settings; ///< All but its ports and files.
  std::string redirects;   ///< For redirect.cpp; empty: it connects to whom it wants to.
};

struct node_ports {
  std::uint16_t http = 0;
  std::uint16_t status = 0;
  std::uint16_t routes = 0;
  std::uint16_t peers = 0;
};

/// A port that no connection uses as its own by chance, so that it is still free at a restart, and
/// that was not given away before. On one thread.
std::uint16_t lasting_port();
node_ports reserve_ports();

class node {
public:
  node(node_options options, node_ports ports);

  int number() const { return options_.number; }
  std::uint16_t port() const { return ports_.http; }
  /// Starts the process, on the main thread: it dies with the thread that started it.
  void start();
  void signal(int number) { process_->signal(number); }
  bool running() { return process_ && process_->running(); }
  std::optional<int> exit_code() { return process_->wait_for_exit(std::chrono::milliseconds{0}); }
  /// Whether it takes clients; asks with a short patience.
  bool healthy() const;
  /// What it shows at `/cluster`; empty: nothing in time.
  std::optional<nlohmann::json> cluster_page() const;

private:
  node_options options_;
  node_ports ports_;
  std::unique_ptr<test::child_process> process_;
};

} // namespace shunt::chaos
