#include "app/metron_reporter.hpp"

#include "net/background_thread.hpp"

#include <algorithm>
#include <utility>

namespace shunt::app {

namespace {

std::int64_t unix_ns() {
  return std::chrono::nanoseconds{std::chrono::system_clock::now().time_since_epoch()}.count();
}

} // namespace

metron_reporter::wishes metron_reporter::wishes::of(const config::settings& settings) {
  return {.address = net::loggregator_rules{settings}.anything() ? settings.logging.metron_address : std::string{},
          .metrics = net::loggregator_rules{settings}.metrics,
          .muzzle = settings.route_latency_metric_muzzle_duration};
}

metron_reporter::metron_reporter(metrics_sources sources, const config::settings& settings,
                                 std::shared_ptr<net::metron> agent)
  : sources_{std::move(sources)}, agent_{std::move(agent)},
    envelopes_{[this](std::string_view envelope) { agent_->send(envelope); }},
    full_report_{started_ + metric_envelopes::every}, wanted_{wishes::of(settings)}, thread_{[this] { run(); }} {
}

metron_reporter::~metron_reporter() {
  {
    const std::lock_guard lock{mutex_};
    ending_.request_stop();
  }
  changed_.notify_one();
  thread_.join();
}

void metron_reporter::use(const config::settings& settings) {
  {
    const std::lock_guard lock{mutex_};
    wanted_ = wishes::of(settings);
    anew_ = true;
  }
  changed_.notify_one();
}

void metron_reporter::run() {
  net::yield_to_loops();
  std::unique_lock lock{mutex_};
  for (auto next = started_; !ending_.stop_requested();) {
    const auto wanted = wanted_;
    anew_ = false;
    lock.unlock();
    look(wanted);
    lock.lock();
    next = std::max(next + std::chrono::seconds{1}, clock::now());
    changed_.wait_until(lock, next, [this] { return anew_ || ending_.stop_requested(); });
  }
}

/// Every second.
void metron_reporter::look(const wishes& wanted) {
  if (wanted.address != address_ || clock::now() >= full_report_) { // The resolver is not to be asked all the time.
    address_ = wanted.address;
    agent_->use(address_);
    agent_->look_up(ending_.get_token());
  }
  const auto now = clock::now();
  const auto uptime = std::chrono::floor<std::chrono::seconds>(now - started_);
  if (wanted.metrics)
    envelopes_.tell_uptime(uptime, unix_ns());
  if (now < full_report_)
    return;
  full_report_ = now + metric_envelopes::every;
  const auto counted = read_metrics(sources_, now);
  if (wanted.metrics)
    envelopes_.tell(counted, now - started_ < wanted.muzzle, unix_ns());
  else
    envelopes_.skip(counted);
}

} // namespace shunt::app
