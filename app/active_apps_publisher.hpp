// Publishes `router.active_apps`, on a thread of its own: reading all counts takes about a millisecond, and NATS as long
// as it likes. What could not be published is said the next time.
#pragma once

#include "actors/demand_publisher.hpp"
#include "app/active_apps.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

namespace shunt::app {

class active_apps_publisher {
public:
  /// Reads what has been counted so far; both are called by the publisher's thread. The first time after `every`.
  active_apps_publisher(std::function<active_apps::counts()> read, publish_function publish,
                        std::chrono::nanoseconds every);

private:
  void run(const std::stop_token& ending);
  void publish_used();

  const std::function<active_apps::counts()> read_;
  const publish_function publish_;
  const std::chrono::nanoseconds every_;
  active_apps apps_;
  std::jthread thread_; // Last: it uses all of the above.
};

} // namespace shunt::app
