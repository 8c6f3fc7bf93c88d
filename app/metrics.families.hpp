// Collects metrics in the library's terms. Internal to the metrics.
#pragma once

#include "app/metrics.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace shunt::app {

using labels = std::vector<prometheus::ClientMetric::Label>;

/// Collects families. Labels are given in alphabetical order, as gorouter shows them.
class family_list {
public:
  prometheus::MetricFamily& add(std::string_view name, std::string_view help, prometheus::MetricType type) {
    prometheus::MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    return families_.emplace_back(std::move(family));
  }

  void counter(std::string_view name, std::string_view help, std::uint64_t value) {
    count(add(name, help, prometheus::MetricType::Counter), {}, value);
  }

  void gauge(std::string_view name, std::string_view help, double value) {
    add(name, help, prometheus::MetricType::Gauge).metric.emplace_back().gauge.value = value;
  }

  void histogram(std::string_view name, std::string_view help, const std::vector<double>& bounds,
                 const net::histogram_values& values) {
    observe(add(name, help, prometheus::MetricType::Histogram), {}, bounds, values);
  }

  static void count(prometheus::MetricFamily& to, labels with, std::uint64_t value) {
    auto& metric = to.metric.emplace_back();
    metric.label = std::move(with);
    metric.counter.value = static_cast<double>(value);
  }

  static void set(prometheus::MetricFamily& to, labels with, double value) {
    auto& metric = to.metric.emplace_back();
    metric.label = std::move(with);
    metric.gauge.value = value;
  }

  static void observe(prometheus::MetricFamily& to, labels with, const std::vector<double>& bounds,
                      const net::histogram_values& values) {
    auto& metric = to.metric.emplace_back();
    metric.label = std::move(with);
    auto& histogram = metric.histogram;
    histogram.sample_count = values.count();
    histogram.sample_sum = values.sum;
    std::uint64_t up_to = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      up_to += i < values.counts.size() ? values.counts[i] : 0;
      histogram.bucket.push_back({up_to, bounds[i]});
    }
  }

  /// Sorted; without those that have no value under any label, which Prometheus cannot express.
  std::vector<prometheus::MetricFamily> take() {
    std::erase_if(families_, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
    std::sort(families_.begin(), families_.end(),
              [](const prometheus::MetricFamily& a, const prometheus::MetricFamily& b) { return a.name < b.name; });
    return std::move(families_);
  }

private:
  std::vector<prometheus::MetricFamily> families_;
};

void add_cluster(family_list& to, const cluster_counts& counts);

} // namespace shunt::app
