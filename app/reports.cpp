#include "app/reports.hpp"

#include <thread>
#include <utility>

namespace shunt::app {

using clock = std::chrono::steady_clock;

reports::reports(metrics_sources sources, const config::settings& settings, std::string id)
  : sources_{std::move(sources)}, started_{clock::now()} {
  facts_.index = settings.index;
  facts_.id = std::move(id);
  use_credentials(settings.status.user, settings.status.pass);
  facts_.start = std::chrono::system_clock::now();
  facts_.cores = std::thread::hardware_concurrency();
}

void reports::use_credentials(std::string user, std::string pass) {
  facts_.user = std::move(user);
  facts_.pass = std::move(pass);
}

std::string reports::prometheus() const {
  return metrics_text(read_metrics(sources_, clock::now()));
}

std::string reports::varz(std::string bound_to) {
  const auto now = clock::now();
  auto facts = facts_;
  facts.host = std::move(bound_to);
  facts.uptime = std::chrono::duration_cast<std::chrono::seconds>(now - started_);
  facts.resident_kib_max = resident_kib_max();
  facts.cpu = cpu_.at(now, cpu_time());
  const auto counted = read_metrics(sources_, now);
  facts.urls = counted.registry.routes;
  facts.droplets = counted.registry.endpoints;
  if (sources_.cluster != nullptr) { // Of this node's slices alone nobody could make anything.
    facts.urls = sources_.cluster->table_routes.load(std::memory_order_relaxed);
    facts.droplets = sources_.cluster->table_endpoints.load(std::memory_order_relaxed);
  }
  return varz_json(counted, history_, facts);
}

void reports::look() {
  const auto now = clock::now();
  history_.look(read_metrics(sources_, now).requests, now);
  cpu_.at(now, cpu_time());
}

} // namespace shunt::app
