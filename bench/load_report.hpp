// What the clients of a load program saw, and the line of JSON by which bench/lib/load.py reads it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

struct load_report {
  using steady = std::chrono::steady_clock;

  steady::time_point start{};
  steady::time_point deadline{}; ///< No client begins anything after it.
  std::vector<std::uint32_t> took_us;
  std::map<std::string_view, std::uint64_t> errors;

  void begin(double seconds) {
    start = steady::now();
    deadline =
      start
      + std::chrono::duration_cast<steady::duration>(std::chrono::duration<double>{seconds});
  }

  /// `more` is further members, each behind a comma.
  void print(const std::string& more = {}) {
    const std::chrono::duration<double> passed = steady::now() - start;
    std::sort(took_us.begin(), took_us.end());
    std::string kinds;
    for (const auto& [kind, n] : errors) {
      kinds.append(kinds.empty() ? "\"" : ",\"").append(kind).append("\":");
      kinds.append(std::to_string(n));
    }
    std::printf("{\"requests\":%zu,\"seconds\":%.6f,\"p50_us\":%u,\"p99_us\":%u,\"p999_us\":%u,"
                "\"errors\":{%s}%s}\n",
                took_us.size(), passed.count(), percentile(50), percentile(99), percentile(99.9),
                kinds.c_str(), more.c_str());
  }

private:
  unsigned percentile(double percent) const {
    if (took_us.empty())
      return 0;
    const auto at = static_cast<std::size_t>(static_cast<double>(took_us.size()) * percent / 100);
    return took_us[std::min(at, took_us.size() - 1)];
  }
};
