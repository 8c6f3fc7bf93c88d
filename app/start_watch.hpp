// Ends the process by signal while the router starts, and so may be waiting for a server that does not answer, be
// it NATS, the UAA, the Routing API or a log's. Nothing has been promised to anybody then: no port is open, no file
// half written. So it takes nothing down, and waits for nobody.
#pragma once

#include "net/component_log.hpp"

#include <mutex>
#include <thread>

namespace shunt::app {

class start_watch {
public:
  /// From here on TERM, INT and USR1 end the process with code 0, and USR2 does nothing; HUP waits for whoever reads it
  /// afterwards. All are blocked in every thread. `log` outlives the watch.
  explicit start_watch(net::component_log& log);
  /// Ends the watch.
  ~start_watch() { end(); }
  start_watch(const start_watch&) = delete;
  start_watch& operator=(const start_watch&) = delete;

  /// From here on signals wait for whoever reads them next. If one has come in time it does not return. Harmless when
  /// repeated; one thread.
  void end();

private:
  void run();

  net::component_log& log_;
  std::mutex mutex_; ///< Held by whoever decides whether the watch or the process ends first.
  bool ended_ = false;
  std::thread thread_; // Last: it uses all of the above.
};

} // namespace shunt::app
