// Reads the configuration file again while the router runs. Everything is checked before anything
// changes: a bad file is refused with its errors, and the old one goes on. Each part of the router follows in two
// steps, so that one that cannot keeps all others from doing so. While everything is as it was only
// the log does.
#pragma once

#include "app/start_facts.hpp"
#include "config/settings.hpp"
#include "net/component_log.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace shunt::app {

/// How a part of the router follows the file. Changes nothing itself, and throws std::runtime_error that names
/// the key at fault; what it returns takes the new values into use, and does not fail. Values that wait for the next
/// start do not differ.
using settings_follower = std::function<std::function<void()>(const start_facts& next)>;

class reloader {
public:
  /// `facts`: of `started`. `log` outlives it. An empty `file` is never read.
  reloader(const config::settings& started, const start_facts& facts, std::string file,
           std::vector<settings_follower> followers, net::component_log& log)
    : started_{started}, current_{started}, files_{facts.files}, file_{std::move(file)},
      followers_{std::move(followers)}, log_{log} {}

  /// Logs what came of it: `configuration-reloaded` or `configuration-refused`. One thread at a time,
  /// which waits for the disk.
  void reload();

private:
  void take_over();

  const config::settings started_; ///< What needs a restart to change is still as in here.
  config::settings current_;       ///< What the router goes by,
  file_digest files_;              ///< and of what stood in the files that it names.
  std::chrono::steady_clock::time_point followed_ = std::chrono::steady_clock::now(); ///< By all parts, the last time.
  std::string file_;
  std::vector<settings_follower> followers_;
  net::component_log& log_;
};

} // namespace shunt::app
