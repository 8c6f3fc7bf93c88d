// One endpoint of one pool as one loop uses it. Counted without atomics: it never leaves its loop.
// A request keeps a pointer across an attempt while a push replaces or removes the endpoint in the
// pool.
#pragma once

#include "routing/endpoint.hpp"
#include "routing/endpoint_stats.hpp"
#include "routing/intrusive_ptr.hpp"
#include "routing/metric_labels.hpp"
#include "routing/outlier.hpp"
#include "routing/time.hpp"

#include <cstdint>
#include <memory>
#include <utility>

namespace shunt::routing {

class leased_endpoint {
public:
  leased_endpoint(endpoint_ptr about, endpoint_stats_ptr counts)
    : about_{std::move(about)}, counts_{std::move(counts)} {}
  leased_endpoint(const leased_endpoint&) = delete;
  leased_endpoint& operator=(const leased_endpoint&) = delete;

  const endpoint& about() const { return *about_; }
  const endpoint_ptr& shared() const { return about_; }
  endpoint_stats& stats() const { return *counts_; }
  const endpoint_stats_ptr& shared_stats() const { return counts_; }

  bool is_marked(time_point now) const { return failed_until > now; }
  /// Whether others are to be preferred.
  bool is_avoided(time_point now) const { return is_marked(now) || health.is_ejected(now); }

  time_point failed_until{};       ///< Avoided until then; see `unhealthy_until`.
  outlier health;                  ///< How its requests ended.
  metric_labels labels;            ///< The network layer's, unknown until the first attempt.
  std::shared_ptr<void> transport; ///< The network layer's: whatever it keeps for this endpoint.

private:
  template <class T>
  friend class intrusive_ptr;
  void add_ref() noexcept { ++refs_; }
  void release() noexcept {
    if (--refs_ == 0)
      delete this;
  }

  std::uint32_t refs_ = 0;
  endpoint_ptr about_;
  endpoint_stats_ptr counts_;
};

using leased_endpoint_ptr = intrusive_ptr<leased_endpoint>;

} // namespace shunt::routing
