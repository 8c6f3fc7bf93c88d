// Reads the configuration file again while the router runs. Everything is checked before anything
// changes: a bad file is refused with its errors, and the old one goes on.
#pragma once

#include "actors/protocol.hpp"
#include "app/status_server.hpp"
#include "config/settings.hpp"
#include "net/component_log.hpp"

#include <string>
#include <vector>

namespace shunt::app {

class reloader {
public:
  /// `status` and `log` outlive it. An empty `file` is never read. Without a `cluster` the node is alone.
  reloader(const config::settings& started, std::string file, std::vector<acceptor_actor> acceptors,
           cluster_node_actor cluster, status_server& status, net::component_log& log)
    : started_{started}, current_{started}, file_{std::move(file)}, acceptors_{std::move(acceptors)},
      cluster_{std::move(cluster)}, status_{status}, log_{log} {}

  /// Logs what came of it: `configuration-reloaded` or `configuration-refused`. One thread at a time,
  /// which waits for the disk.
  void reload();

private:
  void take_over();

  const config::settings started_; ///< What needs a restart to change is still as in here.
  config::settings current_;       ///< Read last.
  std::string file_;
  std::vector<acceptor_actor> acceptors_;
  cluster_node_actor cluster_;
  status_server& status_;
  net::component_log& log_;
};

} // namespace shunt::app
