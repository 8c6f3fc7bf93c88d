#include "app/request_history.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace shunt::app {

namespace {

void approach(double& average, double now, double seconds, double minutes) {
  average += (1 - std::exp(-seconds / 60 / minutes)) * (now - average);
}

net::fine_histogram::counts sum_of(const net::request_totals& totals) {
  net::fine_histogram::counts sum{};
  for (const auto& [name, component] : totals.components)
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] += component.fine[i];
  return sum;
}

} // namespace

void request_history::update(past& of, std::uint64_t attempts,
                             const net::fine_histogram::counts& fine, double seconds) {
  const double rate = static_cast<double>(attempts - of.attempts) / seconds;
  of.attempts = attempts;
  if (!std::exchange(of.known, true)) {
    of.rates = {rate, rate, rate};
  } else {
    approach(of.rates.one, rate, seconds, 1);
    approach(of.rates.five, rate, seconds, 5);
    approach(of.rates.fifteen, rate, seconds, 15);
  }
  const double kept = std::exp(-forget_per_second * seconds);
  for (std::size_t i = 0; i < fine.size(); ++i)
    of.recent[i] = of.recent[i] * kept + static_cast<double>(fine[i] - of.seen[i]);
  of.seen = fine;
}

void request_history::look(const net::request_totals& totals, clock::time_point now) {
  constexpr double usual = std::chrono::duration<double>{look_every}.count();
  const double seconds =
    looked_ ? std::max(0.001, std::chrono::duration<double>{now - *looked_}.count()) : usual;
  looked_ = now;
  std::uint64_t attempts = 0;
  for (const auto& [name, component] : totals.components) {
    attempts += component.attempts;
    update(components_[name], component.attempts, component.fine, seconds);
  }
  update(all_, attempts, sum_of(totals), seconds);

  slot_ = (slot_ + 1) % looks_a_minute;
  for (auto& [id, app] : apps_)
    app.grown[slot_] = 0;
  for (const auto& [id, requests] : totals.app_requests) {
    auto& app = apps_[id];
    app.grown[slot_] = static_cast<std::uint32_t>(requests - app.seen);
    app.seen = requests;
  }
}

request_rates request_history::rates_of(const std::string& component) const {
  const auto found = components_.find(component);
  return found == components_.end() ? request_rates{} : found->second.rates;
}

double request_history::percentile(const past* of, const net::fine_histogram::counts& fine,
                                   double share) {
  weights recent{};
  for (std::size_t i = 0; i < recent.size(); ++i)
    recent[i] = of == nullptr ? static_cast<double>(fine[i])
                              : of->recent[i] + static_cast<double>(fine[i] - of->seen[i]);
  const double all = std::accumulate(recent.begin(), recent.end(), 0.0);
  if (all <= 0)
    return 0;
  double up_to = 0;
  std::size_t bucket = 0;
  for (std::size_t i = 0; i < recent.size() && up_to < share * all; ++i) {
    up_to += recent[i];
    bucket = i;
  }
  return std::chrono::duration<double>{net::fine_histogram::value_of(bucket)}.count();
}

double request_history::percentile(const net::request_totals& totals, double share) const {
  return percentile(&all_, sum_of(totals), share);
}

double request_history::percentile_of(const std::string& component,
                                      const net::component_totals& totals, double share) const {
  const auto found = components_.find(component);
  return percentile(found == components_.end() ? nullptr : &found->second, totals.fine, share);
}

std::vector<busy_app> request_history::busiest(std::size_t count) const {
  std::vector<busy_app> apps;
  for (const auto& [id, app] : apps_)
    if (const auto sum = std::accumulate(app.grown.begin(), app.grown.end(), std::uint64_t{0});
        sum > 0)
      apps.push_back({id, sum});
  const auto end = apps.begin() + static_cast<std::ptrdiff_t>(std::min(count, apps.size()));
  std::partial_sort(apps.begin(), end, apps.end(), [](const busy_app& a, const busy_app& b) {
    return a.requests != b.requests ? a.requests > b.requests : a.id < b.id;
  });
  apps.erase(end, apps.end());
  return apps;
}

} // namespace shunt::app
