#include "app/active_apps_publisher.hpp"

#include "net/background_thread.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace shunt::app {

active_apps_publisher::active_apps_publisher(std::function<active_apps::counts()> read, publish_function publish,
                                             std::chrono::nanoseconds every)
  : read_{std::move(read)}, publish_{std::move(publish)}, every_{every},
    thread_{[this](const std::stop_token& ending) { run(ending); }} {
}

void active_apps_publisher::run(const std::stop_token& ending) {
  using clock = std::chrono::steady_clock;
  net::yield_to_loops();
  std::mutex mutex;
  std::condition_variable_any asleep; // Nothing but its end wakes it early.
  std::unique_lock lock{mutex};
  auto next = clock::now() + every_;
  while (!asleep.wait_until(lock, ending, next, [&ending] { return ending.stop_requested(); })) {
    publish_used();
    next = std::max(next + every_, clock::now());
  }
}

/// Also that there were none, as gorouter does.
void active_apps_publisher::publish_used() try {
  auto counted = read_();
  if (publish_("router.active_apps", active_apps_message(apps_.used(counted))))
    apps_.told(std::move(counted));
} catch (const std::bad_alloc&) { // The next time it says all of it.
}

} // namespace shunt::app
