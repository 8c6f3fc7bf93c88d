// Tells Loggregator the router's metrics, and finds its agent, on a thread of its own: reading all counts takes about a
// millisecond, and the resolver as long as it likes.
#pragma once

#include "app/metric_envelopes.hpp"
#include "app/metrics_sources.hpp"
#include "net/metron.hpp"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

namespace shunt::app {

class metron_reporter {
public:
  /// What `sources` point at outlives the reporter. Begins at once.
  metron_reporter(metrics_sources sources, const config::settings& settings, std::shared_ptr<net::metron> agent);
  metron_reporter(const metron_reporter&) = delete;
  metron_reporter& operator=(const metron_reporter&) = delete;
  ~metron_reporter();

  /// Goes by other settings from now on. Any thread.
  void use(const config::settings& settings);

private:
  using clock = std::chrono::steady_clock;

  struct wishes {
    std::string address;
    bool metrics = false;
    std::chrono::nanoseconds muzzle{0};

    static wishes of(const config::settings& settings);
  };

  void run();
  void look(const wishes& wanted);

  const metrics_sources sources_;
  const std::shared_ptr<net::metron> agent_;
  const clock::time_point started_ = clock::now();
  // Of the thread:
  metric_envelopes envelopes_;
  clock::time_point full_report_; ///< When the next one is due.
  std::string address_;           ///< That is looked for.

  std::mutex mutex_; ///< For what follows.
  std::condition_variable changed_;
  wishes wanted_;
  bool anew_ = false;  ///< They are other ones.
  std::stop_source ending_;
  std::thread thread_; // Last: it uses all of the above.
};

} // namespace shunt::app
