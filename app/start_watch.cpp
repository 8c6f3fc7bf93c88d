#include "app/start_watch.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace shunt::app {

namespace {

constexpr std::chrono::milliseconds farewell{1000}; ///< As a log waits for a slow reader at its end.

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int each : {SIGUSR1, SIGTERM, SIGINT, SIGUSR2})
    sigaddset(&signals, each);
  return signals;
}

} // namespace

start_watch::start_watch(net::component_log& log) : log_{log}, thread_{[this] { run(); }} {
}

void start_watch::end() {
  {
    const std::lock_guard lock{mutex_};
    ended_ = true;
  }
  if (!thread_.joinable())
    return;
  pthread_kill(thread_.native_handle(), SIGUSR2);
  thread_.join();
}

void start_watch::run() {
  const auto signals = watched_signals();
  for (int caught = 0; sigwait(&signals, &caught) == 0;) {
    const std::lock_guard lock{mutex_};
    if (ended_) {
      if (caught != SIGUSR2)
        kill(getpid(), caught); // It came too late for the watch, and waits for the next reader.
      return;
    }
    if (caught == SIGUSR2)
      continue; // From outside it means nothing.
    log_.info(".router", "gorouter.exited", {});
    log_.flush(farewell);
    std::_Exit(0);
  }
}

} // namespace shunt::app
