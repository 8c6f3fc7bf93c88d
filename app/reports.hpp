// What the status ports tell of metrics: the text for Prometheus, and the document of `/varz`. One
// thread.
#pragma once

#include "app/metrics_sources.hpp"
#include "app/process_facts.hpp"
#include "app/request_history.hpp"
#include "app/varz.hpp"

#include <chrono>
#include <string>

namespace shunt::app {

class reports {
public:
  /// What `sources` point at outlives the reports. `id` is the router's: `<index>-<uuid>`.
  reports(metrics_sources sources, const config::settings& settings, std::string id);

  /// Which `/varz` shows.
  void use_credentials(std::string user, std::string pass);
  /// Prometheus' text format.
  std::string prometheus() const;
  /// `bound_to`: where the document is served, host:port.
  std::string varz(std::string bound_to);
  /// Whether `look` is to be called, every `request_history::look_every`.
  bool looks() const noexcept { return sources_.requests.varz; }
  void look();

private:
  metrics_sources sources_;
  varz_facts facts_; ///< Those that do not change.
  std::chrono::steady_clock::time_point started_;
  request_history history_;
  cpu_share cpu_;
};

} // namespace shunt::app
